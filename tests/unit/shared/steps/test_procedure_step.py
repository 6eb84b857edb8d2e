"""The performed procedure step's state machine, row by row and at random."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.steps.procedure_step import (
    TRANSITIONS,
    WRONG_WORKLIST_ENTRY,
    EventKind,
    Move,
    Progress,
    Refusal,
    Step,
    StepStatus,
    item_status,
    transition,
)
from shared.steps.step_dataset import (
    fold,
)
from shared.worklist_item import Status
from tests.rigs.builders import an_event

DICOM = {
    StepStatus.IN_PROGRESS: "IN PROGRESS",
    StepStatus.COMPLETED: "COMPLETED",
    StepStatus.DISCONTINUED: "DISCONTINUED",
}


def test_the_table_answers_every_question() -> None:
    states: list[StepStatus | None] = [None, *StepStatus]
    assert set(TRANSITIONS) == set(product(states, EventKind, StepStatus))


@pytest.mark.parametrize(
    ("now", "kind", "asked", "status"),
    [
        (None, EventKind.N_CREATE, StepStatus.COMPLETED, 0x0106),
        (None, EventKind.N_SET, StepStatus.COMPLETED, 0x0112),
        (StepStatus.IN_PROGRESS, EventKind.N_CREATE, StepStatus.IN_PROGRESS, 0x0111),
        (StepStatus.COMPLETED, EventKind.N_SET, StepStatus.COMPLETED, 0x0110),
        (StepStatus.DISCONTINUED, EventKind.N_SET, None, 0x0110),
    ],
)
def test_what_the_standard_forbids_is_refused_with_its_status(
    now: StepStatus | None, kind: EventKind, asked: StepStatus | None, status: int
) -> None:
    outcome = transition(now, kind, asked)
    assert isinstance(outcome, Refusal)
    assert outcome.status == status


def test_a_refusal_after_the_end_has_the_standards_comment_and_error_id() -> None:
    outcome = transition(StepStatus.COMPLETED, EventKind.N_SET, StepStatus.IN_PROGRESS)
    assert outcome == Refusal(0x0110, "Performed Procedure Step Object may no longer be updated", 0xA710)


def test_no_comment_is_longer_than_the_standard_allows() -> None:
    assert all(len(each.comment) <= 64 for each in TRANSITIONS.values() if isinstance(each, Refusal))


def test_without_a_status_a_step_begins_or_goes_on() -> None:
    assert transition(StepStatus.IN_PROGRESS, EventKind.N_SET, None) == Move(StepStatus.IN_PROGRESS)
    assert transition(None, EventKind.N_CREATE, None) == Move(StepStatus.IN_PROGRESS)


@given(st.lists(st.tuples(st.sampled_from(list(EventKind)), st.sampled_from(list(StepStatus))), max_size=8))
def test_a_step_that_ended_never_changes_again(history: list[tuple[EventKind, StepStatus]]) -> None:
    step: Step | None = None
    for kind, status in history:
        outcome = fold(step, an_event(None, kind=kind, status=DICOM[status]))
        if step is not None and step.status is not StepStatus.IN_PROGRESS:
            assert isinstance(outcome, Refusal)
        if isinstance(outcome, Step):
            step = outcome


def test_a_step_gives_its_status_to_the_item_unless_the_wrong_entry_was_selected() -> None:
    wrong = Step(
        sop_instance_uid="2.25.1",
        status=StepStatus.DISCONTINUED,
        discontinuation_reason=WRONG_WORKLIST_ENTRY,
    )
    assert item_status(wrong) is Status.SCHEDULED
    for status in StepStatus:
        assert item_status(Step(sop_instance_uid="2.25.1", status=status)) == status.value


def test_an_event_names_its_items_either_way() -> None:
    event = an_event(None)
    assert event.linked() == ()
    assert event.model_copy(update={"item_id": "a"}).linked() == ("a",)
    assert event.model_copy(update={"item_id": "a", "item_ids": ("a", "b")}).linked() == ("a", "b")


def step(number: int, status: StepStatus, reason: str = "") -> Step:
    """Return a step; the higher its number, the later it was reported."""
    at = datetime(2026, 11, 22, 9, number, tzinfo=UTC)
    return Step(
        sop_instance_uid=f"2.25.{number}", status=status, discontinuation_reason=reason, reported_at=at
    )


RUNS, DONE, GIVEN_UP = StepStatus
MISTAKEN = (StepStatus.DISCONTINUED, WRONG_WORKLIST_ENTRY)


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([], Status.SCHEDULED),
        ([(RUNS, "")], Status.IN_PROGRESS),
        ([(DONE, "")], Status.COMPLETED),
        ([(GIVEN_UP, "")], Status.DISCONTINUED),
        ([MISTAKEN], Status.SCHEDULED),
        ([(DONE, ""), (RUNS, "")], Status.IN_PROGRESS),
        ([(DONE, ""), (GIVEN_UP, "")], Status.COMPLETED),
        ([(GIVEN_UP, ""), MISTAKEN], Status.SCHEDULED),
        ([MISTAKEN, (GIVEN_UP, "")], Status.DISCONTINUED),
        ([MISTAKEN, (RUNS, "")], Status.IN_PROGRESS),
        ([(DONE, ""), MISTAKEN], Status.COMPLETED),
    ],
)
def test_an_item_is_what_all_its_steps_amount_to(steps: list[tuple[StepStatus, str]], status: Status) -> None:
    each = [step(number, *known) for number, known in enumerate(steps)]
    assert Progress.of(each).status() is status
    assert Progress.of(reversed(each)) == Progress.of(each)
    assert Progress.of(each).steps == tuple(step.sop_instance_uid for step in each)


ENDS = st.sampled_from([(DONE, ""), (GIVEN_UP, ""), MISTAKEN, (RUNS, "")])


@pytest.mark.slow
@given(st.lists(ENDS, max_size=5), st.randoms(use_true_random=False))
def test_the_order_in_which_steps_are_heard_of_does_not_matter(
    ends: list[tuple[StepStatus, str]], chance: Random
) -> None:
    heard = [[step(n, RUNS), step(n, *end)] for n, end in enumerate(ends)]
    progress = Progress()
    while waiting := [each for each in heard if each]:
        progress = progress.after(chance.choice(waiting).pop(0))
    assert progress == Progress.of(step(n, *end) for n, end in enumerate(ends))
    assert Progress.model_validate_json(progress.model_dump_json()) == progress


def at_station(number: int, status: StepStatus, *, station: str = "MR1", began: int, heard: int) -> Step:
    """Return a step of a scanner that began and was last heard of at these minutes."""
    return step(number, status).model_copy(
        update={
            "station_aetitle": station,
            "created_at": datetime(2026, 11, 22, 9, began, tzinfo=UTC),
            "reported_at": datetime(2026, 11, 22, 9, heard, tzinfo=UTC),
        }
    )


ORPHAN = at_station(1, RUNS, began=0, heard=5)


@pytest.mark.parametrize(
    ("later", "status"),
    [
        (at_station(2, DONE, began=10, heard=30), Status.COMPLETED),
        (at_station(2, GIVEN_UP, began=10, heard=30), Status.DISCONTINUED),
        (at_station(2, RUNS, began=10, heard=30), Status.IN_PROGRESS),
        (at_station(2, DONE, began=3, heard=30), Status.IN_PROGRESS),
        (at_station(2, DONE, began=5, heard=30), Status.IN_PROGRESS),
        (at_station(2, DONE, station="MR2", began=10, heard=30), Status.IN_PROGRESS),
        (at_station(2, DONE, station="", began=10, heard=30), Status.IN_PROGRESS),
    ],
    ids=["done", "given up", "runs", "began before", "at once", "another scanner", "no scanner"],
)
def test_an_orphan_counts_until_its_scanner_ended_a_step_that_it_began_later(
    later: Step, status: Status
) -> None:
    for order in ([ORPHAN, later], [later, ORPHAN]):
        progress = Progress.of(order)
        assert progress.status() is status
        assert progress.superseded == (() if status is Status.IN_PROGRESS else ("2.25.1",))


def test_an_orphan_that_is_heard_of_again_counts_again() -> None:
    progress = Progress.of([ORPHAN, at_station(2, DONE, began=10, heard=30)])
    again = progress.after(at_station(1, RUNS, began=0, heard=40))
    assert again.status() is Status.IN_PROGRESS
    assert again.superseded == ()
    ended = again.after(at_station(1, DONE, began=0, heard=50))
    assert ended.status() is Status.COMPLETED


def test_the_progress_of_an_earlier_build_is_read_and_goes_on() -> None:
    old = Progress.model_validate({"steps": ["2.25.1"], "running": ["2.25.1"]})
    assert old.status() is Status.IN_PROGRESS
    both = old.after(at_station(2, DONE, began=10, heard=30))
    assert both.status() is Status.IN_PROGRESS, "nobody knows whose the first was"
    assert both.after(at_station(1, DONE, began=0, heard=40)).status() is Status.COMPLETED


@given(
    st.lists(
        st.tuples(ENDS, st.sampled_from(["MR1", "MR2", ""]), st.integers(0, 20), st.integers(0, 20)),
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_neither_does_it_with_orphans_among_them(
    ends: list[tuple[tuple[StepStatus, str], str, int, int]], chance: Random
) -> None:
    steps = [
        at_station(n, end[0], station=station, began=began, heard=began + took).model_copy(
            update={"discontinuation_reason": end[1]}
        )
        for n, (end, station, began, took) in enumerate(ends)
    ]
    shuffled = chance.sample(steps, len(steps))
    assert Progress.of(shuffled) == Progress.of(steps)
    assert Progress.model_validate_json(Progress.of(steps).model_dump_json()) == Progress.of(steps)


# Open too long

PATIENT_UNTIL = datetime(2026, 11, 22, 9, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("other", "status"),
    [
        (None, Status.SCHEDULED),
        (at_station(2, DONE, station="MR2", began=1, heard=9), Status.COMPLETED),
        (at_station(2, GIVEN_UP, station="MR2", began=1, heard=9), Status.DISCONTINUED),
        (at_station(2, RUNS, began=10, heard=20), Status.IN_PROGRESS),
    ],
    ids=["alone", "another done", "another given up", "another runs"],
)
def test_a_stale_step_leaves_the_item_to_its_other_steps(other: Step | None, status: Status) -> None:
    both = Progress.of([ORPHAN, *([other] if other else [])])
    after = both.without_stale(PATIENT_UNTIL)
    assert both.status() is Status.IN_PROGRESS
    assert (after.status(), after.stale, after.superseded) == (status, ("2.25.1",), ())
    assert after.without_stale(PATIENT_UNTIL) == after
    assert Progress.model_validate_json(after.model_dump_json()) == after


@pytest.mark.parametrize("heard", [20, 21, 59])
def test_nobody_loses_patience_with_a_step_that_was_heard_of_since(heard: int) -> None:
    heard_of = Progress.of([at_station(1, RUNS, began=0, heard=heard)])
    assert heard_of.without_stale(PATIENT_UNTIL) == heard_of


def test_a_stale_step_stays_stale_when_another_is_heard_of_and_counts_when_it_is_itself() -> None:
    stale = Progress.of([ORPHAN]).without_stale(PATIENT_UNTIL)
    other = stale.after(at_station(2, GIVEN_UP, station="MR2", began=40, heard=41))
    assert (other.status(), other.stale) == (Status.DISCONTINUED, ("2.25.1",))
    again = other.after(at_station(1, RUNS, began=0, heard=50))
    assert (again.status(), again.stale) == (Status.IN_PROGRESS, ())
    assert again.after(at_station(1, DONE, began=0, heard=55)).status() is Status.COMPLETED


def test_a_step_stored_before_anybody_lost_patience_is_read_and_goes_on() -> None:
    stored = Progress.of([ORPHAN]).model_dump_json().replace(',"stale":false', "")
    assert "stale" not in stored
    assert Progress.model_validate_json(stored) == Progress.of([ORPHAN])
