"""Parked events: the cloud's next word wins over what they say, and a person may discard them.

What the cloud refused for good is shown to scanners by this relay alone. So its status lies over the item
only until the cloud changes the item: a person's edit, a reschedule, another scanner's report.

A discarded event leaves the outbox and is kept in the table ``discarded``, whole, with who discarded it, when
and why. The step is what its other events make of it. If the event had created the step, what came after it
is discarded with it: the cloud would refuse that too. The heartbeat tells the cloud,
whose audit trail has it then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from edge_relay.mpps import journal_rows
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_tables import reference_lists
from shared.errors import NotFound, Rejected
from shared.steps.procedure_step import EventKind

LONGEST_REASON: Final = 500
# Items of which an event is parked, while nothing is on its way to the cloud.
_OVERLAID: Final = """
    SELECT item_id FROM overlay WHERE confirmed_seq IS NULL
    AND EXISTS (SELECT 1 FROM links JOIN events USING (sop_instance_uid)
        WHERE links.item_id = overlay.item_id AND events.state = 'parked')
    AND NOT EXISTS (SELECT 1 FROM links JOIN events e USING (sop_instance_uid)
        WHERE links.item_id = overlay.item_id AND e.state = 'pending' AND NOT EXISTS (
            SELECT 1 FROM events p WHERE p.sop_instance_uid = e.sop_instance_uid
                AND p.seq < e.seq AND p.state = 'parked'))"""
_KEPT: Final = """
    INSERT INTO discarded SELECT seq, event_id, sop_instance_uid, kind, received_at, body, reason, ?, ?, ?, 0
    FROM events WHERE seq = ?"""


class DiscardedEvent(NamedTuple):
    """An event a person discarded: who, when, why, and why the cloud had refused it."""

    event_id: str
    sop_instance_uid: str
    kind: str
    received_at: str
    refused_because: str
    discarded_at: str
    discarded_by: str
    because: str


class Discarding(NamedTuple):
    """Who discards an event, when, and why.

    :param at: aware.
    """

    by: str
    at: datetime
    because: str


def yield_to_cloud(journal: Journal, held_seq: Callable[[str], int | None]) -> None:
    """Before a pull: let the cloud's next change of an item end what a parked event lays over it.

    :param held_seq: the change number of an item as the cache holds it; None if it does not.
    """
    if not journal.overlay():
        return
    with journal.writing() as db:
        for (item_id,) in db.execute(_OVERLAID).fetchall():
            held = held_seq(item_id)
            until = held + 1 if held is not None else 0
            db.execute("UPDATE overlay SET confirmed_seq = ? WHERE item_id = ?", (until, item_id))


def discard(journal: Journal, event_id: str, how: Discarding) -> list[str]:
    """Discard a parked event; return the ids of all events that are discarded with it.

    :raises NotFound: no such event is parked.
    :raises Rejected: no reason is given, or one too long.
    :raises Unavailable: the journal cannot be written.
    """
    if not how.because.strip() or len(how.because) > LONGEST_REASON:
        raise Rejected(f"must be a reason, of at most {LONGEST_REASON} characters", where="because")
    with journal.writing() as db:
        gone = _parked(db, event_id)
        for seq, each in gone:
            db.execute(_KEPT, (journal_rows.stamp(how.at), how.by, how.because.strip(), seq))
            reference_lists.delete_of(db, each)
        uid = db.execute("SELECT sop_instance_uid FROM events WHERE seq = ?", (gone[0][0],)).fetchone()[0]
        db.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq, _ in gone])
        _restate(db, uid)
    return [each for _, each in gone]


def _parked(db: sqlite3.Connection, event_id: str) -> list[tuple[int, str]]:
    """Return a parked event, and what cannot be sent without it."""
    sql = "SELECT seq, sop_instance_uid, kind FROM events WHERE event_id = ? AND state = 'parked'"
    found = db.execute(sql, (event_id,)).fetchone()
    if found is None:
        raise NotFound("no event with this id is parked", hint="see mwl-relay list --parked")
    seq, uid, kind = found
    after = "SELECT seq, event_id FROM events WHERE sop_instance_uid = ? AND seq > ? AND state <> 'delivered'"
    with_it = db.execute(after, (uid, seq)).fetchall() if kind == EventKind.N_CREATE else []
    return [(seq, event_id), *with_it]


def discarded(db: sqlite3.Connection) -> list[DiscardedEvent]:
    """Return what was discarded, latest first."""
    columns = ", ".join(DiscardedEvent._fields)
    rows = db.execute(f"SELECT {columns} FROM discarded ORDER BY discarded_at DESC, seq DESC")  # noqa: S608
    return [DiscardedEvent._make(row) for row in rows]


def untold(journal: Journal, limit: int) -> list[DiscardedEvent]:
    """Return what was discarded and the cloud has not recorded yet, the oldest first.

    :raises Unavailable: the journal cannot be read.
    """
    columns = ", ".join(DiscardedEvent._fields)
    sql = f"SELECT {columns} FROM discarded WHERE NOT told ORDER BY discarded_at, seq LIMIT ?"  # noqa: S608
    with journal.reading() as db:
        return [DiscardedEvent._make(row) for row in db.execute(sql, (limit,))]


def note_told(journal: Journal, event_ids: Iterable[str]) -> None:
    """Note that the cloud has recorded that these events were discarded."""
    ids = [(each,) for each in event_ids]
    if not ids:
        return
    with journal.writing() as db:
        db.executemany("UPDATE discarded SET told = 1 WHERE event_id = ?", ids)


def _restate(db: sqlite3.Connection, uid: str) -> None:
    """Let a step and its items stand as the events that are left make of them."""
    rows = db.execute("SELECT item_id FROM links WHERE sop_instance_uid = ?", (uid,)).fetchall()
    left = db.execute("SELECT 1 FROM events WHERE sop_instance_uid = ?", (uid,)).fetchone()
    if left:
        journal_rows.keep_step(db, journal_rows.folded_again(db, uid))
    else:
        db.execute("DELETE FROM links WHERE sop_instance_uid = ?", (uid,))
        db.execute("DELETE FROM steps WHERE sop_instance_uid = ?", (uid,))
    _end_overlays(db, [item_id for (item_id,) in rows])


def _end_overlays(db: sqlite3.Connection, item_ids: Sequence[str]) -> None:
    progress = {item_id: journal_rows.progress_of_steps(db, item_id) for item_id in item_ids}
    journal_rows.keep_progress(db, progress)
    for item_id in item_ids:
        if not journal_rows.is_open(db, item_id):
            db.execute("DELETE FROM overlay WHERE item_id = ?", (item_id,))
