"""Performed procedure steps: from an N-CREATE or N-SET data set to a `ProcedureStepEvent`. Pure.

Which type 1 attributes must be there is PS3.4 Table F.7.2-1. A missing one is refused as PS3.7 Annex C says
(0120 absent, 0121 empty); what is merely wrong becomes a warning of the event, because the scan is real.
Whether the step may move at all is decided by `shared.procedure_step`, when the journal appends the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from pydicom.dataset import Dataset

from shared.dicom_text import parse_date, parse_date_time, parse_uid
from shared.errors import Rejected
from shared.procedure_step import DataSetJson, EventKind, ProcedureStepEvent, Refusal, StepStatus
from shared.step_dataset import references, refers_to, step_status, text
from shared.worklist_item import WorklistItem

_CREATE_TYPE_1: Final = {
    "00400270": "ScheduledStepAttributesSequence",
    "00400253": "PerformedProcedureStepID",
    "00400241": "PerformedStationAETitle",
    "00400244": "PerformedProcedureStepStartDate",
    "00400245": "PerformedProcedureStepStartTime",
    "00400252": "PerformedProcedureStepStatus",
    "00080060": "Modality",
}
_FINAL_TYPE_1: Final = {  # required before COMPLETED, PS3.4 Table F.7.2-1, final state column
    "00400250": "PerformedProcedureStepEndDate",
    "00400251": "PerformedProcedureStepEndTime",
    "00400340": "PerformedSeriesSequence",
}
_MISSING: Final = 0x0120
_EMPTY: Final = 0x0121
_INVALID_VALUE: Final = 0x0106
_INVALID_INSTANCE: Final = 0x0117


def event_from(
    kind: EventKind,
    sop_instance_uid: str,
    dataset: Dataset,
    *,
    calling_aetitle: str,
    received_at: datetime,
    event_id: str,
) -> ProcedureStepEvent | Refusal:
    """Return the event a message is, or the DIMSE refusal it must be answered with.

    :param received_at: aware, UTC.
    """
    try:
        uid = parse_uid(sop_instance_uid)
    except Rejected as error:
        return Refusal(_INVALID_INSTANCE, f"SOP Instance UID: {error.what}")
    attributes, warnings = to_json(dataset)
    refusal = _check(kind, attributes)
    if refusal is not None:
        return refusal
    return ProcedureStepEvent(
        event_id=event_id,
        sop_instance_uid=uid,
        kind=kind,
        received_at=received_at,
        calling_aetitle=calling_aetitle,
        dataset=attributes,
        warnings=(*warnings, *_warnings(attributes)),
    )


def linked_items(event: ProcedureStepEvent, candidates: Iterable[WorklistItem]) -> tuple[str, ...]:
    """Return the ids of the items the event's Scheduled Step Attributes Sequence means, in its order."""
    items = list(candidates)
    found = [
        item.id for reference in references(event.dataset) for item in items if refers_to(reference, item)
    ]
    return tuple(dict.fromkeys(found))


def to_json(dataset: Dataset) -> tuple[DataSetJson, tuple[str, ...]]:
    """Return a data set in the DICOM JSON model, and a warning for each element that could not be read."""
    attributes: DataSetJson = {}
    warnings = []
    for tag in sorted(dataset.keys()):
        try:
            attributes[f"{int(tag):08X}"] = dataset[tag].to_json_dict(None, 0)
        except Exception:  # noqa: BLE001  pydicom raises whatever a scanner's bytes provoke; the rest is kept
            warnings.append(f"element {tag} could not be read and was left out")
    return attributes, tuple(warnings)


def _check(kind: EventKind, attributes: DataSetJson) -> Refusal | None:
    try:
        status = step_status(attributes)
    except Rejected as error:
        return Refusal(_INVALID_VALUE, f"{error.where}: {error.what}")
    # A wrong status is told first, by the state machine: it says more than a list of missing attributes.
    if kind is EventKind.N_SET or status not in {None, StepStatus.IN_PROGRESS}:
        return None
    return _lacking(attributes)


def _lacking(attributes: DataSetJson) -> Refusal | None:
    absent = [keyword for tag, keyword in _CREATE_TYPE_1.items() if tag not in attributes]
    empty = [keyword for tag, keyword in _CREATE_TYPE_1.items() if not _filled(attributes, tag)]
    steps = _items(attributes, "00400270")
    if steps and not all(text(step, "0020000D") for step in steps):
        empty.append("StudyInstanceUID")
    if absent:
        return Refusal(_MISSING, f"missing: {', '.join(absent)}")
    return Refusal(_EMPTY, f"empty: {', '.join(empty)}") if empty else None


def _warnings(attributes: DataSetJson) -> Sequence[str]:
    found = [
        f"{name} is not a legal date and time"
        for name, day, clock in (("start", "00400244", "00400245"), ("end", "00400250", "00400251"))
        if not _legal_moment(text(attributes, day), text(attributes, clock))
    ]
    if step_status(attributes) is StepStatus.COMPLETED:
        lacking = [keyword for tag, keyword in _FINAL_TYPE_1.items() if not _filled(attributes, tag)]
        found += [f"COMPLETED without {keyword}" for keyword in lacking]
    return found


def _legal_moment(day: str, clock: str) -> bool:
    try:
        if day and clock:
            parse_date_time(day, clock)
        elif day:
            parse_date(day)
    except Rejected:
        return False
    return True


def _filled(attributes: DataSetJson, tag: str) -> bool:
    return any(value not in (None, "", {}) for value in attributes.get(tag, {}).get("Value", []))


def _items(attributes: DataSetJson, tag: str) -> list[dict[str, Any]]:
    return [entry for entry in attributes.get(tag, {}).get("Value", []) if isinstance(entry, dict)]
