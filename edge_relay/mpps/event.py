"""Performed procedure steps: from an N-CREATE or N-SET attribute list to a `ProcedureStepEvent`. Pure.

What a message must hold is the table of `edge_relay.dicom.step_requirements`. A strict scanner is refused for
every flaw; a lenient one only for what makes no sense at all: no UID, or a status that does not exist.
What was wrong is kept with the event either way, because the scan is real. `shared.steps.procedure_step`
decides whether the step may move, when the journal appends the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from edge_relay.mpps.check import flaws_at_end, flaws_of, in_words, refusal_for
from shared.dicom.dicom_text import parse_uid
from shared.dicom.dimse_status import INVALID_ATTRIBUTE_VALUE, INVALID_OBJECT_INSTANCE, PROCESSING_FAILURE
from shared.errors import Rejected
from shared.steps.image_references import counted
from shared.steps.procedure_step import (
    DataSetJson,
    EventKind,
    ProcedureStepEvent,
    Refusal,
    Step,
    StepStatus,
    item_status,
)
from shared.steps.step_dataset import step_status
from shared.worklist_item import Status

MIX_UP: Final = "the wrong worklist entry had been selected: its exam is to be done again"


def event_from(
    kind: EventKind,
    sop_instance_uid: str,
    attributes: DataSetJson,
    *,
    strict: bool,
    calling_aetitle: str,
    received_at: datetime,
    event_id: str,
) -> ProcedureStepEvent | Refusal:
    """Return the event a message is, or the DIMSE refusal it must be answered with.

    :param strict: refuse whatever the standard does not allow.
    :param received_at: aware, UTC.
    """
    try:
        uid = parse_uid(sop_instance_uid)
    except Rejected as error:
        return Refusal(INVALID_OBJECT_INSTANCE, f"SOP Instance UID: {error.what}")
    try:
        status = step_status(attributes)
    except Rejected as error:
        return Refusal(INVALID_ATTRIBUTE_VALUE, f"{error.where}: {error.what}")
    try:  # the model looks at everything; after that nothing is too deep to be judged
        event = ProcedureStepEvent(
            event_id=event_id,
            sop_instance_uid=uid,
            kind=kind,
            received_at=received_at,
            calling_aetitle=calling_aetitle,
            dataset=attributes,
        )
    except ValidationError as error:
        said = error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")
        return Refusal(PROCESSING_FAILURE, f"the attribute list {said}")
    flaws = flaws_of(kind, attributes)
    # A wrong status is told first, by the state machine: it says more than a list of missing attributes.
    if strict and (kind is EventKind.N_SET or status in {None, StepStatus.IN_PROGRESS}):
        refusal = refusal_for(kind, flaws)
        if refusal is not None:
            return refusal
    return counted(with_warnings(event, tuple(in_words(flaws).values())))


def ended(
    event: ProcedureStepEvent, step: Step, attributes: DataSetJson, *, strict: bool
) -> ProcedureStepEvent | Refusal:
    """Return the event that ends a step with its last warnings, or the refusal if the step lacks something.

    Only COMPLETED is refused. DISCONTINUED has the same final state in the table, but a scanner that stopped
    before its first series has none to name, and the stop is real.

    :param step: as the event leaves it.
    :param attributes: of the step's N-CREATE and all its N-SET, this one included.
    """
    flaws = flaws_at_end(attributes)
    if strict and step.status is StepStatus.COMPLETED:
        refusal = refusal_for(EventKind.N_SET, flaws)
        if refusal is not None:
            return refusal
    found = [f"{step.status} with {words}" for words in in_words(flaws).values()]
    if item_status(step) is Status.SCHEDULED:
        found.append(MIX_UP)
    return with_warnings(event, found)


def with_warnings(event: ProcedureStepEvent, found: Sequence[str]) -> ProcedureStepEvent:
    """Return the event with more warnings."""
    return event.model_copy(update={"warnings": (*event.warnings, *found)}) if found else event
