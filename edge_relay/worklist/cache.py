"""The worklist as last heard from the cloud: cache.db. It may be deleted at any time; the next pull fills it.

    items      what C-FIND answers from; a tombstone is kept so that a resent older row stays gone
    staged     rows of a snapshot not yet complete; swapped into ``items`` in one transaction with the cursor

The tables are in `edge_relay.worklist.cache_schema`. `Cache` owns the file and does all writing; C-FIND reads
through `WorklistReader`s, which no write holds up.

Rules: rows and cursor of a page are committed together; a row older (by ``feed_seq``) than the one held is
ignored; only a complete snapshot removes what it does not mention. A file found corrupt is started anew.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from edge_relay.storage.sqlite_file import connect, connect_read_only, is_unwritable, transaction, why
from edge_relay.worklist.cache_schema import (
    FIELDS,
    Unreadable,
    prepare,
    row_of,
    swap,
    tombstone_row,
    upsert,
    verify,
)
from edge_relay.worklist.cached_item import (
    BY_START,
    CANDIDATES,
    COUNT,
    SELF_TESTS,
    CachedItem,
    LinkCandidate,
    parsed,
)
from edge_relay.worklist.query import Condition
from edge_relay.worklist.reader import WorklistReader, is_corrupt
from edge_relay.worklist.self_tests import table as self_tests
from edge_relay.worklist.self_tests.table import HeldSelfTest
from shared.feed import FeedPage
from shared.text.quantity import quantity

__all__ = ["Bookmark", "Cache", "CachedItem", "Unreadable", "WorklistReader", "delete"]

log = logging.getLogger(__name__)

_MOST_ALTERNATIVES: Final = (
    500  # SQLite bounds the parameters of a statement; longer lists are not prefiltered
)

_LARGEST_IDLE_WAL: Final = 16 * 1024 * 1024  # what a swap of 100,000 items leaves is handed back

T = TypeVar("T")


class Bookmark(NamedTuple):
    """Where the last complete pull ended; empty texts before the first."""

    cursor: str = ""
    etag: str = ""
    epoch: str = ""


class Cache:
    """Owner of cache.db, safe to use from many threads.

    :raises sqlite3.Error: from every method, if the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._lock: Final = threading.RLock()
        self._inode = 0
        self._damaged = False
        self._unverified = True
        self._only_read = False
        self.generation = 0
        """Counts the files this has been: a reader that knows another number opens the file again."""
        self._db = self._open_or_rebuild()
        self._reading_lock: Final = threading.Lock()
        self._reading: tuple[int, sqlite3.Connection] | None = None

    def close(self) -> None:
        """Close the file."""
        with self._reading_lock:
            if self._reading is not None:
                self._reading[1].close()
                self._reading = None
        with self._lock:
            self._db.close()

    def reader(self) -> WorklistReader:
        """Return a reader of the worklist for one thread, to be closed by it."""
        return WorklistReader(self._path, self)

    def report_damage(self) -> None:
        """Take note that a reader found the file corrupt: it is started anew when next used, by the pull."""
        self._damaged = True

    def report_damaged_row(self) -> None:
        """Take note that a reader found a row damaged: the next pull sets such rows apart."""
        self._unverified = True

    def ensure_on_disk(self) -> None:
        """Start anew if somebody deleted, replaced or damaged the file; the next pull then fills it.

        After every opening all of it is read once, and what is not as it was written is set apart.
        """
        with self._lock:
            if self._only_read or not self._path.exists() or self._path.stat().st_ino != self._inode:
                self._db.close()
                self._db = self._open_or_rebuild()
            self._start_anew_if_damaged()
            if self._unverified:
                self._guarded(self._verify)

    def bookmark(self) -> Bookmark:
        """Return where the last complete pull ended."""
        rows = dict(self._guarded(lambda db: db.execute("SELECT key, value FROM state").fetchall()))
        return Bookmark(rows.get("cursor", ""), rows.get("etag", ""), rows.get("epoch", ""))

    def forget_bookmark(self) -> None:
        """Make the next pull start from nothing; the items stay until its snapshot is complete."""
        self._write(lambda db: db.execute("DELETE FROM state WHERE key IN ('cursor', 'etag', 'epoch')"))

    def begin_snapshot(self) -> None:
        """Throw away what an earlier, unfinished snapshot had staged; the cloud may be a restored one."""

        def clear(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO state VALUES ('unverified', '1')")
            db.execute("DELETE FROM staged")
            db.execute("DELETE FROM unreadable")
            db.execute(f"DELETE FROM {SELF_TESTS}")  # noqa: S608  (ours)

        self._write(clear)

    def is_verified(self) -> bool:
        """Tell whether the cloud was asked, since the last snapshot, if it has all MPPS it was sent."""
        sql = "SELECT NOT EXISTS (SELECT 1 FROM state WHERE key = 'unverified')"
        return bool(self._guarded(lambda db: db.execute(sql).fetchone()[0]))

    def verified(self) -> None:
        """Take note that it was asked."""
        self._write(lambda db: db.execute("DELETE FROM state WHERE key = 'unverified'"))

    def apply_page(self, page: FeedPage, etag: str, unreadable: Sequence[Unreadable] = ()) -> None:
        """Take over one page, in one transaction.

        A snapshot's pages are staged; its last one makes all of them the worklist. Any other page changes the
        items it names, and moves the cursor. What is complete is written through to the disk: after a power
        cut, and without the internet, it is all that scanners can be shown.
        """
        self._write(lambda db: self._apply(db, page, etag, unreadable))
        if not page.more:
            self._guarded(_write_through)

    def select(self, conditions: Iterable[Condition] = ()) -> Iterator[CachedItem]:
        """Yield the items that satisfy all conditions, by start date, time and id.

        They are of one moment, and made one by one: a list of thousands would not fit the relay's memory. No
        write holds this up: a step is linked while a snapshot is swapped in.
        """
        where, values = ["body IS NOT NULL"], list[str]()
        for condition in conditions:
            clause, bound = _clause(condition)
            where.append(clause)
            values += bound
        sql = f"SELECT feed_seq, body FROM items WHERE {' AND '.join(where)} ORDER BY {BY_START}"  # noqa: S608  (ours)
        return parsed(self._read(sql, values))

    def candidates(self, study_instance_uid: str, accession_number: str) -> list[LinkCandidate]:
        """Return the items of a study and those of an accession number, by start; see `select`."""
        rows = self._read(CANDIDATES, (study_instance_uid, accession_number))
        return list(map(LinkCandidate._make, rows))

    def feed_seq(self, item_id: str) -> int | None:
        """Return the change number an item is held with, None if it is not held."""
        sql = "SELECT feed_seq FROM items WHERE item_id = ? AND body IS NOT NULL"
        row = self._guarded(lambda db: db.execute(sql, (item_id,)).fetchone())
        return row[0] if row else None

    def self_tests(self) -> list[HeldSelfTest]:
        """Return the test participants held: one at most, but for a moment."""
        return self._guarded(self_tests.held)

    def forget_self_test(self, item_id: str) -> None:
        """Remove a test participant that has been all the way, or no further."""
        self._write(lambda db: self_tests.forget(db, [item_id]))

    def count(self) -> int:
        """Return the number of items held."""
        return int(self._guarded(lambda db: db.execute(COUNT).fetchone()[0]))

    def unreadable(self) -> list[Unreadable]:
        """Return the items skipped because this relay cannot read them."""
        sql = "SELECT item_id, feed_seq, reason FROM unreadable ORDER BY feed_seq"
        return [Unreadable(*row) for row in self._guarded(lambda db: db.execute(sql).fetchall())]

    def _apply(
        self, db: sqlite3.Connection, page: FeedPage, etag: str, unreadable: Sequence[Unreadable]
    ) -> None:
        table = "staged" if page.snapshot else "items"
        rows = [row_of(entry) for entry in page.items]
        rows += [tombstone_row(stone.id, stone.feed_seq) for stone in page.tombstones]
        db.executemany(upsert(table), rows)
        db.executemany("DELETE FROM unreadable WHERE item_id = ?", [(row[0],) for row in rows])
        db.executemany("INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?)", unreadable)
        self_tests.apply(db, page.self_tests, page.tombstones)
        if page.snapshot and page.more:
            return
        if page.snapshot:
            swap(db)
        state = {"cursor": page.cursor, "etag": etag, "epoch": page.epoch, "complete": "1"}
        db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", state.items())

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        def run(db: sqlite3.Connection) -> None:
            with transaction(db):
                change(db)

        self._guarded(run)

    def _read(self, sql: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        try:
            with self._reading_lock:
                if self._reading is None or self._reading[0] != self.generation:
                    if self._reading is not None:
                        self._reading[1].close()
                        self._reading = None
                    self._reading = (self.generation, connect_read_only(self._path))
                return self._reading[1].execute(sql, values).fetchall()
        except sqlite3.Error:  # the writing connection knows what is wrong, and mends it
            return self._guarded(lambda db: db.execute(sql, values).fetchall())

    def _guarded(self, use: Callable[[sqlite3.Connection], T]) -> T:
        """Use the file; if it turns out to be corrupt, start it anew and use that."""
        with self._lock:
            self._start_anew_if_damaged()
            try:
                return use(self._db)
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                self._damaged = True
                self._start_anew_if_damaged()
                return use(self._db)

    def _start_anew_if_damaged(self) -> None:
        if not self._damaged:
            return
        log.warning("cache.db is damaged; a new one is made, and the next pull fills it")
        self._db.close()
        delete(self._path)
        self._db = self._open_or_rebuild()
        self._damaged = False

    def _open_or_rebuild(self) -> sqlite3.Connection:
        try:
            db = self._open()
        except sqlite3.DatabaseError as error:
            if is_unwritable(error) and self._path.exists():
                db = self._open_to_read(error)
            elif is_corrupt(error):
                log.warning("a new cache.db is made, and the next pull fills it: %s", why(error))
                delete(self._path)
                db = self._open()
            else:
                raise
        else:
            if self._only_read:
                log.info("cache.db can be written again")
            self._only_read = False
        self._inode = self._path.stat().st_ino
        self._unverified = True
        self.generation += 1
        return db

    def _open_to_read(self, error: sqlite3.Error) -> sqlite3.Connection:
        db = connect_read_only(self._path)
        if not self._only_read:
            log.warning("cache.db cannot be written (%s); what is in it is answered", why(error))
        self._only_read = True
        return db

    def _verify(self, db: sqlite3.Connection) -> None:
        if self._only_read:
            return
        if count := verify(db):
            exams = quantity(count, "exam is", "exams are")
            log.error("%s damaged in cache.db: not shown until pulled anew", exams)
        self._unverified = False

    def _open(self) -> sqlite3.Connection:
        db = connect(self._path, synchronous="NORMAL")
        try:
            # A snapshot of 100,000 items is staged under random ids: with less, every row reads a page.
            db.execute("PRAGMA cache_size = -4096")
            db.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_WAL}")
            prepare(db)
        except sqlite3.Error:
            db.close()
            raise
        return db


def _write_through(db: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):  # a disk that is full: it is committed all the same
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def delete(path: Path) -> None:
    """Remove a database file and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _clause(condition: Condition) -> tuple[str, list[str]]:
    if condition.field not in FIELDS or len(condition.values) > _MOST_ALTERNATIVES:
        return "TRUE", []
    if condition.values:
        return f"{condition.field} IN ({', '.join('?' * len(condition.values))})", list(condition.values)
    clauses, values = ["TRUE"], []
    for operator, bound in ((">=", condition.first), ("<=", condition.last)):
        if bound:
            clauses.append(f"{condition.field} {operator} ?")
            values.append(bound)
    return " AND ".join(clauses), values
