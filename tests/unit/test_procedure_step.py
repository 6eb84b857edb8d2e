"""The performed procedure step's state machine, row by row and at random."""

from __future__ import annotations

from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.procedure_step import (
    TRANSITIONS,
    WRONG_WORKLIST_ENTRY,
    EventKind,
    Move,
    Refusal,
    Step,
    StepStatus,
    item_status,
    transition,
)
from shared.step_dataset import ScheduledStepReference, fold, references, refers_to, step_status
from shared.worklist_item import Status
from tests.builders import an_event, an_item

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
        (None, EventKind.N_CREATE, None, 0x0120),
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


def test_a_refusal_after_the_end_names_error_a710() -> None:
    outcome = transition(StepStatus.COMPLETED, EventKind.N_SET, StepStatus.IN_PROGRESS)
    assert isinstance(outcome, Refusal)
    assert outcome.error_id == 0xA710


def test_an_n_set_without_a_status_keeps_it() -> None:
    assert transition(StepStatus.IN_PROGRESS, EventKind.N_SET, None) == Move(StepStatus.IN_PROGRESS)


@given(st.lists(st.tuples(st.sampled_from(list(EventKind)), st.sampled_from(list(StepStatus))), max_size=8))
def test_a_step_that_ended_never_changes_again(history: list[tuple[EventKind, StepStatus]]) -> None:
    step: Step | None = None
    for kind, status in history:
        outcome = fold(step, an_event(None, kind=kind, status=DICOM[status]))
        if step is not None and step.status is not StepStatus.IN_PROGRESS:
            assert isinstance(outcome, Refusal)
        if isinstance(outcome, Step):
            step = outcome


def test_folding_keeps_what_an_n_set_does_not_carry() -> None:
    started = fold(None, an_event(None))
    assert isinstance(started, Step)
    ended = fold(started, an_event(None, kind=EventKind.N_SET, status="COMPLETED"))
    assert isinstance(ended, Step)
    assert ended.started_at == datetime(2026, 11, 22, 9, 31)
    assert ended.ended_at == datetime(2026, 11, 22, 10, 15)
    assert (ended.station_aetitle, ended.status) == ("MR1", StepStatus.COMPLETED)


def test_an_illegal_time_loses_itself_and_not_the_event() -> None:
    event = an_event(None)
    event.dataset["00400245"] = {"vr": "TM", "Value": ["half past nine"]}
    step = fold(None, event)
    assert isinstance(step, Step)
    assert step.started_at is None


def test_a_status_that_is_none_is_rejected_with_its_tag() -> None:
    with pytest.raises(Rejected, match="0040,0252"):
        step_status({"00400252": {"vr": "CS", "Value": ["FINISHED"]}})


@pytest.mark.parametrize("value", [None, [], {}, {"Value": None}, {"Value": []}, {"Value": [None]}, "text"])
def test_an_element_of_any_shape_is_no_status_rather_than_a_fault(value: object) -> None:
    dataset = {"00400252": value}
    if value == {"Value": [None]}:
        with pytest.raises(Rejected):
            step_status(dataset)
    else:
        assert step_status(dataset) is None


def test_a_step_gives_its_status_to_the_item_unless_the_wrong_entry_was_selected() -> None:
    wrong = Step(
        sop_instance_uid="2.25.1",
        status=StepStatus.DISCONTINUED,
        discontinuation_reason=WRONG_WORKLIST_ENTRY,
    )
    assert item_status(wrong) is Status.SCHEDULED
    for status in StepStatus:
        assert item_status(Step(sop_instance_uid="2.25.1", status=status)) == status.value


def test_a_reference_means_an_item_by_study_and_step_or_accession_and_never_by_guess() -> None:
    item = an_item("001")
    other = an_item("002")
    [reference] = references(an_event(item).dataset)
    assert refers_to(reference, item)
    assert not refers_to(reference, other)
    assert refers_to(ScheduledStepReference("", "", item.accession_number), item)
    assert not refers_to(ScheduledStepReference("", "", ""), item.model_copy(update={"accession_number": ""}))
    assert not refers_to(ScheduledStepReference(item.study_instance_uid, "S-OTHER", ""), item)
    assert not refers_to(
        ScheduledStepReference(other.study_instance_uid, item.scheduled_procedure_step_id, ""), item
    )
