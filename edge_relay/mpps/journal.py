"""The journal (journal.db): every MPPS event that was answered with Success, until the cloud has it.

Rules. An append returns only after the commit has reached the disk (WAL, ``synchronous = FULL``); several
events may share one commit. Order holds per SOP instance: only its oldest event not yet delivered is ever
handed out, so an event waits while an earlier one is pending, and is held back while an earlier one is
parked: a cloud that refused the N-CREATE must not get its N-SET. Nothing leaves the journal but by delivery,
and then by `prune`; the pages it frees are used again, so the file stays as large as its fullest month.

The overlay of an item ends when the cloud has all events of its steps and the cache holds the item at or
after the change the cloud said it made. If the cloud named no change (a replay, or an item it does not know),
it ends with the first pull begun after the answer: whatever the cloud shows then already includes the event.

A file that cannot be opened, read or written refuses events and nothing else: `overlay` answers from memory;
see `edge_relay.mpps.journal_opened`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final

from edge_relay.mpps import journal_losses, journal_rows, journal_times
from edge_relay.mpps.event_times import Stamp
from edge_relay.mpps.journal_batch import Batch
from edge_relay.mpps.journal_losses import Sent
from edge_relay.mpps.journal_mark.high_water import MARK_FILE, MarkFile, Noted
from edge_relay.mpps.journal_mark.promises import Beside, OwnThread, Promises
from edge_relay.mpps.journal_opened import OpenedJournal
from edge_relay.mpps.journal_rows import DueEvent, OpenEvent
from edge_relay.mpps.journal_tables import reference_lists
from edge_relay.mpps.journal_tables.reference_lists import HeldLists
from edge_relay.storage.sqlite_file import transaction, unhurried
from edge_relay.worklist.overlay import Overlay
from shared.errors import Unavailable
from shared.steps.procedure_step import DataSetJson, EventResult, ProcedureStepEvent, Refusal, Step
from shared.text.quantity import quantity

__all__ = ["Batch", "Journal", "OpenEvent", "Overlay"]

log = logging.getLogger(__name__)

_MOST_BYTES_DUE: Final = 1 << 20
_PRUNED_AT_ONCE: Final = 100
_RESULTS_AT_ONCE: Final = 10


class Journal:
    """Owner of journal.db; safe to use from many threads.

    :param on_append: called after each commit that accepted an event, to wake the push loop.
    :param clock: seconds, only ever forward.
    :param stamp: this moment, for the events appended; without it they keep the time they came with.
    :param boot: which start of the machine this is; empty: not known.
    :param beside: does one thing while another is done; without it, a thread of the journal's own.
    :raises Unavailable: from every method but ``overlay``, if the file cannot be opened, read or written;
        nothing has changed then.
    """

    def __init__(
        self,
        path: Path,
        on_append: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = monotonic,
        stamp: Callable[[], Stamp] | None = None,
        boot: str = "",
        beside: Beside | None = None,
    ) -> None:
        self._mark: Final = MarkFile(path.with_name(MARK_FILE), boot)
        self._own_thread: Final = OwnThread("journal-mark")
        self._promises: Final = Promises(self._mark, beside or self._own_thread)
        self._stamp: Final = stamp
        self._unsettled = True
        self._uncopied = ""
        self._on_append: Final = on_append
        self._overlay: dict[str, Overlay] = {}
        self._file: Final = OpenedJournal(path, self._mark, clock, self._read_overlay)
        with suppress(Unavailable), self._file.using("opened"):
            pass

    @property
    def problem(self) -> str:
        """What is wrong with the file and what to do about it; empty if nothing is known to be."""
        return self._file.problem

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._own_thread.close()

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Append several events with one commit; all of it is on the disk once the block has ended.

        An exception from the block undoes all of it.
        """
        with self._file.using("written") as db:
            batch = Batch(db, self._stamp)
            with transaction(db, lambda: self._promises.while_committing(batch.appended)):
                yield batch
            self._overlay = {**self._overlay, **batch.overlay}
            self._unsettled = True
        if batch.appended:
            self._on_append()

    @contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """Hold the file in a transaction of its own; what lies over the cache is read again after it.

        :param lasting: it is on the disk once the block has ended. If not, with the next that is, and a power
            cut before may undo it: for what the cloud would say again.
        """
        with self._file.using("written") as db:
            with nullcontext() if lasting else unhurried(db), transaction(db):
                yield db
            self._read_overlay(db)

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Hold the file to read from it."""
        return self._file.using("read")

    def append(self, event: ProcedureStepEvent, item_ids: Sequence[str] = ()) -> Step | Refusal:
        """Record an event by itself; see `Batch.append`."""
        with self.batch() as batch:
            return batch.append(event, item_ids)

    def step(self, sop_instance_uid: str) -> Step | None:
        """Return a performed procedure step's folded state, None if it was never created here."""
        with self._file.using("read") as db:
            return journal_rows.stored_step(db, sop_instance_uid)

    def attributes(self, sop_instance_uid: str) -> DataSetJson | None:
        """Return a step's attributes as all its events left them; None if it is unknown or pruned."""
        with self._file.using("read") as db:
            return journal_rows.stored_attributes(db, sop_instance_uid)

    def attribute_list(self, uid: str, tags: Collection[str] = ()) -> tuple[DataSetJson, HeldLists] | None:
        """Return a step's `attributes`, and the references that those with these tags (none: all) count."""
        with self._file.using("read") as db:
            attributes = journal_rows.stored_attributes(db, uid)
            if attributes is None:
                return None
            return attributes, journal_rows.stored_lists(db, uid, tags or attributes)

    def in_progress(self, limit: int) -> list[str]:
        """Return the SOP Instance UIDs of the latest steps that have not ended."""
        with self._file.using("read") as db:
            return journal_rows.in_progress(db, limit)

    def overlay(self) -> Mapping[str, Overlay]:
        """Return the statuses to lay over the cache, by item id. Never touches the disk, never fails."""
        return self._overlay

    def due(self, limit: int) -> list[ProcedureStepEvent]:
        """Return the events to push next, at most one of each SOP instance, and not too many bytes.

        Oldest first. What was tried in vain by itself comes last, and alone: perhaps the cloud fails on it.
        """
        self._file.probe()
        rows = self._sound(limit)
        rows = [row for row in rows if not row.attempts] or rows[:1]
        events: list[ProcedureStepEvent] = []
        room = _MOST_BYTES_DUE
        for row in rows:
            room -= row.length
            if row.event is None or (events and room < 0):
                break
            events.append(row.event)
        return events

    def settle_times(self) -> bool:
        """Tell anew when events were received that came before the cloud told the time.

        :return: False if there are such events, and the time is still not known.
        """
        with self._file.using("read") as db:
            if self._stamp is None or not journal_times.are_wanting(db):
                return True
        now = self._stamp()
        if not now.known:
            return False
        with self.writing() as db:
            journal_times.settle(db, now)
        return True

    def checkpoint(self) -> None:
        """Bring what was written last into journal.db itself, so that a lost ``-wal`` takes nothing along."""
        with self._file.using("read") as db:
            if self._unsettled and (trouble := journal_losses.checkpoint(db, self._mark)) != self._uncopied:
                self._uncopied = trouble
                if trouble:
                    log.warning("journal.db-wal cannot be brought into journal.db (%s)", trouble)
            self._unsettled = bool(self._uncopied)

    def missing(self) -> list[Noted]:
        """Return the events that the journal had taken and no longer has."""
        with self._file.using("read") as db:
            return journal_rows.missing(db)

    def forget_missing(self) -> int:
        """Stop telling of events that are missing; return how many it was."""
        with self._file.using("written") as db:
            return journal_losses.forget(db)

    def sent(self, after: int, limit: int) -> list[Sent]:
        """Return delivered events numbered above ``after``, in order."""
        with self._file.using("read") as db:
            return journal_losses.sent(db, after, limit)

    def send_again(self, event_ids: Collection[str]) -> set[str]:
        """Make delivered events pending that the cloud lost; return the ids of their items."""
        with self._file.using("written") as db:
            with transaction(db):
                item_ids = journal_losses.send_again(db, event_ids)
            self._read_overlay(db)
        return item_ids

    def give_back(self, events: Sequence[ProcedureStepEvent]) -> int:
        """Take over a step's events from the cloud; return how many were missing here."""
        with self._file.using("written") as db, transaction(db):
            return journal_losses.give_back(db, events)

    def record_result(self, result: EventResult) -> None:
        """Take down the cloud's answer for one event; see `record_results`."""
        self.record_results([result])

    def record_results(self, results: Sequence[EventResult]) -> None:
        """Take down the cloud's answers: delivered, or parked with the reason.

        Items the cloud linked a step to and we did not are taken over: its next event is laid over them. A
        few answers share a commit, so that a scanner's message in between need not wait for all.
        """
        for start in range(0, len(results), _RESULTS_AT_ONCE):
            with self.writing(lasting=False) as db:
                for result in results[start : start + _RESULTS_AT_ONCE]:
                    journal_rows.take_down(db, result)

    def record_unanswered(self, event_ids: Iterable[str]) -> None:
        """Count an attempt that brought no answer; the events stay pending."""
        self._update("UPDATE events SET attempts = attempts + 1 WHERE event_id = ?", event_ids)

    def park(self, event_id: str, reason: str) -> None:
        """Set an event aside that the cloud refuses for good, with the reason it gave."""
        self._update(journal_rows.PARK, [event_id], reason)

    def retry(self, event_id: str) -> None:
        """Make a parked event pending again; raise `NotFound` if no such event is parked."""
        with self._file.using("written") as db, transaction(db):
            journal_rows.unpark(db, event_id)

    def open_events(self) -> list[OpenEvent]:
        """Return all events not yet delivered, oldest first."""
        with self._file.using("read") as db:
            return journal_rows.open_events(db)

    def confirmed_overlay(self) -> Mapping[str, Overlay]:
        """Return the part of the overlay that the cloud has confirmed; take it before a pull begins."""
        return {item_id: entry for item_id, entry in self._overlay.items() if entry.confirmed_seq is not None}

    def end_overlay(self, shown: Mapping[str, Overlay]) -> None:
        """Remove statuses that the cache shows by now; one replaced by a newer event meanwhile stays."""
        rows = [(item_id, entry.event_id) for item_id, entry in shown.items()]
        with self.writing(lasting=False) as db:
            db.executemany("DELETE FROM overlay WHERE item_id = ? AND event_id = ?", rows)

    def prune(self, before: datetime) -> int:
        """Delete the events of steps that ended, are delivered whole, and had their last event before then.

        What they came to stays: a late N-SET must still be told that its step has ended.

        :param before: aware.
        :return: how many events were deleted.
        """
        with self._file.using("read") as db:
            over = journal_rows.over_before(db, before)
        deleted = 0
        for start in range(0, len(over), _PRUNED_AT_ONCE):  # a scanner's append need not wait for all of it
            with self._file.using("written") as db, transaction(db):
                for uid in over[start : start + _PRUNED_AT_ONCE]:
                    reference_lists.delete(db, uid)
                    deleted += db.execute("DELETE FROM events WHERE sop_instance_uid = ?", (uid,)).rowcount
        return deleted

    def _update(self, sql: str, ids: Iterable[str], *before: str) -> None:
        with self._file.using("written") as db, transaction(db):
            db.executemany(sql, [(*before, each) for each in ids])

    def _sound(self, limit: int) -> list[DueEvent]:
        """Return what is due, after setting apart those whose record is damaged."""
        while True:
            with self._file.using("read") as db:
                rows = journal_rows.due(db, limit)
            damaged = [row.seq for row in rows if row.event is None]
            if not damaged:
                return rows
            log.error(
                "%s damaged in journal.db: set apart, and the others go on: see mwl-relay list --parked",
                quantity(len(damaged), "event is", "events are"),
            )
            with self._file.using("written") as db, transaction(db):
                for seq in damaged:
                    journal_rows.set_apart(db, seq)

    def _read_overlay(self, db: sqlite3.Connection) -> None:
        self._overlay = journal_rows.stored_overlay(db)
