"""The worklist as last heard from the cloud: cache.db. It may be deleted at any time; the next pull fills it.

    items      what C-FIND answers from; body NULL is a tombstone, kept so that a resent older row stays gone
    staged     rows of a snapshot not yet complete; swapped into ``items`` in one transaction with the cursor
    unreadable items this relay is too old to read: skipped, counted, shown by ``status``
    state      cursor, etag, epoch

Rules: rows and cursor of a page are committed together; a row older (by ``feed_seq``) than the one held is
ignored; only a complete snapshot removes what it does not mention. A file found corrupt is started anew.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from edge_relay.mwl import Condition
from edge_relay.sqlite_file import connect, connect_read_only, transaction
from shared.feed import FeedItem, FeedPage
from shared.worklist_item import WorklistItem

_VERSION: Final = 1
_INDEXED: Final = (
    "study_instance_uid",
    "accession_number",
    "patient_id",
    "modality",
    "scheduled_station_aetitle",
    "scheduled_start_date",
    "scheduled_start_time",
)
_ORDER: Final = "ORDER BY scheduled_start_date, scheduled_start_time, item_id"
_COLUMNS: Final = ", ".join(("item_id", "feed_seq", *_INDEXED, "body"))
_TABLE: Final = f"(item_id TEXT PRIMARY KEY, feed_seq INTEGER NOT NULL, {', '.join(_INDEXED)}, body TEXT)"
_SCHEMA: Final = f"""
    CREATE TABLE items {_TABLE} WITHOUT ROWID;
    CREATE TABLE staged {_TABLE} WITHOUT ROWID;
    CREATE TABLE unreadable (item_id TEXT PRIMARY KEY, feed_seq INTEGER NOT NULL, reason TEXT NOT NULL);
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    {"".join(f"CREATE INDEX items_by_{name} ON items ({name});" for name in _INDEXED)}
    PRAGMA user_version = {_VERSION};
"""
_PLACEHOLDERS: Final = ", ".join("?" * (len(_INDEXED) + 3))
_UPSERT: Final = (
    f"INSERT INTO {{table}} ({_COLUMNS}) VALUES ({_PLACEHOLDERS}) ON CONFLICT (item_id) DO UPDATE SET "  # noqa: S608
    + ", ".join(f"{name} = excluded.{name}" for name in ("feed_seq", *_INDEXED, "body"))
    + " WHERE excluded.feed_seq >= {table}.feed_seq"
)
_MOST_ALTERNATIVES: Final = (
    500  # SQLite bounds the parameters of a statement; longer lists are not prefiltered
)

T = TypeVar("T")


class Bookmark(NamedTuple):
    """Where the last complete pull ended; empty texts before the first."""

    cursor: str = ""
    etag: str = ""
    epoch: str = ""


class CachedItem(NamedTuple):
    """An item and the change number it was heard with."""

    feed_seq: int
    item: WorklistItem


class Unreadable(NamedTuple):
    """An item of a page that this relay cannot read, and why, without patient data."""

    item_id: str
    feed_seq: int
    reason: str


class Cache:
    """Owner of cache.db, safe to use from many threads.

    :raises sqlite3.Error: from every method, if the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._lock: Final = threading.RLock()
        self._inode = 0
        self._db = self._open_or_rebuild()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def ensure_on_disk(self) -> None:
        """Start anew if somebody deleted or replaced the file under us; the next pull then fills it."""
        with self._lock:
            if not self._path.exists() or self._path.stat().st_ino != self._inode:
                self._db.close()
                self._db = self._open_or_rebuild()

    def bookmark(self) -> Bookmark:
        """Return where the last complete pull ended."""
        rows = dict(self._guarded(lambda db: db.execute("SELECT key, value FROM state").fetchall()))
        return Bookmark(rows.get("cursor", ""), rows.get("etag", ""), rows.get("epoch", ""))

    def forget_bookmark(self) -> None:
        """Make the next pull start from nothing; the items stay until its snapshot is complete."""
        self._write(lambda db: db.execute("DELETE FROM state"))

    def begin_snapshot(self) -> None:
        """Throw away what an earlier, unfinished snapshot had staged."""

        def clear(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM staged")
            db.execute("DELETE FROM unreadable")

        self._write(clear)

    def apply_page(self, page: FeedPage, etag: str, unreadable: Sequence[Unreadable] = ()) -> None:
        """Take over one page, in one transaction.

        A snapshot's pages are staged; its last one makes all of them the worklist. Any other page changes the
        items it names, and moves the cursor.
        """
        self._write(lambda db: self._apply(db, page, etag, unreadable))

    def select(self, conditions: Iterable[Condition] = ()) -> Iterator[CachedItem]:
        """Yield the items that satisfy all conditions, by start date, time and id.

        They are of one moment, and made one by one: a list of thousands would not fit the relay's memory.
        """
        where, values = ["body IS NOT NULL"], list[str]()
        for condition in conditions:
            clause, bound = _clause(condition)
            where.append(clause)
            values += bound
        sql = f"SELECT feed_seq, body FROM items WHERE {' AND '.join(where)} {_ORDER}"  # noqa: S608  (ours)
        return _parsed(self._guarded(lambda db: db.execute(sql, values).fetchall()))

    def feed_seq(self, item_id: str) -> int | None:
        """Return the change number an item is held with, None if it is not held."""
        sql = "SELECT feed_seq FROM items WHERE item_id = ? AND body IS NOT NULL"
        row = self._guarded(lambda db: db.execute(sql, (item_id,)).fetchone())
        return row[0] if row else None

    def count(self) -> int:
        """Return the number of items held."""
        return int(self._guarded(lambda db: db.execute(_COUNT).fetchone()[0]))

    def unreadable(self) -> list[Unreadable]:
        """Return the items skipped because this relay cannot read them."""
        sql = "SELECT item_id, feed_seq, reason FROM unreadable ORDER BY feed_seq"
        return [Unreadable(*row) for row in self._guarded(lambda db: db.execute(sql).fetchall())]

    def _apply(
        self, db: sqlite3.Connection, page: FeedPage, etag: str, unreadable: Sequence[Unreadable]
    ) -> None:
        table = "staged" if page.snapshot else "items"
        rows = [_row(entry) for entry in page.items]
        rows += [(stone.id, stone.feed_seq, *[None] * len(_INDEXED), None) for stone in page.tombstones]
        db.executemany(_UPSERT.format(table=table), rows)
        db.executemany("DELETE FROM unreadable WHERE item_id = ?", [(row[0],) for row in rows])
        db.executemany("INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?)", unreadable)
        if page.snapshot and page.more:
            return
        if page.snapshot:
            _swap(db)
        state = {"cursor": page.cursor, "etag": etag, "epoch": page.epoch}
        db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", state.items())

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        def run(db: sqlite3.Connection) -> None:
            with transaction(db):
                change(db)

        self._guarded(run)

    def _guarded(self, use: Callable[[sqlite3.Connection], T]) -> T:
        """Use the file; if it turns out to be corrupt, start it anew and use that."""
        with self._lock:
            try:
                return use(self._db)
            except sqlite3.DatabaseError as error:
                if not _is_corrupt(error):
                    raise
                self._db.close()
                self._db = self._open_or_rebuild()
                return use(self._db)

    def _open_or_rebuild(self) -> sqlite3.Connection:
        try:
            db = self._open()
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            delete(self._path)
            db = self._open()
        self._inode = self._path.stat().st_ino
        return db

    def _open(self) -> sqlite3.Connection:
        db = connect(self._path, synchronous="NORMAL")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _VERSION} or db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("cache.db is not usable")
            if version == 0:
                with transaction(db):
                    for statement in filter(str.strip, _SCHEMA.split(";")):
                        db.execute(statement)
        except sqlite3.Error:
            db.close()
            raise
        return db


class CacheReader:
    """The cache as another process sees it, for ``status`` and ``list``."""

    def __init__(self, path: Path) -> None:
        self._db = connect_read_only(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def select(self) -> Iterator[CachedItem]:
        """Yield all items, by start date, time and id."""
        sql = f"SELECT feed_seq, body FROM items WHERE body IS NOT NULL {_ORDER}"  # noqa: S608  (ours)
        return _parsed(self._db.execute(sql).fetchall())

    def count(self) -> int:
        """Return the number of items held."""
        return int(self._db.execute(_COUNT).fetchone()[0])

    def unreadable_count(self) -> int:
        """Return how many items were skipped because this relay cannot read them."""
        return int(self._db.execute("SELECT count(*) FROM unreadable").fetchone()[0])


_COUNT: Final = "SELECT count(*) FROM items WHERE body IS NOT NULL"


def delete(path: Path) -> None:
    """Remove a database file and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _swap(db: sqlite3.Connection) -> None:
    """Make the staged rows the worklist. What we cannot read keeps its last readable form, as the oldest."""
    db.execute("DELETE FROM unreadable WHERE item_id IN (SELECT item_id FROM staged)")
    db.execute("DELETE FROM items WHERE item_id NOT IN (SELECT item_id FROM unreadable)")
    db.execute("UPDATE items SET feed_seq = 0")
    db.execute("DELETE FROM items WHERE item_id IN (SELECT item_id FROM staged)")
    db.execute(f"INSERT INTO items SELECT {_COLUMNS} FROM staged WHERE body IS NOT NULL")  # noqa: S608
    db.execute("DELETE FROM staged")


def _row(entry: FeedItem) -> tuple[object, ...]:
    item = entry.item
    return (item.id, entry.feed_seq, *(getattr(item, name) for name in _INDEXED), item.model_dump_json())


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    # The subclasses mean busy, full, read-only or misuse: the file itself is sound.
    return type(error) is sqlite3.DatabaseError


def _parsed(rows: Iterable[tuple[int, str]]) -> Iterator[CachedItem]:
    return (CachedItem(feed_seq, _parse(body)) for feed_seq, body in rows)


def _clause(condition: Condition) -> tuple[str, list[str]]:
    if condition.field not in _INDEXED or len(condition.values) > _MOST_ALTERNATIVES:
        return "TRUE", []
    if condition.values:
        return f"{condition.field} IN ({', '.join('?' * len(condition.values))})", list(condition.values)
    clauses, values = ["TRUE"], []
    for operator, bound in ((">=", condition.first), ("<=", condition.last)):
        if bound:
            clauses.append(f"{condition.field} {operator} ?")
            values.append(bound)
    return " AND ".join(clauses), values


@lru_cache(maxsize=2048)
def _parse(body: str) -> WorklistItem:
    return WorklistItem.model_validate_json(body)
