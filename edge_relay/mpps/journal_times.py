"""Writing down anew when events were received, in the journal's rows; see `edge_relay.mpps.event_times`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from edge_relay.mpps import journal_rows
from edge_relay.mpps.event_times import Corrected, Stamp, Stamped, corrected
from edge_relay.storage.seals import seal
from shared.errors import Rejected
from shared.steps.procedure_step import EventKind, ProcedureStepEvent

NOT_CERTAIN: Final = "received at a time the relay's clock did not know: no later than given here"


def are_wanting(db: sqlite3.Connection) -> bool:
    """Tell whether there are events whose time is not known."""
    return db.execute("SELECT 1 FROM events WHERE NOT timed LIMIT 1").fetchone() is not None


def settle(db: sqlite3.Connection, now: Stamp) -> None:
    """Write the events' times as they are known now, and what follows from them: steps, items, overlay."""
    changed: dict[str, dict[str, datetime]] = {}
    for told in corrected(_stamped(db), now):
        event = _rewrite(db, told)
        if event is not None:
            times = changed.setdefault(event.sop_instance_uid, {})
            times["reported_at"] = told.at
            if event.kind is EventKind.N_CREATE:
                times["created_at"] = told.at
    items = _rewrite_steps(db, changed)
    progress = {item_id: journal_rows.progress_of_steps(db, item_id) for item_id in items}
    journal_rows.keep_progress(db, progress)
    statuses = [(each.status().value, item_id) for item_id, each in progress.items()]
    db.executemany("UPDATE overlay SET status = ? WHERE item_id = ?", statuses)


def _stamped(db: sqlite3.Connection) -> list[Stamped]:
    """Return all events from the last that was known before the first that is not."""
    sql = """SELECT seq, received_at, boot, uptime, timed FROM events WHERE seq >= coalesce(
        (SELECT max(seq) FROM events WHERE timed AND seq < (SELECT min(seq) FROM events WHERE NOT timed)), 0)
        ORDER BY seq"""
    events = []
    for seq, at, boot, uptime, timed in db.execute(sql):
        with suppress(ValueError):  # a damaged record is dealt with where it is to be sent
            events.append(Stamped(seq, Stamp(datetime.fromisoformat(at), boot, uptime, bool(timed))))
    return events


def _rewrite(db: sqlite3.Connection, told: Corrected) -> ProcedureStepEvent | None:
    """Write an event's time; return the event, None if its record is damaged."""
    event = journal_rows.event_at(db, told.seq)
    if event is None:
        db.execute("UPDATE events SET timed = 1 WHERE seq = ?", (told.seq,))
        return None
    warnings = event.warnings if told.certain else (*event.warnings, NOT_CERTAIN)
    event = event.model_copy(update={"received_at": told.at, "warnings": warnings})
    values = journal_rows.values_of(event)
    db.execute(
        "UPDATE events SET received_at = ?, body = ?, checksum = ?, warned = ?, timed = 1 WHERE seq = ?",
        (*values[3:], seal(*values), bool(warnings), told.seq),
    )
    return event


def _rewrite_steps(db: sqlite3.Connection, changed: Mapping[str, Mapping[str, datetime]]) -> set[str]:
    """Write when steps were created and reported last, if that changed; return the items they are of."""
    items: set[str] = set()
    for uid, times in changed.items():
        with suppress(Rejected):
            step = journal_rows.stored_step(db, uid)
            if step is not None:
                journal_rows.keep_step(db, step.model_copy(update=times))
                items.update(step.item_ids)
    return items
