"""Which version a caller looked at: entity tags, and a status that a scanner reported."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.api.preconditions import (
    PreconditionRequired,
    check_match,
    check_status_is_meant,
    differing,
    etag,
    is_known,
)
from lambdas.api.schemas.items import ItemChanges, ItemView
from lambdas.store.ownership import StoredItem
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
        check_match(if_match, THERE, ["patient_name"])
    assert list(caught.value.changed) == ["patient_name"]


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


def test_what_differs_is_told_by_field() -> None:
    assert differing(whole(allergies="latex"), THERE) == ["allergies", "performed_procedure_step_status"]
