"""Which version a caller looked at: entity tags, and a status that a scanner reported."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.api.preconditions import (
    check_match,
    check_status_is_meant,
    etag,
    is_known,
    merged,
)
from lambdas.api.problems import PreconditionRequired
from lambdas.api.schemas.items import ItemChanges, ItemView
from lambdas.store.audit.item_history import Since
from lambdas.store.ownership import STATUS, StoredItem
from shared.errors import Outdated
from tests.rigs.builders import an_item

THERE = StoredItem(item=an_item(performed_procedure_step_status="COMPLETED"), feed_seq=7, status_owner="mpps")
TAG = etag(THERE)


@pytest.mark.parametrize("if_match", ["", "*", " * ", TAG, f'"1-a", {TAG}'])
def test_the_version_that_is_there_matches(if_match: str) -> None:
    check_match(if_match, THERE)


@pytest.mark.parametrize("if_match", ['"6-abc"', f"W/{TAG}", TAG.strip('"'), "nonsense", '""'])
def test_another_version_a_weak_tag_and_nonsense_do_not(if_match: str) -> None:
    with pytest.raises(Outdated) as caught:
        check_match(if_match, THERE)
    assert caught.value.where == "If-Match"


def test_what_changed_since_is_told_with_who_did_it() -> None:
    with pytest.raises(Outdated) as caught:
        check_match('"6-abc"', THERE, known)
    assert caught.value.changed["patient_name"] == "changed by person ana"


@pytest.mark.parametrize("if_none_match", [TAG, f"W/{TAG}", "*", f'"x", {TAG}'])
def test_who_has_the_version_is_known_to_have_it(if_none_match: str) -> None:
    assert is_known(if_none_match, THERE)


def test_who_has_another_version_is_not() -> None:
    assert not is_known('"7-0"', THERE)
    assert not is_known("", THERE)


def test_other_content_under_the_same_number_is_another_version() -> None:
    assert etag(THERE) != etag(THERE.model_copy(update={"item": an_item()}))
    assert etag(THERE) != etag(THERE.model_copy(update={"edited": ("allergies",)}))


def whole(**changes: Any) -> ItemChanges:
    shown = ItemView.of(THERE).model_dump(mode="json", exclude={"version"})
    return ItemChanges.model_validate({**shown, "performed_procedure_step_status": "IN_PROGRESS", **changes})


def test_a_whole_item_does_not_replace_what_a_scanner_reported() -> None:
    with pytest.raises(PreconditionRequired):
        check_status_is_meant(whole(), "", THERE)


def test_a_status_sent_alone_or_with_its_version_is_meant() -> None:
    check_status_is_meant(whole(), TAG, THERE)
    check_status_is_meant(whole(version=THERE.version), "", THERE)
    alone = ItemChanges.model_validate({"performed_procedure_step_status": "IN_PROGRESS", "id": "x"})
    check_status_is_meant(alone, "", THERE)


def test_a_status_that_nobody_reported_may_come_with_the_rest() -> None:
    check_status_is_meant(whole(), "", THERE.model_copy(update={"status_owner": "source"}))


def known(version: str) -> Since | None:
    """Return what changed since version 6: the name, and the status."""
    shown = {
        "patient_name": "Old^Name",
        STATUS: "SCHEDULED",
        "status_owner": "source",
        "patient_weight_kg": "68",
    }
    told = {"patient_name": "changed by person ana", STATUS: "changed by relay r1"}
    return Since(shown, told) if version == "6-abc" else None


def sent(**changes: Any) -> ItemChanges:
    """Return the whole of what version 6 showed, with changes."""
    shown = ItemView.of(THERE).model_dump(mode="json")
    old = {
        "patient_name": "Old^Name",
        STATUS: "SCHEDULED",
        "status_owner": "source",
        "version": "6-abc",
        "patient_weight_kg": "68",
        "patient_weight_lb": "149.91",
    }
    return ItemChanges.model_validate({**shown, **old, **changes})


def test_what_others_changed_since_stays_theirs() -> None:
    assert merged(sent(), THERE, known) == {}
    assert merged(sent(allergies="latex"), THERE, known) == {"allergies": "latex"}


def test_who_changed_it_as_others_did_changes_nothing() -> None:
    assert merged(sent(patient_name=THERE.item.patient_name), THERE, known) == {}


def test_what_both_changed_is_refused_with_who_changed_it() -> None:
    with pytest.raises(Outdated) as caught:
        merged(sent(patient_name="Third^Name", allergies="latex"), THERE, known)
    assert caught.value.changed == {"patient_name": "changed by person ana"}


def test_a_version_nobody_knows_changes_nothing() -> None:
    with pytest.raises(Outdated):
        merged(sent(version="5-zzz"), THERE, known)
