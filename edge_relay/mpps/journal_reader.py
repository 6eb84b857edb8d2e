"""The journal as another process sees it, for ``status``, ``list`` and ``journal check``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from edge_relay.mpps import journal_file, journal_rows
from edge_relay.mpps.journal_file import reading
from edge_relay.mpps.journal_mark.high_water import Noted
from edge_relay.mpps.journal_parked import DiscardedEvent, discarded
from edge_relay.mpps.journal_rows import OpenEvent
from edge_relay.mpps.journal_tables import warned_events
from edge_relay.mpps.journal_tables.warned_events import WarnedEvent


class JournalReader:
    """A connection that reads.

    :raises Unavailable: from every method, if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with reading("opened"):
            self._db: Final = journal_file.look_into(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def open_events(self) -> list[OpenEvent]:
        """Return all events not yet delivered, oldest first."""
        with reading("read"):
            return journal_rows.open_events(self._db)

    def discarded(self) -> list[DiscardedEvent]:
        """Return the events that people discarded, latest first."""
        with reading("read"):
            return discarded(self._db)

    def waiting_seconds(self, now: datetime, uptime: float) -> float | None:
        """Return how long the oldest event that could be sent has been waiting, in seconds; None if none is.

        :param now: the relay's time; ``uptime`` its machine's, for what came before the time was known.
        """
        with reading("read"):
            return journal_rows.waiting_seconds(self._db, now, uptime)

    def warned_events(self, limit: int) -> list[WarnedEvent]:
        """Return the latest events something was wrong with, newest first."""
        with reading("read"):
            return warned_events.latest(self._db, limit)

    def missing(self) -> list[Noted]:
        """Return the events that the journal had taken and no longer has."""
        with reading("read"):
            return journal_rows.missing(self._db)
