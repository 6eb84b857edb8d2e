"""Builders of valid objects: a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared import identifiers
from shared.steps.procedure_step import EventKind, ProcedureStepEvent
from shared.worklist_item import WorklistItem


def an_item(name: str = "001", **changes: Any) -> WorklistItem:
    """Return an item of source ``study``, record ``name``, scheduled at site ``north``."""
    item_id = identifiers.RowKey("study", name).item_id()
    fields: dict[str, Any] = {
        "id": item_id,
        "site": "north",
        "source": "study",
        "source_record": name,
        "study_instance_uid": identifiers.study_instance_uid(item_id),
        "accession_number": identifiers.accession_number(item_id),
        "requested_procedure_id": identifiers.requested_procedure_id(item_id),
        "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(item_id),
        "patient_name": "Núñez^Zoë",
        "patient_id": f"sub-{name}",
        "modality": "MR",
        "scheduled_station_aetitle": "MR1",
        "scheduled_start_date": "20261122",
        "scheduled_start_time": "093000",
        "procedure_description": "Brain MRI",
    }
    return WorklistItem.model_validate({**fields, **changes})


def an_event(
    item: WorklistItem | None,
    uid: str = "2.25.77",
    kind: EventKind = EventKind.N_CREATE,
    status: str = "IN PROGRESS",
    **changes: Any,
) -> ProcedureStepEvent:
    """Return an event of a step of ``item`` as a relay would push it."""
    dataset: dict[str, Any] = {"00400252": {"vr": "CS", "Value": [status]}}
    if kind is EventKind.N_CREATE:
        dataset |= {
            "00400241": {"vr": "AE", "Value": ["MR1"]},
            "00400244": {"vr": "DA", "Value": ["20261122"]},
            "00400245": {"vr": "TM", "Value": ["093100"]},
        }
    elif status != "IN PROGRESS":
        dataset |= {
            "00400250": {"vr": "DA", "Value": ["20261122"]},
            "00400251": {"vr": "TM", "Value": ["101500.25"]},
        }
    if item is not None and kind is EventKind.N_CREATE:
        reference = {
            "0020000D": {"vr": "UI", "Value": [item.study_instance_uid]},
            "00400009": {"vr": "SH", "Value": [item.scheduled_procedure_step_id]},
        }
        dataset["00400270"] = {"vr": "SQ", "Value": [reference]}
    fields: dict[str, Any] = {
        "event_id": uuid4().hex,
        "sop_instance_uid": uid,
        "kind": kind,
        "received_at": datetime(2026, 11, 22, 9, 31, tzinfo=UTC),
        "calling_aetitle": "MR1",
        "item_id": item.id if item else None,
        "dataset": dataset,
    }
    return ProcedureStepEvent.model_validate({**fields, **changes})
