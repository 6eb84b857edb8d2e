"""The journal's rows: what is written for an event, what is read back. Plain SQL on an open connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from edge_relay.worklist.overlay import Overlay
from shared.procedure_step import DataSetJson, ProcedureStepEvent, Progress, Step
from shared.step_dataset import merged
from shared.worklist_item import Status

# The oldest event of each SOP instance that is not delivered, if it may go now. Least tried first, so that
# one the cloud keeps not answering cannot crowd out the others.
_DUE: Final = """
    SELECT body, attempts FROM events WHERE state = 'pending' AND seq IN (
        SELECT min(seq) FROM events WHERE state <> 'delivered' GROUP BY sop_instance_uid)
    ORDER BY attempts, seq LIMIT ?"""
_OPEN: Final = """
    SELECT e.event_id, e.sop_instance_uid, e.kind, e.received_at, e.state, e.attempts, e.reason,
        EXISTS (SELECT 1 FROM events p WHERE p.sop_instance_uid = e.sop_instance_uid
            AND p.seq < e.seq AND p.state = 'parked')
    FROM events e WHERE e.state <> 'delivered' ORDER BY e.seq"""
_ITEM_IS_OPEN: Final = """
    SELECT EXISTS (SELECT 1 FROM links JOIN events USING (sop_instance_uid)
        WHERE links.item_id = ? AND events.state <> 'delivered')"""
_OVER: Final = """
    SELECT sop_instance_uid FROM events JOIN steps USING (sop_instance_uid)
    WHERE json_extract(steps.body, '$.status') <> 'IN_PROGRESS'
    GROUP BY sop_instance_uid HAVING max(received_at) < ? AND min(state = 'delivered')"""


class OpenEvent(NamedTuple):
    """An event not yet delivered. ``held`` means it waits behind a parked one of the same SOP instance."""

    event_id: str
    sop_instance_uid: str
    kind: str
    received_at: str
    state: Literal["pending", "parked"]
    attempts: int
    reason: str
    held: bool


class WarnedEvent(NamedTuple):
    """An event something was wrong with: what is missing, illegal, or a mix-up. No patient data."""

    event_id: str
    sop_instance_uid: str
    kind: str
    received_at: str
    calling_aetitle: str
    warnings: tuple[str, ...]


def stored_step(db: sqlite3.Connection, sop_instance_uid: str) -> Step | None:
    """Return a performed procedure step's folded state, None if it was never created here."""
    row = db.execute("SELECT body FROM steps WHERE sop_instance_uid = ?", (sop_instance_uid,)).fetchone()
    return Step.model_validate_json(row[0]) if row else None


def stored_attributes(db: sqlite3.Connection, sop_instance_uid: str) -> DataSetJson | None:
    """Return a step's attributes: of its N-CREATE and all its N-SET; None if its events are not held."""
    sql = "SELECT body FROM events WHERE sop_instance_uid = ? ORDER BY seq"
    attributes: DataSetJson | None = None
    for (body,) in db.execute(sql, (sop_instance_uid,)):
        attributes = merged(attributes or {}, json.loads(body)["dataset"])
    return attributes


def insert(db: sqlite3.Connection, event: ProcedureStepEvent, step: Step) -> dict[str, Overlay]:
    """Write an event and its step as it leaves it; return the statuses its items have by it."""
    db.execute(
        "INSERT INTO events (event_id, sop_instance_uid, kind, received_at, body, warned)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            event.event_id,
            event.sop_instance_uid,
            event.kind.value,
            stamp(event.received_at),
            event.model_dump_json(),
            bool(event.warnings),
        ),
    )
    statuses = link(db, step)
    overlay = {item_id: Overlay(status, event.event_id, None) for item_id, status in statuses.items()}
    db.executemany(
        "INSERT OR REPLACE INTO overlay VALUES (?, ?, ?, NULL)",
        [(item_id, entry.status.value, entry.event_id) for item_id, entry in overlay.items()],
    )
    return overlay


def link(db: sqlite3.Connection, step: Step) -> dict[str, Status]:
    """Write a step and which items it is of; return what all steps of these items amount to."""
    uid = step.sop_instance_uid
    db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", (uid, step.model_dump_json()))
    db.executemany("INSERT OR IGNORE INTO links VALUES (?, ?)", [(item_id, uid) for item_id in step.item_ids])
    progress = {item_id: _progress(db, item_id).after(step) for item_id in step.item_ids}
    db.executemany(
        "INSERT OR REPLACE INTO items VALUES (?, ?)",
        [(item_id, each.model_dump_json()) for item_id, each in progress.items()],
    )
    return {item_id: each.status() for item_id, each in progress.items()}


def confirm(db: sqlite3.Connection, item_ids: Iterable[str], named: Mapping[str, int]) -> None:
    """Note that the cloud has an event of these items; a status with others outstanding stays unconfirmed.

    :param named: the change numbers by which the feed shows the items.
    """
    for item_id in item_ids:
        if not db.execute(_ITEM_IS_OPEN, (item_id,)).fetchone()[0]:
            shown = (named.get(item_id, 0), item_id)
            db.execute("UPDATE overlay SET confirmed_seq = ? WHERE item_id = ?", shown)


def stored_overlay(db: sqlite3.Connection) -> dict[str, Overlay]:
    """Return the statuses to lay over the cache, by item id."""
    rows = db.execute("SELECT item_id, status, event_id, confirmed_seq FROM overlay").fetchall()
    return {item_id: Overlay(Status(status), event, seq) for item_id, status, event, seq in rows}


def due(db: sqlite3.Connection, limit: int) -> list[tuple[str, int]]:
    """Return the events that may be pushed now, as JSON, and how often each has been tried in vain."""
    return db.execute(_DUE, (limit,)).fetchall()


def open_events(db: sqlite3.Connection) -> list[OpenEvent]:
    """Return all events not yet delivered, oldest first."""
    return [OpenEvent._make((*row[:-1], bool(row[-1]))) for row in db.execute(_OPEN).fetchall()]


def warned_events(db: sqlite3.Connection, limit: int) -> list[WarnedEvent]:
    """Return the latest events something was wrong with, newest first."""
    rows = db.execute("SELECT body FROM events WHERE warned ORDER BY seq DESC LIMIT ?", (limit,))
    events = (ProcedureStepEvent.model_validate_json(body) for (body,) in rows)
    return [
        WarnedEvent(
            event.event_id,
            event.sop_instance_uid,
            event.kind.value,
            event.received_at.isoformat(),
            event.calling_aetitle,
            event.warnings,
        )
        for event in events
    ]


def over_before(db: sqlite3.Connection, before: datetime) -> list[str]:
    """Return the steps that ended, are delivered whole, and of which nothing came since."""
    return [uid for (uid,) in db.execute(_OVER, (stamp(before),))]


def stamp(moment: datetime) -> str:
    """Return an aware moment in a form that sorts as text."""
    return moment.astimezone(UTC).isoformat()


def _progress(db: sqlite3.Connection, item_id: str) -> Progress:
    row = db.execute("SELECT progress FROM items WHERE item_id = ?", (item_id,)).fetchone()
    if row:
        return Progress.model_validate_json(row[0])
    # Not written yet: its first step, or steps of a journal of the first version.
    sql = "SELECT body FROM links JOIN steps USING (sop_instance_uid) WHERE item_id = ?"
    return Progress.of(Step.model_validate_json(body) for (body,) in db.execute(sql, (item_id,)))
