"""Every MPPS event a scanner was answered Success for, until the cloud has it: journal.db. Never lost.

    events    in order of acceptance; pending -> delivered, or pending -> parked -> (by hand) pending
    steps     the folded state of each performed procedure step, which decides the next event's answer
    overlay   statuses the cache does not show yet, laid over it for C-FIND

Rules. `append` returns only after the commit has reached the disk (WAL, ``synchronous = FULL``). Order holds
per SOP instance: only its oldest event not yet delivered is ever handed out, so an event waits while an
earlier one is pending, and is held back while an earlier one is parked: a cloud that refused the N-CREATE
must not get its N-SET. Nothing leaves the journal but by delivery.

The overlay of an item ends when the cache holds the item at or after the change the cloud said it made. If
the cloud named no change (a replay, or an item it does not know), it ends with the first pull begun after
the answer: whatever the cloud shows then already includes the event.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from edge_relay.sqlite_file import connect, connect_read_only, transaction
from shared.errors import NotFound, Unavailable
from shared.procedure_step import EventResult, ProcedureStepEvent, Refusal, Step, item_status
from shared.step_dataset import fold
from shared.worklist_item import Status

_VERSION: Final = 1
_SUSPICIOUS_ATTEMPTS: Final = 3
_SCHEMA: Final = (
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL UNIQUE,
        sop_instance_uid TEXT NOT NULL,
        kind TEXT NOT NULL,
        received_at TEXT NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'parked')),
        attempts INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX events_open ON events (sop_instance_uid, seq) WHERE state <> 'delivered'",
    "CREATE TABLE steps (sop_instance_uid TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE overlay (
        item_id TEXT PRIMARY KEY,
        status TEXT NOT NULL,
        event_id TEXT NOT NULL,
        confirmed_seq INTEGER) WITHOUT ROWID""",
    f"PRAGMA user_version = {_VERSION}",
)
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


class Overlay(NamedTuple):
    """A status laid over a cached item.

    :param event_id: the event it comes from.
    :param confirmed_seq: the change number by which the feed shows it; 0 if the cloud has the event but named
        none; None while the cloud does not have the event.
    """

    status: Status
    event_id: str
    confirmed_seq: int | None

    def covers(self, feed_seq: int) -> bool:
        """Tell whether it still lies over an item held with this change number."""
        return not self.confirmed_seq or feed_seq < self.confirmed_seq


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


class Journal:
    """Owner of journal.db; safe to use from many threads.

    :param on_append: called after each accepted event, to wake the push loop.
    :raises Unavailable: from every method, if the file cannot be read or written; nothing has changed then.
    """

    def __init__(self, path: Path, on_append: Callable[[], None] = lambda: None) -> None:
        self._lock: Final = threading.Lock()
        self._on_append: Final = on_append
        with _translated("opened"):
            self._db: Final = connect(path, synchronous="FULL")
            try:
                self._create()
                self._overlay = self._load_overlay()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def append(self, event: ProcedureStepEvent, item_ids: Sequence[str] = ()) -> Step | Refusal:
        """Record an event if the state machine allows it; on the disk when this returns.

        :param item_ids: the items an N-CREATE is linked to; an N-SET keeps its step's.
        :return: the step's new state, or the refusal the scanner must be given.
        """
        with self._lock, _translated("written"):
            with transaction(self._db) as db:
                step = fold(_step(db, event.sop_instance_uid), event)
                if isinstance(step, Refusal):
                    return step
                step = step.model_copy(update={"item_ids": step.item_ids or tuple(item_ids)})
                if event.item_id is None and step.item_ids:
                    event = event.model_copy(update={"item_id": step.item_ids[0]})
                _insert(db, event, step)
            changed = Overlay(item_status(step), event.event_id, None)
            self._overlay = {**self._overlay, **dict.fromkeys(step.item_ids, changed)}
        self._on_append()
        return step

    def step(self, sop_instance_uid: str) -> Step | None:
        """Return a performed procedure step's folded state, None if it was never created here."""
        with self._lock, _translated("read"):
            return _step(self._db, sop_instance_uid)

    def overlay(self) -> Mapping[str, Overlay]:
        """Return the statuses to lay over the cache, by item id. Never touches the disk."""
        return self._overlay

    def due(self, limit: int) -> list[ProcedureStepEvent]:
        """Return the events to push next, at most one of each SOP instance.

        Once one has gone unanswered several times, they go one by one: perhaps it is what the cloud fails on.
        """
        with self._lock, _translated("read"):
            rows = self._db.execute(_DUE, (limit,)).fetchall()
        if any(attempts >= _SUSPICIOUS_ATTEMPTS for _, attempts in rows):
            rows = rows[:1]
        return [ProcedureStepEvent.model_validate_json(body) for body, _ in rows]

    def record_result(self, result: EventResult) -> None:
        """Take down the cloud's answer for one event: delivered, or parked with the reason."""
        if result.outcome == "refused":
            self.park(result.event_id, result.reason or "refused without a reason")
            return
        named = {linked.item_id: linked.feed_seq for linked in result.items}
        with self._lock, _translated("written"):
            with transaction(self._db) as db:
                db.execute(
                    "UPDATE events SET state = 'delivered', reason = '' WHERE event_id = ?",
                    (result.event_id,),
                )
                for item_id, entry in self._overlay.items():
                    if entry.event_id == result.event_id:
                        confirmed = (named.get(item_id, 0), item_id)
                        db.execute("UPDATE overlay SET confirmed_seq = ? WHERE item_id = ?", confirmed)
            self._overlay = self._load_overlay()

    def record_unanswered(self, event_ids: Iterable[str]) -> None:
        """Count an attempt that brought no answer; the events stay pending."""
        self._update("UPDATE events SET attempts = attempts + 1 WHERE event_id = ?", event_ids)

    def park(self, event_id: str, reason: str) -> None:
        """Set an event aside that the cloud refuses for good, with the reason it gave."""
        self._update(
            "UPDATE events SET state = 'parked', attempts = attempts + 1, reason = ? WHERE event_id = ?",
            [event_id],
            reason,
        )

    def retry(self, event_id: str) -> None:
        """Make a parked event pending again; raise `NotFound` if no such event is parked."""
        with self._lock, _translated("written"), transaction(self._db) as db:
            sql = "UPDATE events SET state = 'pending', attempts = 0 WHERE event_id = ? AND state = 'parked'"
            if db.execute(sql, (event_id,)).rowcount == 0:
                raise NotFound("no event with this id is parked", hint="see mwl-relay list --parked")

    def open_events(self) -> list[OpenEvent]:
        """Return all events not yet delivered, oldest first."""
        with self._lock, _translated("read"):
            return _open_events(self._db)

    def confirmed_overlay(self) -> Mapping[str, Overlay]:
        """Return the part of the overlay that the cloud has confirmed; take it before a pull begins."""
        return {item_id: entry for item_id, entry in self._overlay.items() if entry.confirmed_seq is not None}

    def end_overlay(self, shown: Mapping[str, Overlay]) -> None:
        """Remove statuses that the cache shows by now; one replaced by a newer event meanwhile stays."""
        rows = [(item_id, entry.event_id) for item_id, entry in shown.items()]
        with self._lock, _translated("written"):
            with transaction(self._db) as db:
                db.executemany("DELETE FROM overlay WHERE item_id = ? AND event_id = ?", rows)
            self._overlay = self._load_overlay()

    def _update(self, sql: str, ids: Iterable[str], *before: str) -> None:
        with self._lock, _translated("written"), transaction(self._db) as db:
            db.executemany(sql, [(*before, each) for each in ids])

    def _load_overlay(self) -> dict[str, Overlay]:
        rows = self._db.execute("SELECT item_id, status, event_id, confirmed_seq FROM overlay").fetchall()
        return {item_id: Overlay(Status(status), event, seq) for item_id, status, event, seq in rows}

    def _create(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, _VERSION}:
            raise Unavailable(
                f"it is of format {version}, this program reads format {_VERSION}",
                where="journal.db",
                hint="run the version of mwl-relay that wrote it until its outbox is empty",
            )
        if version == 0:
            with transaction(self._db) as db:
                for statement in _SCHEMA:
                    db.execute(statement)


class JournalReader:
    """The journal as another process sees it, for ``status`` and ``list``."""

    def __init__(self, path: Path) -> None:
        with _translated("opened"):
            self._db: Final = connect_read_only(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def open_events(self) -> list[OpenEvent]:
        """Return all events not yet delivered, oldest first."""
        with _translated("read"):
            return _open_events(self._db)


@contextmanager
def _translated(verb: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"could not be {verb}: {error}", where="journal.db") from error


def _step(db: sqlite3.Connection, sop_instance_uid: str) -> Step | None:
    row = db.execute("SELECT body FROM steps WHERE sop_instance_uid = ?", (sop_instance_uid,)).fetchone()
    return Step.model_validate_json(row[0]) if row else None


def _insert(db: sqlite3.Connection, event: ProcedureStepEvent, step: Step) -> None:
    db.execute(
        "INSERT INTO events (event_id, sop_instance_uid, kind, received_at, body) VALUES (?, ?, ?, ?, ?)",
        (
            event.event_id,
            event.sop_instance_uid,
            event.kind.value,
            event.received_at.isoformat(),
            event.model_dump_json(),
        ),
    )
    db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", (step.sop_instance_uid, step.model_dump_json()))
    status = item_status(step).value
    db.executemany(
        "INSERT OR REPLACE INTO overlay VALUES (?, ?, ?, NULL)",
        [(item_id, status, event.event_id) for item_id in step.item_ids],
    )


def _open_events(db: sqlite3.Connection) -> list[OpenEvent]:
    return [OpenEvent._make((*row[:-1], bool(row[-1]))) for row in db.execute(_OPEN).fetchall()]
