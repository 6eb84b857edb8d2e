"""A step as the cloud knows it: the answer of ``GET /relay/steps/{sop_instance_uid}``.

A scanner may begin a step at one relay of a site and go on at another, and a relay's journal may have been
restored to an older state. So a relay asks for steps it does not know. Pure.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.steps.procedure_step import ProcedureStepEvent, Step

MOST_CHARACTERS: Final = 3_000_000
"""Characters of a step's events in one answer; Lambda answers with 6 MB at most."""


class KnownStep(BaseModel):
    """A step, and the events it was folded from.

    :param events: in the order they were recorded; empty if they are too long to be sent.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    step: Step
    events: tuple[ProcedureStepEvent, ...] = ()


def known_step(step: Step, events: tuple[ProcedureStepEvent, ...]) -> KnownStep:
    """Return what a relay is answered."""
    length = sum(len(event.model_dump_json()) for event in events)
    return KnownStep(step=step, events=events if length <= MOST_CHARACTERS else ())
