"""Holding a journal against its mark, and against the cloud: which events one of them had, and no longer has.

What is missing here is kept in the table ``missing`` until the cloud gave it back (`give_back`) or a person
has looked (`forget`), so that the status names it after every restart. Numbers are never used twice: the next
event comes after the last that ever was. What is missing in the cloud, because its table was restored to an
earlier point, is sent again (`send_again`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from pydantic import ValidationError

from edge_relay.mpps import journal_rows
from edge_relay.mpps.journal_mark.high_water import Mark, MarkFile, Noted
from edge_relay.storage.seals import seal
from edge_relay.storage.sqlite_file import transaction
from shared.steps.procedure_step import EventReference, ProcedureStepEvent

log = logging.getLogger(__name__)

_UNKNOWN: Final = ""
MOST_NAMED: Final = 10_000
ALL_BEFORE: Final = "this and all before it, of a journal that is no longer here"


def journal_id(db: sqlite3.Connection) -> str:
    """Return the random id that a journal was given when it was made."""
    return str(db.execute("SELECT value FROM about WHERE key = 'id'").fetchone()[0])


def last_number(db: sqlite3.Connection) -> int:
    """Return the number of the last event that was ever written to a journal."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


def hold_against(db: sqlite3.Connection, file: MarkFile) -> int:
    """Find out what is missing from a journal just opened, and keep it there; return how many events are.

    A journal that never had a mark begins with one.

    :raises OSError: the mark cannot be written.
    """
    mark, ours, last = file.read(), journal_id(db), last_number(db)
    lost = losses(mark, db)
    if lost:
        with transaction(db):
            rows = [(event.seq, event.model_dump_json()) for event in lost]
            db.executemany("INSERT OR REPLACE INTO missing VALUES (?, ?)", rows)
            last = max(last, *(event.seq for event in lost))
            db.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
            db.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (last,))
        log.error(
            "%d MPPS events that scanners were told Success for are missing from journal.db: see mwl-relay "
            "journal check",
            len(lost),
        )
    if mark is None or mark.journal != ours or lost:
        file.begin(ours, last)
    elif mark.is_open:
        file.keep(last, lasting=True)
    return len(lost)


def checkpoint(db: sqlite3.Connection, file: MarkFile) -> str:
    """Bring what is in the ``-wal`` into journal.db itself, and let the mark begin there.

    :return: why that could not be done, empty if it was; nothing is lost by it.
    """
    last = last_number(db)
    try:
        busy, written, done = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if busy or written != done:
            return "others are reading it"
        file.begin(journal_id(db), last)
    except sqlite3.Error as error:
        return str(getattr(error, "sqlite_errorname", type(error).__name__))
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def forget(db: sqlite3.Connection) -> int:
    """Stop telling of what is missing; return how many events it was."""
    with transaction(db):
        return db.execute("DELETE FROM missing").rowcount


class Sent(NamedTuple):
    """An event that the cloud once had; ``seq`` is its number here."""

    seq: int
    event: EventReference


def sent(db: sqlite3.Connection, after: int, limit: int) -> list[Sent]:
    """Return the delivered events numbered above ``after``, in order, but those with a damaged name."""
    rows = db.execute(
        "SELECT seq, event_id, sop_instance_uid FROM events WHERE state = 'delivered' AND seq > ? "
        "ORDER BY seq LIMIT ?",
        (after, limit),
    ).fetchall()
    found = []
    for seq, event_id, uid in rows:
        with suppress(ValidationError):
            found.append(Sent(seq, EventReference(event_id=event_id, sop_instance_uid=uid)))
    return found


def send_again(db: sqlite3.Connection, event_ids: Collection[str]) -> set[str]:
    """Make delivered events pending again, and lay their statuses over the cache; return their items' ids.

    What the cloud refused of the same step since, because it no longer knew what came before, goes with them.
    """
    item_ids: set[str] = set()
    for event_id in event_ids:
        row = db.execute(
            "UPDATE events SET state = 'pending', attempts = 0 WHERE event_id = ? AND state = 'delivered' "
            "RETURNING seq, sop_instance_uid",
            (event_id,),
        ).fetchone()
        if row is None:
            continue
        db.execute(
            "UPDATE events SET state = 'pending', attempts = 0, reason = '' "
            "WHERE seq > ? AND sop_instance_uid = ? AND state = 'parked' AND NOT damaged",
            row,
        )
        item_ids |= _lay_over_again(db, row[1])
    return item_ids


def _lay_over_again(db: sqlite3.Connection, sop_instance_uid: str) -> set[str]:
    sql = "SELECT event_id FROM events WHERE sop_instance_uid = ? ORDER BY seq DESC LIMIT 1"
    (last,) = db.execute(sql, (sop_instance_uid,)).fetchone()
    rows = db.execute("SELECT item_id FROM links WHERE sop_instance_uid = ?", (sop_instance_uid,)).fetchall()
    for (item_id,) in rows:
        status = journal_rows.progress_of_steps(db, item_id).status().value
        db.execute("INSERT OR REPLACE INTO overlay VALUES (?, ?, ?, NULL)", (item_id, status, last))
    return {item_id for (item_id,) in rows}


def give_back(db: sqlite3.Connection, events: Sequence[ProcedureStepEvent]) -> int:
    """Take over a step's events that the cloud has; return how many of them were missing here.

    They are delivered. What the journal has of the step itself stays, and decides.
    """
    given = 0
    for event in events:
        values = journal_rows.values_of(event)
        db.execute(
            f"INSERT OR IGNORE INTO events ({journal_rows.EVENT}, state) "  # noqa: S608  (ours)
            "VALUES (?, ?, ?, ?, ?, ?, 'delivered')",
            (*values, seal(*values)),
        )
        sql = "DELETE FROM missing WHERE json_extract(noted, '$.event_id') = ?"
        given += db.execute(sql, (event.event_id,)).rowcount
    if events:
        step = journal_rows.folded_again(db, events[0].sop_instance_uid)
        journal_rows.link(db, step)
    return given


def losses(mark: Mark | None, db: sqlite3.Connection) -> list[Noted]:
    """Return the events that a mark knows of, and its journal no longer has."""
    if mark is None:
        return []
    ours, last = journal_id(db), last_number(db)
    if mark.journal != ours:
        # Another journal was here. What of it the cloud has, nobody knows; what it had taken last is named.
        return [*([_nameless(mark.seq, ALL_BEFORE)] if mark.seq else []), *mark.noted]
    named = {event.seq: event for event in mark.noted}
    numbers = range(last + 1, mark.last + 1)[-MOST_NAMED:]
    return [named.get(seq) or _nameless(seq) for seq in numbers]


def _nameless(seq: int, kind: str = _UNKNOWN) -> Noted:
    return Noted(
        seq=seq,
        event_id=_UNKNOWN,
        sop_instance_uid=_UNKNOWN,
        kind=kind,
        calling_aetitle=_UNKNOWN,
        received_at=_UNKNOWN,
    )
