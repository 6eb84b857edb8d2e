"""Every MPPS event a scanner was answered Success for, until the cloud has it: journal.db. Never lost.

    events    in order of acceptance; pending -> delivered, or pending -> parked -> (by hand) pending
    steps     the folded state of each performed procedure step, which decides the next event's answer
    links     which items each step is of
    items     what all steps of an item amount to
    overlay   statuses the cache does not show yet, laid over it for C-FIND

Rules. An append returns only after the commit has reached the disk (WAL, ``synchronous = FULL``); several
events may share one commit. Order holds per SOP instance: only its oldest event not yet delivered is ever
handed out, so an event waits while an earlier one is pending, and is held back while an earlier one is
parked: a cloud that refused the N-CREATE must not get its N-SET. Nothing leaves the journal but by delivery,
and then by `prune`; the pages it frees are used again, so the file stays as large as its fullest month.

The overlay of an item ends when the cloud has all events of its steps and the cache holds the item at or
after the change the cloud said it made. If the cloud named no change (a replay, or an item it does not know),
it ends with the first pull begun after the answer: whatever the cloud shows then already includes the event.

A file that cannot be opened, read or written refuses events and nothing else: `overlay` answers from memory,
`problem` says what is wrong, and the next use, a second later at the earliest, tries again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final

from edge_relay.mpps import journal_file, journal_rows
from edge_relay.mpps.journal_rows import OpenEvent, WarnedEvent
from edge_relay.storage.sqlite_file import connect_read_only, savepoint, transaction
from edge_relay.worklist.overlay import Overlay
from shared.errors import NotFound, Unavailable
from shared.procedure_step import DataSetJson, EventResult, ProcedureStepEvent, Refusal, Step
from shared.step_dataset import fold

__all__ = ["Batch", "Journal", "JournalReader", "OpenEvent", "Overlay", "WarnedEvent"]

log = logging.getLogger(__name__)

_MOST_BYTES_DUE: Final = 1 << 20
_RETRY_SECONDS: Final = 1.0
_PROBE_BYTES: Final = 64 << 10
_PRUNED_AT_ONCE: Final = 100
_RESULTS_AT_ONCE: Final = 10
_PARK: Final = "UPDATE events SET state = 'parked', attempts = attempts + 1, reason = ? WHERE event_id = ?"


class Journal:
    """Owner of journal.db; safe to use from many threads.

    :param on_append: called after each commit that accepted an event, to wake the push loop.
    :param clock: seconds, only ever forward.
    :raises Unavailable: from every method but ``overlay``, if the file cannot be opened, read or written;
        nothing has changed then.
    """

    def __init__(
        self,
        path: Path,
        on_append: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._path: Final = path
        self._lock: Final = threading.Lock()
        self._on_append: Final = on_append
        self._clock: Final = clock
        self._opened: sqlite3.Connection | None = None
        self._inode = 0
        self._trouble: Unavailable | None = None
        self._retry_at = 0.0
        self._overlay: dict[str, Overlay] = {}
        with suppress(Unavailable), self._using("opened"):
            pass

    @property
    def problem(self) -> str:
        """What is wrong with the file and what to do about it; empty if nothing is known to be."""
        return str(self._trouble) if self._trouble else ""

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Append several events with one commit; all of it is on the disk once the block has ended.

        An exception from the block undoes all of it.
        """
        with self._using("written") as db:
            batch = Batch(db)
            with transaction(db):
                yield batch
            self._overlay = {**self._overlay, **batch.overlay}
        if batch.appended:
            self._on_append()

    def append(self, event: ProcedureStepEvent, item_ids: Sequence[str] = ()) -> Step | Refusal:
        """Record an event by itself; see `Batch.append`."""
        with self.batch() as batch:
            return batch.append(event, item_ids)

    def step(self, sop_instance_uid: str) -> Step | None:
        """Return a performed procedure step's folded state, None if it was never created here."""
        with self._using("read") as db:
            return journal_rows.stored_step(db, sop_instance_uid)

    def attributes(self, sop_instance_uid: str) -> DataSetJson | None:
        """Return a step's attributes as all its events left them; None if it is unknown or pruned."""
        with self._using("read") as db:
            return journal_rows.stored_attributes(db, sop_instance_uid)

    def overlay(self) -> Mapping[str, Overlay]:
        """Return the statuses to lay over the cache, by item id. Never touches the disk, never fails."""
        return self._overlay

    def due(self, limit: int) -> list[ProcedureStepEvent]:
        """Return the events to push next, at most one of each SOP instance, and not too many bytes.

        Oldest first. What was tried in vain by itself comes last, and alone: perhaps the cloud fails on it.
        """
        self._probe()
        with self._using("read") as db:
            rows = journal_rows.due(db, limit)
        rows = [row for row in rows if not row[1]] or rows[:1]
        bodies: list[str] = []
        room = _MOST_BYTES_DUE
        for body, _ in rows:
            room -= len(body)
            if bodies and room < 0:
                break
            bodies.append(body)
        return [ProcedureStepEvent.model_validate_json(body) for body in bodies]

    def record_result(self, result: EventResult) -> None:
        """Take down the cloud's answer for one event; see `record_results`."""
        self.record_results([result])

    def record_results(self, results: Sequence[EventResult]) -> None:
        """Take down the cloud's answers: delivered, or parked with the reason.

        Items the cloud linked a step to and we did not are taken over: its next event is laid over them. A
        few answers share a commit, so that a scanner's message in between need not wait for all.
        """
        for start in range(0, len(results), _RESULTS_AT_ONCE):
            with self._using("written") as db:
                with transaction(db):
                    for result in results[start : start + _RESULTS_AT_ONCE]:
                        _take_down(db, result)
                self._overlay = journal_rows.stored_overlay(db)

    def record_unanswered(self, event_ids: Iterable[str]) -> None:
        """Count an attempt that brought no answer; the events stay pending."""
        self._update("UPDATE events SET attempts = attempts + 1 WHERE event_id = ?", event_ids)

    def park(self, event_id: str, reason: str) -> None:
        """Set an event aside that the cloud refuses for good, with the reason it gave."""
        self._update(_PARK, [event_id], reason)

    def retry(self, event_id: str) -> None:
        """Make a parked event pending again; raise `NotFound` if no such event is parked."""
        with self._using("written") as db, transaction(db):
            sql = "UPDATE events SET state = 'pending', attempts = 0 WHERE event_id = ? AND state = 'parked'"
            if db.execute(sql, (event_id,)).rowcount == 0:
                raise NotFound("no event with this id is parked", hint="see mwl-relay list --parked")

    def open_events(self) -> list[OpenEvent]:
        """Return all events not yet delivered, oldest first."""
        with self._using("read") as db:
            return journal_rows.open_events(db)

    def confirmed_overlay(self) -> Mapping[str, Overlay]:
        """Return the part of the overlay that the cloud has confirmed; take it before a pull begins."""
        return {item_id: entry for item_id, entry in self._overlay.items() if entry.confirmed_seq is not None}

    def end_overlay(self, shown: Mapping[str, Overlay]) -> None:
        """Remove statuses that the cache shows by now; one replaced by a newer event meanwhile stays."""
        rows = [(item_id, entry.event_id) for item_id, entry in shown.items()]
        with self._using("written") as db:
            with transaction(db):
                db.executemany("DELETE FROM overlay WHERE item_id = ? AND event_id = ?", rows)
            self._overlay = journal_rows.stored_overlay(db)

    def prune(self, before: datetime) -> int:
        """Delete the events of steps that ended, are delivered whole, and had their last event before then.

        What they came to stays: a late N-SET must still be told that its step has ended.

        :param before: aware.
        :return: how many events were deleted.
        """
        with self._using("read") as db:
            over = journal_rows.over_before(db, before)
        deleted = 0
        for start in range(0, len(over), _PRUNED_AT_ONCE):  # a scanner's append need not wait for all of it
            with self._using("written") as db, transaction(db):
                for uid in over[start : start + _PRUNED_AT_ONCE]:
                    deleted += db.execute("DELETE FROM events WHERE sop_instance_uid = ?", (uid,)).rowcount
        return deleted

    def _update(self, sql: str, ids: Iterable[str], *before: str) -> None:
        with self._using("written") as db, transaction(db):
            db.executemany(sql, [(*before, each) for each in ids])

    def _probe(self) -> None:
        """While there is a problem, find out by itself whether it is gone: no scanner may come for hours."""
        if self._trouble is None or (self._opened is not None and not self._may_retry()):
            return
        with suppress(Unavailable), self._using("written") as db:
            db.execute("DROP TABLE IF EXISTS probe")
            db.execute(f"CREATE TABLE probe AS SELECT zeroblob({_PROBE_BYTES})")
            db.execute("DROP TABLE probe")

    @contextmanager
    def _using(self, verb: str) -> Iterator[sqlite3.Connection]:
        """Hold the file, opened if need be. What fails becomes `Unavailable`, and the journal's problem."""
        with self._lock:
            try:
                yield self._db
            except (sqlite3.Error, OSError) as error:
                if self._opened is not None and journal_file.is_damage(error):
                    self._opened.close()
                    self._opened = None
                trouble = journal_file.fault(error, verb)
                self._note(trouble)
                raise trouble from error
            except Unavailable as error:
                self._note(error)
                raise
            if verb == "written":
                self._note(None)

    @property
    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            if not self._may_retry():
                known = self._trouble or Unavailable("could not be opened", where=journal_file.WHERE)
                raise Unavailable(known.what, where=known.where, hint=known.hint)
            db = journal_file.open_journal(self._path)
            self._overlay = journal_rows.stored_overlay(db)
            self._inode = self._path.stat().st_ino
            self._opened = db
            self._note(None)
        elif not self._in_place():
            raise Unavailable(
                "it was moved or replaced while in use",
                where=journal_file.WHERE,
                hint="put it back, or stop the relay, put journal.db and journal.db-wal in place, and start",
            )
        return self._opened

    def _may_retry(self) -> bool:
        """Tell whether the last attempt is long enough ago, and count this one."""
        now = self._clock()
        if now < self._retry_at:
            return False
        self._retry_at = now + _RETRY_SECONDS
        return True

    def _in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _note(self, trouble: Unavailable | None) -> None:
        if trouble is not None and str(trouble) != self.problem:
            log.error("%s", trouble)
        elif trouble is None and self._trouble is not None:
            log.info("%s works again", journal_file.WHERE)
        self._trouble = trouble


class Batch:
    """Events being appended in one transaction. Nothing of it counts before `Journal.batch` has ended."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db: Final = db
        self.overlay: Final[dict[str, Overlay]] = {}
        self.appended = 0

    def step(self, sop_instance_uid: str) -> Step | None:
        """Return a step's folded state, this batch's events included; None if it is unknown."""
        return journal_rows.stored_step(self._db, sop_instance_uid)

    def attributes(self, sop_instance_uid: str) -> DataSetJson | None:
        """Return a step's attributes, this batch's events included; None if it is unknown or pruned."""
        return journal_rows.stored_attributes(self._db, sop_instance_uid)

    def append(self, event: ProcedureStepEvent, item_ids: Sequence[str] = ()) -> Step | Refusal:
        """Record an event if the state machine allows it; a failure undoes this event only.

        :param item_ids: the items an N-CREATE is linked to; an N-SET keeps its step's.
        :return: the step's new state, or the refusal the scanner must be given.
        """
        step = fold(self.step(event.sop_instance_uid), event)
        if isinstance(step, Refusal):
            return step
        step = step.model_copy(update={"item_ids": step.item_ids or tuple(item_ids)})
        if step.item_ids:
            linked = {"item_id": step.item_ids[0], "item_ids": step.item_ids}
            event = event.model_copy(update=linked)
        with savepoint(self._db):
            overlay = journal_rows.insert(self._db, event, step)
        self.overlay.update(overlay)
        self.appended += 1
        return step


def _take_down(db: sqlite3.Connection, result: EventResult) -> None:
    if result.outcome == "refused":
        db.execute(_PARK, (result.reason or "refused without a reason", result.event_id))
        return
    named = {linked.item_id: linked.feed_seq for linked in result.items}
    db.execute(
        "UPDATE events SET state = 'delivered', reason = '' WHERE event_id = ?",
        (result.event_id,),
    )
    row = db.execute("SELECT sop_instance_uid FROM events WHERE event_id = ?", (result.event_id,)).fetchone()
    step = journal_rows.stored_step(db, row[0]) if row else None
    if step is not None:
        item_ids = tuple(dict.fromkeys((*step.item_ids, *named)))
        if item_ids != step.item_ids:
            journal_rows.link(db, step.model_copy(update={"item_ids": item_ids}))
        journal_rows.confirm(db, item_ids, named)


class JournalReader:
    """The journal as another process sees it, for ``status`` and ``list``.

    :raises Unavailable: from every method, if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with _reading("opened"):
            self._db: Final = connect_read_only(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def open_events(self) -> list[OpenEvent]:
        """Return all events not yet delivered, oldest first."""
        with _reading("read"):
            return journal_rows.open_events(self._db)

    def warned_events(self, limit: int) -> list[WarnedEvent]:
        """Return the latest events something was wrong with, newest first."""
        with _reading("read"):
            return journal_rows.warned_events(self._db, limit)


@contextmanager
def _reading(verb: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise journal_file.fault(error, verb) from error
