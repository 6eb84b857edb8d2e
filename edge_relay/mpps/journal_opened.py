"""journal.db as its owner holds it: opened when it is needed, used by one at a time, its problems noted.

A file that cannot be opened, read or written refuses its use and nothing else: `OpenedJournal.problem` says
what is wrong, and the next use, a second later at the earliest, tries again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from edge_relay.mpps import journal_file, journal_losses
from edge_relay.mpps.journal_mark.high_water import MarkFile
from shared.errors import Unavailable

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0


class OpenedJournal:
    """The file and its mark; safe to use from many threads.

    :param clock: seconds, only ever forward.
    :param on_open: called with each connection that was opened, before anybody uses it.
    """

    def __init__(
        self,
        path: Path,
        mark: MarkFile,
        clock: Callable[[], float],
        on_open: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._path: Final = path
        self._mark: Final = mark
        self._clock: Final = clock
        self._on_open: Final = on_open
        self._lock: Final = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._inode = 0
        self._trouble: Unavailable | None = None
        self._retry_at = 0.0

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
    def using(self, verb: Literal["opened", "read", "written"]) -> Iterator[sqlite3.Connection]:
        """Hold the file, opened if need be. What fails becomes `Unavailable`, and the journal's problem."""
        with self._lock:
            try:
                yield self.db
            except (sqlite3.Error, OSError) as error:
                if self._opened is not None and journal_file.is_damage(error):
                    self._opened.close()
                    self._opened = None
                trouble = journal_file.fault(error, verb)
                if verb == "written" or self._opened is None:
                    self._note(trouble)  # what cannot be read may well be written: MPPS goes on
                raise trouble from error
            except Unavailable as error:
                self._note(error)
                raise
            if verb == "written":
                self._note(None)

    def probe(self) -> None:
        """While there is a problem, find out by itself whether it is gone: no scanner may come for hours."""
        if self._trouble is None or (self._opened is not None and not self._may_retry()):
            return
        with suppress(Unavailable), self.using("written") as db:
            journal_file.probe(db)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection, opened if need be; for whoever holds the file."""
        if self._opened is None:
            if not self._may_retry():
                known = self._trouble or Unavailable("could not be opened", where=journal_file.WHERE)
                raise Unavailable(known.what, where=known.where, hint=known.hint)
            db = journal_file.open_journal(self._path)
            self._hold_against_mark(db)
            self._on_open(db)
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

    def _hold_against_mark(self, db: sqlite3.Connection) -> None:
        try:
            journal_losses.hold_against(db, self._mark)
            journal_losses.checkpoint(db, self._mark)
        except OSError as error:
            log.warning("journal.mark cannot be written (%s)", error.strerror)
        except sqlite3.Error:
            db.close()
            raise

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
