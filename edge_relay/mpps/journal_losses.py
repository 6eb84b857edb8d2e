"""Holding a journal against its mark: which events it had taken, and no longer has.

What is missing is kept in the table ``missing`` until a person has looked (`forget`), so that the status
names it after every restart. Numbers are never used twice: the next event comes after the last that ever
was.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import Final

from edge_relay.mpps.high_water import Mark, MarkFile, Noted
from edge_relay.storage.sqlite_file import transaction

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
