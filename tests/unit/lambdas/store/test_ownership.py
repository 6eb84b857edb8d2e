"""Who may change what of a stored item: REDCap, a person, a scanner; and what each leaves to the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from lambdas.store.ownership import (
    StoredItem,
    from_clock,
    from_person,
    from_scanner,
    from_source,
    released,
    removed,
    restored,
    told_as,
    unended,
    unlinked,
    withdrawn,
    without_stale,
)
from shared.errors import Rejected
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, Progress, Step, StepStatus
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item

STATUS = "performed_procedure_step_status"


def stored(**changes: Any) -> StoredItem:
    return StoredItem(item=an_item(), feed_seq=7).model_copy(update=changes)


def plain_version(item: StoredItem) -> str:
    """What a version was before its item's JSON was remembered: of one dump of the whole."""
    content = item.model_dump_json(exclude={"feed_seq", "audited", "timing", "images"}).encode()
    return f"{item.feed_seq}-{sha256(content).hexdigest()[:12]}"


@pytest.mark.parametrize("edited", [(), ("patient_name",)])
@pytest.mark.parametrize("name", ["Núñez^Zoë", 'Quote"^Back\\', "", "山田^太郎"])
def test_a_version_is_of_the_whole_content(name: str, edited: tuple[str, ...]) -> None:
    one = stored(item=an_item().model_copy(update={"patient_name": name}), edited=edited)
    assert [one.version, one.version] == [plain_version(one)] * 2
    for other in (
        one.model_copy(update={"item": one.item.model_copy(update={"patient_name": "Other"})}),
        one.model_copy(update={"edited": ("modality",)}),
        one.model_copy(update={"status_owner": "person"}),
        one.model_copy(update={"feed_seq": 8}),
    ):
        assert other.version == plain_version(other) != one.version


def step(status: StepStatus, *, minute: int = 0, uid: str = "2.25.1", reason: str = "") -> Step:
    at = datetime(2026, 11, 22, 9, minute, tzinfo=UTC)
    return Step(sop_instance_uid=uid, status=status, reported_at=at, discontinuation_reason=reason)


RUNNING = step(StepStatus.IN_PROGRESS)
WRONG_ENTRY = step(StepStatus.DISCONTINUED, minute=5, reason=WRONG_WORKLIST_ENTRY)


def status_of(current: StoredItem) -> tuple[Status, str]:
    return current.item.performed_procedure_step_status, current.status_owner


# The source


def test_what_the_source_says_first_is_taken_as_it_is() -> None:
    assert from_source(None, an_item()) == StoredItem(item=an_item(), feed_seq=0)


def test_the_source_changes_every_field_nobody_else_owns() -> None:
    after = from_source(stored(), an_item(patient_id="other", scheduled_start_date="20261201"))
    assert after.item == an_item(patient_id="other", scheduled_start_date="20261201")
    assert after.feed_seq == 7


def test_the_source_does_not_take_back_what_a_person_edited() -> None:
    edited = from_person(stored(), {"patient_id": "by hand"})
    after = from_source(edited, an_item(patient_id="other", patient_name="New^Name"))
    assert (after.item.patient_id, after.item.patient_name) == ("by hand", "New^Name")


@pytest.mark.parametrize("owner", ["mpps", "person"])
def test_the_source_does_not_change_a_status_that_is_not_its_own(owner: str) -> None:
    item = an_item(performed_procedure_step_status=Status.ARRIVED)
    after = from_source(stored(item=item, status_owner=owner), an_item())
    assert status_of(after) == (Status.ARRIVED, owner)


def test_a_status_of_the_source_follows_the_source() -> None:
    item = an_item(performed_procedure_step_status=Status.READY)
    assert status_of(from_source(stored(item=item), an_item())) == (Status.SCHEDULED, "source")


def test_an_item_whose_row_comes_back_begins_anew() -> None:
    gone = withdrawn(from_person(stored(), {"patient_id": "by hand"}))
    after = from_source(gone, an_item())
    assert after == StoredItem(item=an_item(), feed_seq=0)


def test_an_item_a_person_removed_stays_removed_whatever_the_source_says() -> None:
    after = from_source(removed(stored()), an_item(patient_id="other"))
    assert (after.gone, after.status_owner) == (True, "person")


@pytest.mark.parametrize("back", [restored, lambda gone: from_scanner(gone, RUNNING)])
def test_what_a_person_removed_comes_back_as_its_source_has_it_by_now(
    back: Callable[[StoredItem], StoredItem],
) -> None:
    gone = removed(from_person(stored(), {"allergies": "latex"}))
    after = back(from_source(gone, an_item(patient_name="Roe^Ann", allergies="none"))).item
    assert (after.patient_name, after.allergies) == ("Roe^Ann", "latex")


# People


@pytest.mark.parametrize(
    "name", ["id", "site", "source", "source_record", "source_instance", "no_such_field"]
)
def test_what_an_item_is_no_person_may_change(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        from_person(stored(), {name: "x"})
    assert refused.value.where == name


def test_a_value_the_field_cannot_hold_is_refused_and_not_quoted() -> None:
    with pytest.raises(Rejected) as refused:
        from_person(stored(), {"patient_birth_date": "yesterday"})
    assert refused.value.where == "patient_birth_date"
    assert "yesterday" not in str(refused.value)


def test_a_second_edit_keeps_the_first() -> None:
    twice = from_person(from_person(stored(), {"patient_id": "P"}), {"modality": "CT"})
    assert twice.edited == ("modality", "patient_id")
    assert (twice.item.patient_id, twice.item.modality) == ("P", "CT")


def test_a_person_who_sets_the_status_owns_it_and_settles_what_scanners_said() -> None:
    scanned = from_scanner(stored(), RUNNING)
    after = from_person(scanned, {STATUS: Status.SCHEDULED})
    assert status_of(after) == (Status.SCHEDULED, "person")
    assert after.progress == Progress()
    assert after.edited == ()


def test_an_edit_of_something_else_leaves_the_status_to_its_owner() -> None:
    after = from_person(from_scanner(stored(), RUNNING), {"patient_id": "P"})
    assert status_of(after) == (Status.IN_PROGRESS, "mpps")
    assert after.progress.running == ("2.25.1",)


# Scanners


def test_a_scanner_that_reports_owns_the_status() -> None:
    assert status_of(from_scanner(stored(), RUNNING)) == (Status.IN_PROGRESS, "mpps")


def test_a_scanner_overrules_a_status_a_person_set() -> None:
    person = from_person(stored(), {STATUS: Status.CANCELLED})
    assert status_of(from_scanner(person, RUNNING)) == (Status.IN_PROGRESS, "mpps")


@pytest.mark.parametrize("bury", [withdrawn, removed])
def test_a_scan_brings_back_even_what_was_withdrawn_or_removed(bury: Any) -> None:
    after = from_scanner(bury(stored()), RUNNING)
    assert (after.gone, *status_of(after)) == (False, Status.IN_PROGRESS, "mpps")


def test_a_wrong_entry_gives_the_item_back_to_the_source() -> None:
    after = from_scanner(from_scanner(stored(), RUNNING), WRONG_ENTRY)
    assert status_of(after) == (Status.SCHEDULED, "source")
    assert not after.gone


def test_a_wrong_entry_does_not_bring_back_what_was_withdrawn_meanwhile() -> None:
    gone = withdrawn(stored())
    after = from_scanner(gone, WRONG_ENTRY)
    assert after.gone
    assert after.item == gone.item
    assert after.progress.steps == ("2.25.1",)


# Leaving


def test_an_item_whose_row_vanished_goes() -> None:
    assert withdrawn(stored()).gone


def test_an_item_a_person_set_the_status_of_goes_with_its_row() -> None:
    assert withdrawn(from_person(stored(), {STATUS: Status.ARRIVED})).gone


def test_a_scan_outlives_its_row() -> None:
    scanned = from_scanner(stored(), RUNNING)
    assert withdrawn(scanned) == scanned


def test_what_a_person_removes_is_gone_and_that_persons() -> None:
    after = removed(stored())
    assert (after.gone, after.status_owner) == (True, "person")


# What is worth writing


def test_only_another_number_is_the_same_content() -> None:
    assert stored().same_content(stored(feed_seq=99))
    assert not stored().same_content(stored(gone=True))
    assert not stored().same_content(stored(edited=("modality",)))
    other: WorklistItem = an_item(modality="CT")
    assert not stored().same_content(stored(item=other))


# The clock

DAY = "20261122"  # of `an_item`


def missed(**changes: Any) -> StoredItem:
    return from_clock(stored(**changes), DAY)


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.ARRIVED, Status.READY])
def test_an_exam_that_still_waits_after_its_day_is_a_no_show(status: Status) -> None:
    waiting = an_item(performed_procedure_step_status=status)
    assert status_of(missed(item=waiting)) == (Status.NO_SHOW, "clock")
    assert from_clock(stored(item=waiting), "20261121") == stored(item=waiting)


@pytest.mark.parametrize(
    "changes",
    [
        {"item": an_item(performed_procedure_step_status=status)}
        for status in sorted(set(Status) - {Status.SCHEDULED, Status.ARRIVED, Status.READY})
    ]
    + [{"status_owner": "mpps"}, {"status_owner": "person"}, {"gone": True}],
)
def test_what_was_scanned_set_by_a_person_or_removed_is_no_no_show(changes: dict[str, Any]) -> None:
    assert missed(**changes) == stored(**changes)


def test_a_no_show_stays_one_while_the_source_says_the_same_day() -> None:
    same_day = an_item(scheduled_start_time="180000", patient_name="New^Name")
    after = from_source(missed(), same_day)
    assert status_of(after) == (Status.NO_SHOW, "clock")
    assert after.item.patient_name == "New^Name"


@pytest.mark.parametrize("day", ["20261201", "20261121"])
def test_a_new_day_undoes_a_no_show(day: str) -> None:
    by_source = from_source(missed(), an_item(scheduled_start_date=day))
    by_person = from_person(missed(), {"scheduled_start_date": day})
    assert status_of(by_source) == status_of(by_person) == (Status.SCHEDULED, "source")
    assert by_source.item.scheduled_start_date == by_person.item.scheduled_start_date == day


def test_a_source_that_says_more_than_scheduled_undoes_a_no_show() -> None:
    cancelled = an_item(performed_procedure_step_status=Status.CANCELLED)
    assert status_of(from_source(missed(), cancelled)) == (Status.CANCELLED, "source")


def test_a_no_show_that_a_person_undid_is_not_marked_again() -> None:
    undone = from_person(missed(), {STATUS: Status.SCHEDULED})
    assert status_of(undone) == (Status.SCHEDULED, "person")
    assert from_clock(undone, "20261231") == undone


def test_an_edit_of_something_else_leaves_a_no_show() -> None:
    assert status_of(from_person(missed(), {"patient_id": "P"})) == (Status.NO_SHOW, "clock")


def test_a_scan_undoes_a_no_show_for_good() -> None:
    scanned = from_scanner(missed(), RUNNING)
    assert status_of(scanned) == (Status.IN_PROGRESS, "mpps")
    assert from_clock(scanned, "20261231") == scanned


def test_the_row_is_told_of_a_no_show_and_of_its_end_but_not_of_what_a_scanner_tells() -> None:
    before, no_show = stored(), missed()
    again = from_person(no_show, {STATUS: Status.SCHEDULED})
    assert told_as(before, no_show)
    assert told_as(no_show, again)
    assert not told_as(no_show, from_person(no_show, {"patient_id": "P"}))
    assert not told_as(no_show, from_scanner(no_show, RUNNING))
    assert not told_as(no_show, withdrawn(no_show))
    assert not told_as(None, no_show)
    by_hand = stored(item=an_item(source=""))
    assert not told_as(by_hand, from_clock(by_hand, DAY))


# Given back, and brought back


def test_a_field_given_back_is_the_sources_again() -> None:
    edited = from_person(stored(), {"patient_id": "by hand", "allergies": "latex"})
    after = released(edited, ["patient_id"])
    assert (after.edited, after.item.patient_id) == (("allergies",), "by hand")
    assert from_source(after, an_item()).item.patient_id == an_item().patient_id


def test_all_is_given_back_if_no_field_is_named() -> None:
    edited = from_person(stored(), {"patient_id": "by hand", STATUS: "CANCELLED"})
    after = from_source(released(edited), an_item())
    assert (after.item, after.edited, after.status_owner) == (an_item(), (), "source")


@pytest.mark.parametrize("field", ["patient_name", "no_such_field", STATUS])
def test_what_is_not_a_persons_cannot_be_given_back(field: str) -> None:
    scanned = from_scanner(from_person(stored(), {"patient_id": "x"}), RUNNING)
    with pytest.raises(Rejected) as caught:
        released(scanned, [field])
    assert caught.value.where == field


def test_an_item_made_by_hand_has_nobody_to_be_given_back_to() -> None:
    by_hand = from_person(stored(item=an_item(source="")), {"patient_id": "x"})
    with pytest.raises(Rejected, match="by hand"):
        released(by_hand)


def test_what_a_person_removed_comes_back_and_its_source_goes_on_with_it() -> None:
    after = restored(removed(from_person(stored(), {"allergies": "latex"})))
    assert (after.gone, after.edited) == (False, ("allergies",))
    assert from_source(after, an_item(patient_id="P9")).item.patient_id == "P9"


@pytest.mark.parametrize(
    ("before", "owner"),
    [
        (stored(), "source"),
        (from_scanner(stored(), RUNNING), "mpps"),
        (stored(item=an_item(source=""), status_owner="person"), "person"),
    ],
)
def test_what_comes_back_has_its_status_from_whom_it_had_it(before: StoredItem, owner: str) -> None:
    assert restored(removed(before)).status_owner == owner


def test_what_its_source_took_back_no_person_brings_back() -> None:
    with pytest.raises(Rejected, match="REDCap"):
        restored(withdrawn(stored()))


def test_what_is_there_need_not_be_brought_back() -> None:
    assert restored(stored()) == stored()


# A step that is not of the item

DONE = step(StepStatus.COMPLETED, uid="2.25.1")
OTHER = step(StepStatus.DISCONTINUED, uid="2.25.2", minute=9)


def test_without_its_only_step_an_item_is_to_be_scanned() -> None:
    after = unlinked(from_scanner(stored(), DONE), "2.25.1", [])
    assert status_of(after) == (Status.SCHEDULED, "source")
    assert after.performed == ()


def test_without_one_of_its_steps_an_item_is_what_the_others_make_it() -> None:
    both = from_scanner(from_scanner(stored(), DONE), OTHER)
    after = unlinked(both, "2.25.1", [OTHER])
    assert status_of(after) == (Status.DISCONTINUED, "mpps")
    assert [each.sop_instance_uid for each in after.performed] == ["2.25.2"]


def test_a_status_that_a_person_set_since_stays() -> None:
    settled = from_person(from_scanner(stored(), DONE), {STATUS: "CANCELLED"})
    after = unlinked(settled, "2.25.1", [])
    assert status_of(after) == (Status.CANCELLED, "person")


def test_linking_it_again_is_as_if_nothing_had_been() -> None:
    scanned = from_scanner(stored(), DONE)
    assert from_scanner(unlinked(scanned, "2.25.1", []), DONE) == scanned


# A step that was never ended

SILENT_SINCE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def waited(current: StoredItem) -> StoredItem:
    return without_stale(current, [], SILENT_SINCE)


def test_an_exam_whose_only_step_is_stale_is_to_be_scanned_and_nobody_says_that_it_was_missed() -> None:
    after = waited(from_scanner(stored(), RUNNING))
    assert status_of(after) == (Status.SCHEDULED, "clock")
    assert from_clock(after, "20261231") == after
    assert [each.sop_instance_uid for each in after.performed] == ["2.25.1"]


def test_a_late_report_of_a_stale_step_counts() -> None:
    after = waited(from_scanner(stored(), RUNNING))
    assert status_of(from_scanner(after, DONE)) == (Status.COMPLETED, "mpps")


def test_an_exam_with_another_finished_step_is_what_that_makes_it() -> None:
    both = from_scanner(from_scanner(stored(), RUNNING), OTHER)
    assert status_of(both) == (Status.IN_PROGRESS, "mpps")
    assert status_of(waited(both)) == (Status.DISCONTINUED, "mpps")


def test_an_exam_freed_beside_a_stale_step_was_not_missed_either() -> None:
    wrong = WRONG_ENTRY.model_copy(update={"sop_instance_uid": "2.25.3"})
    freed = from_scanner(waited(from_scanner(stored(), RUNNING)), wrong)
    assert status_of(freed) == (Status.SCHEDULED, "clock")
    assert from_clock(freed, "20261231") == freed


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.SCHEDULED, Status.COMPLETED])
def test_what_a_person_says_of_it_is_not_contradicted(status: Status) -> None:
    said = from_person(from_scanner(stored(), RUNNING), {STATUS: status})
    assert waited(said) == said
    undone = from_person(waited(from_scanner(stored(), RUNNING)), {STATUS: status})
    assert waited(undone) == undone
    assert status_of(undone) == (status, "person")


def test_a_new_day_gives_the_exam_back_to_its_source() -> None:
    moved = from_source(waited(from_scanner(stored(), RUNNING)), an_item(scheduled_start_date="20261201"))
    assert status_of(moved) == (Status.SCHEDULED, "source")


def test_a_step_that_an_earlier_build_only_knew_to_run_is_set_aside_too() -> None:
    old = from_scanner(stored(), RUNNING)
    old = old.model_copy(update={"progress": old.progress.model_copy(update={"open_steps": ()})})
    assert status_of(waited(old)) == (Status.IN_PROGRESS, "mpps")
    assert status_of(without_stale(old, [RUNNING], SILENT_SINCE)) == (Status.SCHEDULED, "clock")


# An exam that was begun and never ended


def stale() -> StoredItem:
    """Return an item whose only step was begun, and of which nothing was heard since."""
    return without_stale(from_scanner(stored(), RUNNING), [], datetime(2026, 11, 23, tzinfo=UTC))


def test_an_exam_is_unended_once_its_step_is_stale() -> None:
    assert unended(from_scanner(stored(), RUNNING)) == ()
    assert unended(stale()) == (RUNNING.sop_instance_uid,)


@pytest.mark.parametrize(
    "said",
    [
        lambda each: from_scanner(each, step(StepStatus.COMPLETED, minute=5)),
        lambda each: from_scanner(each, step(StepStatus.IN_PROGRESS, minute=5)),
        lambda each: from_scanner(each, step(StepStatus.COMPLETED, minute=5, uid="2.25.2")),
        lambda each: from_person(each, {STATUS: Status.COMPLETED}),
        lambda each: from_person(each, {STATUS: Status.SCHEDULED}),
        lambda each: from_person(each, {"scheduled_start_date": "20261201"}),
        lambda each: from_source(each, an_item(scheduled_start_date="20261201")),
        removed,
    ],
    ids=[
        "its end",
        "news of it",
        "another step",
        "a person",
        "a person: again",
        "a person: a new day",
        "REDCap: a new day",
        "gone",
    ],
)
def test_whoever_says_what_became_of_it_settles_it(said: Callable[[StoredItem], StoredItem]) -> None:
    assert unended(said(stale())) == ()


def test_that_redcap_says_the_same_again_settles_nothing() -> None:
    assert unended(from_source(stale(), stale().item)) == (RUNNING.sop_instance_uid,)
