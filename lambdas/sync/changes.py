"""What has changed in REDCap since a moment, asked so that no zone and no clock hides it.

the log tells the clock      changes are asked for since the earlier of that clock and the stated zone
it does not                  as far back as any zone on earth may be, until an edit shows that the stated
                             zone is early enough
a full read found edits      that no sync had seen: as far back, until the next full read
"""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.server_clock import ServerClock, begins_at
from lambdas.sources.state import SourceState
from lambdas.sync.project_check import clock_of

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

ONE_GO: Final = 2000
"""Records that are read without a stop in between; more are a full read's, which can be gone on with."""

CLOCK_SECONDS: Final = 3600.0
"""How often the server's clock is looked at: it changes to and from summer time."""

LEAST_ZONE_STEP: Final = timedelta(minutes=15)
"""Zones differ by so much at least: an edit of less than that ago tells which zone it is."""


class Changes:
    """Asks a source's project for what has changed.

    :param now: seconds since 1970.
    """

    def __init__(self, definition: SourceDefinition, redcap: RedcapProject, now: float) -> None:
        self._definition, self._redcap = definition, redcap
        self._seconds, self._now = now, datetime.fromtimestamp(now, UTC)
        self._overlap = timedelta(seconds=definition.overlap_seconds)

    def clock(self, state: SourceState, news: Set[str]) -> dict[str, object]:
        """Return what of the state says what is known of the server's clock; the log is asked every hour.

        Called when something was exported just now: the log's newest line is of that.

        :param news: records that have changed since the last sync.
        """
        if state.unseen or self._seconds < state.clock_asked_at + CLOCK_SECONDS:
            return {"server_clock": self._confirmed(state, news)}
        minutes = clock_of(self._definition, self._redcap)
        known = ServerClock.at_least(minutes, self._seconds) if minutes is not None else None
        return {"server_clock": known or self._confirmed(state, news), "clock_asked_at": self._seconds}

    def of(self, state: SourceState) -> frozenset[str]:
        """Return the records changed since the watermark, and those of the overlap before it."""
        since = (state.watermark or datetime.fromtimestamp(0, UTC)) - self._overlap
        clock = None if state.unseen else state.server_clock  # whatever it showed, it was not enough
        asked = begins_at(self._definition, since, self._now, clock)
        changed = self._redcap.changed(asked)
        stated = self._definition.server_wall_clock(since, self._now)
        if len(changed) > ONE_GO and asked < stated:  # a bulk change must not be read all day
            changed = self._redcap.changed(stated)
        return changed

    def _confirmed(self, state: SourceState, news: Set[str]) -> ServerClock | None:
        """Return what is known of the clock, once records are seen to have changed since the last sync.

        If REDCap shows one of them also to whoever trusts the stated zone, its clock is not behind that.
        """
        clock = state.server_clock
        if (clock and clock.is_valid(self._seconds)) or state.unseen:
            return clock
        if not (news and state.recent and state.watermark):
            return clock
        since = state.watermark - self._overlap
        if self._now - since > LEAST_ZONE_STEP:
            return clock
        stated = self._definition.server_wall_clock(since, self._now)
        if not news & self._redcap.changed(stated):
            return clock
        offset = stated - since.astimezone(UTC).replace(tzinfo=None)
        return ServerClock.at_least(int(offset.total_seconds() // 60), self._seconds)

    def unseen(self, state: SourceState, written: Set[str]) -> int:
        """Return how many of the records that a full read put right the syncs before it should have seen.

        They have changed since the full read before, and are not among the latest changes. What another build
        or definition makes of a record that has not changed is no news; that is for the caller to know.
        """
        if not written or not state.reconciled_at:
            return 0
        last = datetime.fromtimestamp(state.reconciled_at, UTC)
        changed = written & self._redcap.changed(begins_at(self._definition, last, last, None))
        return len(changed - self.of(state)) if changed else 0
