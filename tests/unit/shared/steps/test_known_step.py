"""What a relay is told of a step it does not know: the step, and its events if they can be sent."""

from __future__ import annotations

from shared.steps.known_step import MOST_CHARACTERS, KnownStep, known_step
from shared.steps.procedure_step import Step, StepStatus
from tests.rigs.builders import an_event

STEP = Step(sop_instance_uid="2.25.77", status=StepStatus.IN_PROGRESS)


def test_the_events_come_along_and_survive_the_journey() -> None:
    known = known_step(STEP, (an_event(None), an_event(None)))
    assert len(known.events) == 2
    assert KnownStep.model_validate_json(known.model_dump_json()) == known


def test_events_too_long_to_be_sent_stay_behind_and_the_step_comes_alone() -> None:
    long = an_event(None).model_copy(
        update={"dataset": {"00400280": {"vr": "ST", "Value": ["x" * MOST_CHARACTERS]}}}
    )
    assert known_step(STEP, (an_event(None), long)) == KnownStep(step=STEP)
