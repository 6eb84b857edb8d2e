"""Reading an MPPS attribute list: what the state machine, the links and the write-back need of it.

Works on the DICOM JSON model (PS3.18 Annex F), which both sides exchange; tags are PS3.4 Table F.7.2-1.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from shared.dicom_text import parse_date_time
from shared.errors import Rejected
from shared.procedure_step import (
    DataSetJson,
    ProcedureStepEvent,
    Refusal,
    Step,
    StepStatus,
    transition,
)
from shared.worklist_item import WorklistItem

STATUS: Final = "00400252"
_SCHEDULED_STEP_ATTRIBUTES: Final = "00400270"
_DICOM_STATUS: Final = {
    "IN PROGRESS": StepStatus.IN_PROGRESS,
    "COMPLETED": StepStatus.COMPLETED,
    "DISCONTINUED": StepStatus.DISCONTINUED,
}


class ScheduledStepReference(NamedTuple):
    """One item of the Scheduled Step Attributes Sequence (0040,0270): which exam the scanner says it did."""

    study_instance_uid: str
    scheduled_procedure_step_id: str
    accession_number: str


def text(dataset: DataSetJson, tag: str) -> str:
    """Return the first value of an attribute as text, empty if absent or empty."""
    values = _values(dataset, tag)
    return str(values[0]).strip() if values and not isinstance(values[0], dict) else ""


def step_status(dataset: DataSetJson) -> StepStatus | None:
    """Return the status the data set asks for, None if it names none; raise `Rejected` if it is no status."""
    asked = text(dataset, STATUS)
    if not asked:
        return None
    if asked not in _DICOM_STATUS:
        raise Rejected("the status is not IN PROGRESS, COMPLETED or DISCONTINUED", where="(0040,0252)")
    return _DICOM_STATUS[asked]


def references(dataset: DataSetJson) -> tuple[ScheduledStepReference, ...]:
    """Return what the Scheduled Step Attributes Sequence refers to, in order; empty if unscheduled."""
    return tuple(
        ScheduledStepReference(text(entry, "0020000D"), text(entry, "00400009"), text(entry, "00080050"))
        for entry in _values(dataset, _SCHEDULED_STEP_ATTRIBUTES)
        if isinstance(entry, dict)
    )


def refers_to(reference: ScheduledStepReference, item: WorklistItem) -> bool:
    """Tell whether a reference means this item: study and step id, or the study or accession alone.

    A reference that names a step id must agree with the item's. Never by patient id: that would be a guess.
    """
    step_id = reference.scheduled_procedure_step_id
    if step_id and step_id != item.scheduled_procedure_step_id:
        return False
    if reference.study_instance_uid:
        return reference.study_instance_uid == item.study_instance_uid
    return bool(reference.accession_number) and reference.accession_number == item.accession_number


def fold(step: Step | None, event: ProcedureStepEvent) -> Step | Refusal:
    """Return the step's state after an event, or the refusal the state machine gives.

    Attributes the event does not carry keep their value; N-SET replaces what it carries (PS3.4 F.7.2.2).
    """
    outcome = transition(step.status if step else None, event.kind, step_status(event.dataset))
    if isinstance(outcome, Refusal):
        return outcome
    before = step or Step(sop_instance_uid=event.sop_instance_uid, status=outcome.to)
    ds = event.dataset
    changes: dict[str, Any] = {
        "status": outcome.to,
        "started_at": _moment(ds, "00400244", "00400245"),
        "ended_at": _moment(ds, "00400250", "00400251"),
        "station_aetitle": text(ds, "00400241"),
        "station_name": text(ds, "00400242"),
        "discontinuation_reason": _code_value(ds, "00400281"),
        "series_count": len(_values(ds, "00400340")),
    }
    return before.model_copy(update={key: value for key, value in changes.items() if value})


def _values(dataset: DataSetJson, tag: str) -> list[Any]:
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _code_value(dataset: DataSetJson, tag: str) -> str:
    entries = _values(dataset, tag)
    return text(entries[0], "00080100") if entries and isinstance(entries[0], dict) else ""


def _moment(dataset: DataSetJson, date_tag: str, time_tag: str) -> Any:
    day, clock = text(dataset, date_tag), text(dataset, time_tag)
    if not day or not clock:
        return None
    try:
        return parse_date_time(day, clock)
    except Rejected:
        return None  # an illegal date loses itself only, never the event; the relay's warnings tell
