"""A person or an archive says that an exam is completed, in any order with what scanners report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.store.ownership import (
    StoredItem,
    completed_by_person,
    completed_without_step,
    doubted,
    from_clock,
    from_images,
    from_person,
    from_scanner,
    from_source,
    released,
    removed,
    reopened,
    restored,
    told_as,
    unlinked,
    withdrawn,
    without_stale,
)
from lambdas.store.unfinished_write_backs import completion_of
from shared.errors import Rejected
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, Progress, Step, StepStatus
from shared.steps.study_images import StudyImages
from shared.worklist_item import Status
from tests.rigs.builders import an_item

STATUS: Final = "performed_procedure_step_status"
LATER: Final = datetime(2026, 11, 25, tzinfo=UTC)


def stored(**changes: Any) -> StoredItem:
    return StoredItem(item=an_item(), feed_seq=7).model_copy(update=changes)


def images(**changes: Any) -> StudyImages:
    item = an_item()
    given = {"study_instance_uid": item.study_instance_uid, "patient_id": item.patient_id, "series_count": 3}
    return StudyImages(item_id=item.id, **{**given, **changes})


def step(status: StepStatus, uid: str = "2.25.1", *, minute: int = 0, reason: str = "") -> Step:
    at = datetime(2026, 11, 22, 9, minute, tzinfo=UTC)
    return Step(sop_instance_uid=uid, status=status, reported_at=at, discontinuation_reason=reason)


RUNNING: Final = step(StepStatus.IN_PROGRESS)
DONE: Final = step(StepStatus.COMPLETED)
GIVEN_UP: Final = step(StepStatus.DISCONTINUED)
WRONG_ENTRY: Final = step(StepStatus.DISCONTINUED, reason=WRONG_WORKLIST_ENTRY)
OTHERS: Final = images(patient_id="P-OTHER")


def status_of(current: StoredItem) -> tuple[Status, str]:
    return current.item.performed_procedure_step_status, current.status_owner


COMPLETED_BY_IMAGES: Final = (Status.COMPLETED, "images")

# An archive


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.ARRIVED, Status.READY, Status.NO_SHOW])
def test_images_complete_what_is_open_or_was_missed(status: Status) -> None:
    owner = "clock" if status is Status.NO_SHOW else "source"
    there = stored(item=an_item(performed_procedure_step_status=status), status_owner=owner)
    assert status_of(from_images(there, images())) == COMPLETED_BY_IMAGES


@pytest.mark.parametrize("step", [RUNNING, DONE, GIVEN_UP], ids=lambda each: each.status.value)
def test_images_change_nothing_of_what_a_scanner_reported(step: Step) -> None:
    scanned = from_scanner(stored(), step)
    assert status_of(from_images(scanned, images())) == status_of(scanned)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.SCHEDULED, Status.NO_SHOW])
def test_images_change_nothing_of_what_a_person_set(status: Status) -> None:
    assert status_of(from_images(from_person(stored(), {STATUS: status}), images())) == (status, "person")


def test_images_do_not_bring_back_what_the_study_cancelled() -> None:
    cancelled = stored(item=an_item(performed_procedure_step_status=Status.CANCELLED))
    assert status_of(from_images(cancelled, images())) == (Status.CANCELLED, "source")


@pytest.mark.parametrize("patient_id", ["P-OTHER", "", "p001", "P001 1"])
def test_images_under_another_patient_id_are_noted_and_not_believed(patient_id: str) -> None:
    after = from_images(stored(), images(patient_id=patient_id))
    assert status_of(after) == (Status.SCHEDULED, "source")
    assert after.images is not None
    assert after.images.other_patient


def test_a_patient_id_padded_with_spaces_is_the_same() -> None:
    padded = images(patient_id=f" {an_item().patient_id} ")
    assert status_of(from_images(stored(), padded)) == COMPLETED_BY_IMAGES


def test_images_of_another_study_say_nothing_of_the_exam() -> None:
    assert from_images(stored(), images(study_instance_uid="2.25.99")) == stored()


@pytest.mark.parametrize(
    "settled",
    [
        lambda there: from_images(there, images()),
        completed_by_person,
        lambda there: from_scanner(there, RUNNING),
        lambda there: from_person(there, {STATUS: Status.CANCELLED}),
        withdrawn,
    ],
    ids=["the archive", "a person", "the scanner", "cancelled", "withdrawn"],
)
def test_images_are_doubted_until_somebody_says_what_became(settled: Deed) -> None:
    there = from_images(stored(), OTHERS)
    assert not doubted(stored())
    assert doubted(there)
    assert not doubted(settled(there))


def test_images_of_an_exam_that_nobody_came_to_are_doubted_too() -> None:
    assert doubted(from_clock(from_images(stored(), OTHERS), "20991231"))


def test_images_that_turn_out_to_be_of_another_patient_complete_it_no_more() -> None:
    assert status_of(from_images(from_images(stored(), images()), OTHERS)) == (Status.SCHEDULED, "source")


@pytest.mark.parametrize("bury", [withdrawn, removed])
def test_images_do_not_bring_back_what_is_off_the_list(bury: Callable[[StoredItem], StoredItem]) -> None:
    gone = bury(stored())
    assert from_images(gone, images()) == gone


def test_what_was_scanned_stays_on_the_list_when_its_row_vanishes() -> None:
    done = from_images(stored(), images())
    assert withdrawn(done) == done


def test_the_source_and_the_clock_leave_what_images_completed() -> None:
    done = from_images(stored(), images())
    assert status_of(from_source(done, an_item(patient_name="New^Name"))) == COMPLETED_BY_IMAGES
    assert from_clock(done, "20991231") == done


def test_after_the_wrong_entry_was_selected_images_are_somebody_elses() -> None:
    first = from_images(from_scanner(stored(), WRONG_ENTRY), images())
    last = from_scanner(from_images(stored(), images()), WRONG_ENTRY)
    assert status_of(first) == status_of(last) == (Status.SCHEDULED, "source")


def test_images_count_once_the_step_that_was_never_ended_does_not() -> None:
    running = from_images(from_scanner(stored(), RUNNING), images())
    assert status_of(running) == (Status.IN_PROGRESS, "mpps")
    assert status_of(without_stale(running, (), LATER)) == COMPLETED_BY_IMAGES


def test_images_count_once_a_person_said_that_the_step_is_of_another_exam() -> None:
    scanned = from_images(from_scanner(stored(), DONE), images())
    assert status_of(unlinked(scanned, DONE.sop_instance_uid, ())) == COMPLETED_BY_IMAGES


def test_a_version_is_what_it_was_before_there_was_an_archive() -> None:
    content = stored().model_dump_json(exclude={"feed_seq", "audited", "timing", "images"})
    assert stored().version == f"7-{sha256(content.encode()).hexdigest()[:12]}"
    assert from_images(stored(), images()).version != stored(status_owner="images").version


# A person


def test_a_person_completes_what_no_scanner_reported() -> None:
    done = completed_by_person(stored())
    assert (status_of(done), completed_without_step(done)) == ((Status.COMPLETED, "person"), "person")
    assert completed_by_person(done) == done


@pytest.mark.parametrize("step", [RUNNING, GIVEN_UP], ids=lambda each: each.status.value)
def test_a_person_is_told_that_a_scanner_reports_it(step: Step) -> None:
    with pytest.raises(Rejected, match="a scanner reports"):
        completed_by_person(from_scanner(stored(), step))


def test_what_is_completed_already_stays_as_it_is() -> None:
    for done in (from_scanner(stored(), DONE), from_images(stored(), images())):
        assert completed_by_person(done) == done


@pytest.mark.parametrize("step", [RUNNING, DONE, GIVEN_UP], ids=lambda each: each.status.value)
def test_a_later_report_of_a_scanner_corrects_it(step: Step) -> None:
    for done in (completed_by_person(stored()), from_images(stored(), images())):
        assert status_of(from_scanner(done, step)) == (Status(step.status.value), "mpps")


def test_what_a_person_completed_by_mistake_is_the_sources_again() -> None:
    undone = reopened(completed_by_person(stored()))
    assert status_of(undone) == (Status.SCHEDULED, "source")
    ready = an_item(performed_procedure_step_status=Status.READY)
    assert status_of(from_source(undone, ready)) == (Status.READY, "source")


def test_what_a_person_took_back_the_same_images_do_not_complete_again() -> None:
    undone = reopened(from_images(stored(), images()))
    assert status_of(undone) == (Status.SCHEDULED, "person")
    assert status_of(from_images(undone, images(series_count=4))) == (Status.SCHEDULED, "person")
    assert status_of(from_images(released(undone), images())) == COMPLETED_BY_IMAGES


@pytest.mark.parametrize(
    "there", [stored(), from_scanner(stored(), DONE), from_person(stored(), {STATUS: Status.CANCELLED})]
)
def test_only_what_a_person_or_images_completed_is_taken_back(there: StoredItem) -> None:
    with pytest.raises(Rejected, match="no person and no archive"):
        reopened(there)


# REDCap


def test_the_row_is_told_who_completed_it_and_that_it_was_not() -> None:
    there, key = stored(), completion_of(an_item().id)
    for done in (completed_by_person(there), from_images(there, images())):
        assert told_as(there, done) == key
        assert told_as(done, reopened(done)) == key
        assert told_as(done, done.model_copy(update={"edited": ("patient_id",)})) == ""
        assert told_as(done, from_scanner(done, DONE)) == ""  # told with its step
    missed = from_clock(there, "20991231")
    assert told_as(missed, from_images(missed, images())) == key
    by_hand = stored(item=an_item(source=""))
    assert told_as(by_hand, completed_by_person(by_hand)) == ""


def test_images_that_are_not_believed_are_not_told() -> None:
    assert told_as(stored(), from_images(stored(), OTHERS)) == ""


# Any order

_STEPS: Final = st.lists(
    st.builds(
        step,
        st.sampled_from(StepStatus),
        st.sampled_from(["2.25.1", "2.25.2", "2.25.3"]),
        minute=st.integers(0, 3),
        reason=st.sampled_from(["", WRONG_WORKLIST_ENTRY]),
    ),
    max_size=3,
    unique_by=lambda each: each.sop_instance_uid,
)

Deed = Callable[[StoredItem], StoredItem]


def _deed(what: Step | StudyImages) -> Deed:
    if isinstance(what, Step):
        return lambda there: from_scanner(there, what)
    return lambda there: from_images(there, what)


def _or_as_it_was(deed: Deed) -> Deed:
    def tried(there: StoredItem) -> StoredItem:
        try:
            return deed(there)
        except Rejected:
            return there

    return tried


@given(_STEPS, st.lists(st.just(images()), max_size=2), st.randoms(use_true_random=False))
def test_scanners_and_archives_may_be_heard_of_in_any_order(
    steps: list[Step], found: list[StudyImages], chance: Any
) -> None:
    happened: list[Step | StudyImages] = [*steps, *found]
    chance.shuffle(happened)
    now = stored()
    for each in happened:
        now = _deed(each)(now)
    progress = Progress.of(steps)
    if progress.status() is not Status.SCHEDULED:
        assert status_of(now) == (progress.status(), "mpps")
    elif found and progress.freed_at is None:
        assert status_of(now) == COMPLETED_BY_IMAGES
    else:
        assert status_of(now) == (Status.SCHEDULED, "source")


_OF_PEOPLE: Final[list[Deed]] = [
    completed_by_person,
    reopened,
    released,
    restored,
    removed,
    lambda there: from_person(there, {STATUS: Status.SCHEDULED}),
    lambda there: from_person(there, {STATUS: Status.CANCELLED}),
    lambda there: from_person(there, {"patient_id": "P-OTHER"}),
    lambda there: from_source(there, an_item()),
    lambda there: from_clock(there, "20991231"),
    lambda there: without_stale(there, (), LATER),
]
_DEEDS: Final = st.lists(
    st.one_of(
        st.sampled_from(_OF_PEOPLE).map(_or_as_it_was),
        st.sampled_from([images(), OTHERS]).map(_deed),
        _STEPS.filter(bool).map(lambda each: _deed(each[0])),
    ),
    max_size=8,
)


@given(_DEEDS)
def test_whatever_happened_a_scanner_has_the_last_word(deeds: list[Deed]) -> None:
    now = stored()
    for deed in deeds:
        now = deed(now)
    for status in StepStatus:
        after = from_scanner(now, step(status, "2.25.9", minute=59))
        assert status_of(after) == (after.progress.status(), "mpps")


@given(_DEEDS)
def test_whatever_happened_images_never_overrule_a_scanner_or_a_person(deeds: list[Deed]) -> None:
    now = stored()
    for deed in deeds:
        now = deed(now)
    after = from_images(now, images())
    if now.status_owner in {"mpps", "person"} or now.gone:
        assert status_of(after) == status_of(now)


@given(_DEEDS)
def test_whatever_happened_images_of_another_patient_never_complete_an_exam(deeds: list[Deed]) -> None:
    now = stored()
    for deed in deeds:
        now = deed(now)
        done = completed_without_step(now) == "images"
        assert not done or (now.images is not None and not now.images.other_patient)
