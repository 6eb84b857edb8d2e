"""Which scanner was shown which item: counted with each answer, kept in shown.db, told to the cloud.

An answer costs one entry in a dictionary for each item; the file is written when the cloud is told, and when
the relay stops. What a crash loses is what was shown since, at most a heartbeat's time. That a scanner was
shown an item for the first time is told with the next heartbeat; that it was shown it again, once an hour.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from edge_relay.storage.sqlite_file import connect, transaction, why
from shared.scanners.shown_items import MOST_ITEMS, MOST_SCANNERS, ShownItem, ShownTo

AGAIN_AFTER: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=90)
MOST_IN_MEMORY: Final = 100_000
"""Pairs of scanner and item, should the disk take none: more are not counted."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS shown (
    item_id TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    first_at REAL NOT NULL,
    last_at REAL NOT NULL,
    times INTEGER NOT NULL,
    told_at REAL,
    told_times INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, ae_title)) WITHOUT ROWID"""
_ADD: Final = """INSERT INTO shown (item_id, ae_title, first_at, last_at, times) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET last_at = excluded.last_at, times = times + excluded.times"""
_DUE: Final = """SELECT DISTINCT item_id FROM shown
    WHERE told_at IS NULL OR (times > told_times AND told_at <= ?) ORDER BY told_at, item_id LIMIT ?"""
_OF_ITEM: Final = """SELECT ae_title, first_at, last_at, times FROM shown WHERE item_id = ?
    ORDER BY last_at DESC, ae_title LIMIT ?"""

log = logging.getLogger(__name__)


class ShownItems:
    """What scanners were shown. `note` is called by who answers them, the rest by who tells the cloud.

    :param path: of shown.db. If it cannot be used, a log line says so, and what was shown stays in memory.
    :param now: the time by the cloud's clock, aware.
    :param own: the relay's own AE title, under which it asks itself whether it works: no scanner.
    """

    def __init__(self, path: Path, now: Callable[[], datetime], *, own: str = "") -> None:
        self._path, self._now, self._own = path, now, own
        self._lock: Final = Lock()
        self._counted: dict[tuple[str, str], list[float]] = {}

    def note(self, ae_title: str, item_ids: Iterable[str]) -> None:
        """Note that a scanner is being shown these items."""
        if ae_title == self._own:
            return
        at = self._now().timestamp()
        with self._lock:
            for item_id in item_ids:
                counted = self._counted.get((item_id, ae_title))
                if counted is not None:
                    counted[1], counted[2] = at, counted[2] + 1
                elif len(self._counted) < MOST_IN_MEMORY:
                    self._counted[item_id, ae_title] = [at, at, 1]

    def due(self, most: int = MOST_ITEMS) -> list[ShownItem]:
        """Return the items to tell of, with all scanners that were shown them.

        None if shown.db cannot be used.
        """
        return self._using(lambda db: _due(db, self._now(), most)) or []

    def told(self, items: Sequence[ShownItem]) -> None:
        """Note what the cloud has kept."""
        at = self._now().timestamp()
        rows = [(at, to.times, each.item_id, to.ae_title) for each in items for to in each.scanners]
        sql = "UPDATE shown SET told_at = ?, told_times = ? WHERE item_id = ? AND ae_title = ?"
        self._using(lambda db: db.executemany(sql, rows))

    def keep(self) -> None:
        """Write down what was counted in memory."""
        self._using(lambda _: None)

    def _using(
        self, work: Callable[[sqlite3.Connection], list[ShownItem] | object]
    ) -> list[ShownItem] | None:
        """Do something with the file, which holds all that was counted until now."""
        with self._lock:
            counted, self._counted = self._counted, {}
        try:
            found = self._written(counted, work)
        except (sqlite3.Error, OSError) as error:
            self._put_back(counted)
            self._begin_anew(error)
            said = why(error) if isinstance(error, sqlite3.Error) else error.strerror
            log.warning("shown.db cannot be used (%s); what scanners are shown is counted on in memory", said)
            return None
        return found if isinstance(found, list) else None

    def _written(
        self, counted: dict[tuple[str, str], list[float]], work: Callable[[sqlite3.Connection], object]
    ) -> object:
        db = connect(self._path, "NORMAL")
        try:
            with transaction(db):
                db.execute(_SCHEMA)
                db.executemany(_ADD, [(*pair, *values) for pair, values in counted.items()])
                db.execute("DELETE FROM shown WHERE last_at < ?", ((self._now() - KEPT).timestamp(),))
                return work(db)
        finally:
            db.close()

    def _begin_anew(self, error: Exception) -> None:
        """Remove a file that is damaged: what it held is lost, and no more than that."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            for end in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def _put_back(self, counted: dict[tuple[str, str], list[float]]) -> None:
        with self._lock:
            for pair, (first, last, times) in counted.items():
                since = self._counted.get(pair, [first, last, 0])
                self._counted[pair] = [first, max(last, since[1]), times + since[2]]


def _due(db: sqlite3.Connection, now: datetime, most: int) -> list[ShownItem]:
    again = (now - AGAIN_AFTER).timestamp()
    ids = [item_id for (item_id,) in db.execute(_DUE, (again, most))]
    return [ShownItem(item_id=each, scanners=tuple(_scanners(db, each, now))) for each in ids]


def _scanners(db: sqlite3.Connection, item_id: str, now: datetime) -> Iterable[ShownTo]:
    zone = now.tzinfo
    for title, first, last, times in db.execute(_OF_ITEM, (item_id, MOST_SCANNERS)):
        yield ShownTo(
            ae_title=title,
            first_at=datetime.fromtimestamp(first, zone),
            last_at=datetime.fromtimestamp(last, zone),
            times=times,
        )
