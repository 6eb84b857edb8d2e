"""The events something was wrong with, for whoever looks: what is missing, illegal, or a mix-up."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from pydantic import ValidationError

from shared.steps.procedure_step import ProcedureStepEvent


class WarnedEvent(NamedTuple):
    """An event something was wrong with: what is missing, illegal, or a mix-up. No patient data."""

    event_id: str
    sop_instance_uid: str
    kind: str
    received_at: str
    calling_aetitle: str
    warnings: tuple[str, ...]


def latest(db: sqlite3.Connection, limit: int) -> list[WarnedEvent]:
    """Return the latest events something was wrong with, newest first."""
    sql = "SELECT event_id, sop_instance_uid, kind, received_at, body FROM events WHERE warned"
    rows = db.execute(f"{sql} ORDER BY seq DESC LIMIT ?", (limit,))
    return [_warned(*row) for row in rows]


def _warned(event_id: str, uid: str, kind: str, received_at: str, body: str) -> WarnedEvent:
    try:
        event = ProcedureStepEvent.model_validate_json(body)
    except ValidationError:
        return WarnedEvent(event_id, uid, kind, received_at, "", ("its record in the journal is damaged",))
    at = event.received_at.isoformat()
    return WarnedEvent(event_id, uid, kind, at, event.calling_aetitle, event.warnings)
