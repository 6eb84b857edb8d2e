"""Promising in the mark what the journal is committing, at the same time: a scanner waits for the disk once.

Two files are written through to the disk for each event, the journal's ``-wal`` and the mark. One after the
other, the second would wait for what the disk could have done with the first. See
`edge_relay.mpps.journal_mark.high_water` for what a crash between any two steps leaves behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from edge_relay.mpps.journal_mark.high_water import MarkFile, Noted

log = logging.getLogger(__name__)

Wait = Callable[[], None]
Beside = Callable[[Callable[[], None]], Wait]
"""Begins some work, and returns what waits for its end; that raises what the work raised."""


class OwnThread:
    """Does one piece of work after the other, beside whoever asks for it."""

    def __init__(self, name: str) -> None:
        self._pool: Final = ThreadPoolExecutor(
            1, thread_name_prefix=name
        )  # its thread starts when it is used

    def __call__(self, work: Callable[[], None]) -> Wait:
        """Begin the work; see `Beside`."""
        return self._pool.submit(work).result

    def close(self) -> None:
        """End, after what has begun."""
        self._pool.shutdown()


class Promises:
    """Notes what is committed; used by one thread at a time.

    A mark that cannot be written is a warning: the events are on the disk all the same.
    """

    def __init__(self, mark: MarkFile, beside: Beside) -> None:
        self._mark: Final = mark
        self._beside: Final = beside
        self._failed = False

    @contextmanager
    def while_committing(self, events: Sequence[Noted]) -> Iterator[None]:
        """Note events while they are committed within the block; both have ended once it has."""
        if not events:
            yield
            return
        wait = self._beside(lambda: self._mark.promise(events))
        kept = events[0].seq - 1
        try:
            yield
            kept = events[-1].seq
        finally:
            self._settle(wait, kept)

    def _settle(self, wait: Wait, kept: int) -> None:
        try:
            wait()
            self._mark.keep(kept)
        except OSError as error:
            if not self._failed:
                log.warning(
                    "journal.mark cannot be written (%s); a damaged journal may go unnoticed", error.strerror
                )
            self._failed = True
        else:
            self._failed = False
