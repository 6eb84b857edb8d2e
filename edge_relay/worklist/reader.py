"""Reads cache.db for C-FIND, beside the thread that writes it: WAL, so that neither waits for the other.

An SQLite connection sees one moment for as long as any of its cursors is open. A long answer to a slow
scanner would therefore show all the others an old worklist: it keeps the connection it began with, and the
others get another one. Short answers, nearly all of them, are read at once and share the first. Long ones are
read again only once the file has changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from edge_relay.storage.sqlite_file import connect_read_only
from edge_relay.worklist.cached_item import COMPLETE
from edge_relay.worklist.remembered.long_lists import MOST_ROWS, Asked, Chunk, LongLists, Seen
from shared.errors import Unavailable

CHUNK: Final = 256
"""Rows read before the caller may look at the network: a third of a millisecond."""

_SPARE: Final = 4  # connections kept open between long answers


class Owner(Protocol):
    """Whoever writes the file, as a reader needs to know it."""

    generation: int

    def report_damage(self) -> None:
        """Take note that the file is corrupt."""

    def report_damaged_row(self) -> None:
        """Take note that a row is not as it was written."""


class WorklistReader:
    """The worklist, for one thread.

    :param owner: tells when the file was started anew, and is told if it is corrupt; None in a process that
        only looks on.
    """

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        self._path: Final = path
        self._owner: Final = owner
        self._generation = -1
        self._complete = False
        self._spare: list[sqlite3.Connection] = []
        self._long: Final = LongLists()

    def close(self) -> None:
        """Close the file; answers still being read keep it until they end."""
        self._long.forget()
        while self._spare:
            self._spare.pop().close()
        self._generation = -1

    def chunks(self, sql: str, values: tuple[str, ...] = ()) -> Iterator[Chunk]:
        """Return a query's rows, of one moment, in lists of at most `CHUNK`; the first is read at once.

        :raises Unavailable: now or while they are read: nothing has been received yet, or the file cannot be
            read. To stop early, close the iterator.
        """
        db = self._take()
        try:
            self._check_complete(db)
            if self._long.has((sql, values)):
                known = self._long.of((sql, values), _seen(db))
                if known is not None:
                    self._give_back(db)
                    return iter(known)
            cursor = db.execute(sql, values)
            first = cursor.fetchmany(CHUNK)
        except sqlite3.Error as error:
            db.close()
            raise self._unavailable(error) from error
        except Unavailable:
            self._give_back(db)
            raise
        if len(first) < CHUNK:
            cursor.close()
            self._give_back(db)
            return iter((first,))
        return self._rest(db, self._generation, cursor, first, (sql, values))

    def report_damaged_row(self) -> None:
        """Tell the file's owner that a row is not as it was written; whoever found it leaves it out."""
        if self._owner is not None:
            self._owner.report_damaged_row()

    def _rest(
        self, db: sqlite3.Connection, generation: int, cursor: sqlite3.Cursor, chunk: Chunk, asked: Asked
    ) -> Iterator[Chunk]:
        read: list[Chunk] = []
        try:
            seen = _seen(db)  # of the same moment as the rows: the cursor is open
            while chunk:
                if len(read) * CHUNK < MOST_ROWS:
                    read.append(chunk)
                yield chunk
                chunk = cursor.fetchmany(CHUNK)
            if generation == self._generation and len(read) * CHUNK < MOST_ROWS:
                self._long.keep(asked, seen, read)
        except sqlite3.Error as error:
            raise self._unavailable(error, generation) from error
        finally:
            cursor.close()
            self._give_back(db, generation)

    def _take(self) -> sqlite3.Connection:
        generation = self._owner.generation if self._owner else 0
        if generation != self._generation:
            self.close()
            self._generation = generation
            self._complete = False
        if self._spare:
            return self._spare.pop()
        try:
            db = connect_read_only(self._path)
            db.execute("PRAGMA busy_timeout = 250")  # the thread has others to serve
            db.execute("PRAGMA cache_size = -512")
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        return db

    def _give_back(self, db: sqlite3.Connection, generation: int | None = None) -> None:
        known = generation is None or generation == self._generation
        if known and len(self._spare) < _SPARE:
            self._spare.append(db)
        else:
            db.close()

    def _check_complete(self, db: sqlite3.Connection) -> None:
        if self._complete:
            return
        if db.execute(COMPLETE).fetchone() is None:
            # An empty list would be a lie: we do not know what is on the worklist.
            raise Unavailable("no worklist has been received from the cloud yet")
        self._complete = True

    def _unavailable(self, error: sqlite3.Error, generation: int | None = None) -> Unavailable:
        owner = self._owner
        corrupt = isinstance(error, sqlite3.DatabaseError) and is_corrupt(error)
        if owner and corrupt and owner.generation == (self._generation if generation is None else generation):
            owner.report_damage()
        return Unavailable(f"the worklist cannot be read ({type(error).__name__})")


def _seen(db: sqlite3.Connection) -> Seen:
    return Seen(db, db.execute("PRAGMA data_version").fetchone()[0])


def is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error means that the file itself is damaged."""
    # The subclasses mean busy, full, read-only or misuse: the file itself is sound.
    return type(error) is sqlite3.DatabaseError
