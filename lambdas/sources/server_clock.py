"""What is known of the REDCap server's wall clock, by which it compares changes. Pure.

No endpoint tells the server's zone, and one that is taken for another hides edits for hours. What is known
here is a bound: the clock is not behind this offset. So "changed since" never begins too late: where nothing
is known, it begins as early as any zone on earth would need.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from lambdas.sources.definition import SourceDefinition

EARLIEST: Final = timedelta(hours=-12)
"""No clock on earth is further behind UTC."""

VALID_SECONDS: Final = 86400.0
"""For how long a bound is believed: zones change to and from summer time, each on its own day."""

_QUARTER: Final = 15
_SUMMER_TIME: Final = timedelta(hours=1)
_STAMP: Final = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2})(?::\d{2})?")


class ServerClock(BaseModel):
    """A bound on the offset of the server's wall clock.

    :param offset_minutes: how far it is ahead of UTC, at least.
    :param seen_at: when it was seen, seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    offset_minutes: int
    seen_at: float

    @classmethod
    def at_least(cls, minutes: int, now: float) -> ServerClock:
        """Return what has been seen now, in seconds since 1970."""
        return cls(offset_minutes=minutes, seen_at=now)

    @property
    def offset(self) -> timedelta:
        """The offset."""
        return timedelta(minutes=self.offset_minutes)

    def is_valid(self, now: float) -> bool:
        """Tell whether it is still believed."""
        return now < self.seen_at + VALID_SECONDS


def offset_of(stamp: str, now: datetime) -> int | None:
    """Return how many minutes a wall clock is ahead of UTC, at least; None if the stamp cannot be read.

    :param stamp: what the clock showed, now or before: ``YYYY-MM-DD HH:MM``.
    :param now: aware.
    """
    match = _STAMP.fullmatch(stamp.strip())
    if match is None:
        return None
    shown = datetime.fromisoformat(match[1])
    minutes = int((shown - now.astimezone(UTC).replace(tzinfo=None)).total_seconds() // 60)
    # Every zone is a multiple of it; the line is of the minute that had begun, or older.
    return minutes + -minutes % _QUARTER


def begins_at(
    definition: SourceDefinition, since: datetime, now: datetime, clock: ServerClock | None
) -> datetime:
    """Return the server's wall clock, naive, from which on changes since a moment are asked for.

    :param since: and ``now``: aware.
    :param clock: what is known; None: nothing is.
    """
    stated = definition.server_wall_clock(since, now)
    known = clock if clock is not None and clock.is_valid(now.timestamp()) else None
    utc = since.astimezone(UTC).replace(tzinfo=None)
    if known is None:
        return min(stated, utc + EARLIEST)
    # A zone that nobody has stated may go back to winter time before it is looked at again.
    agrees = known.offset == now.astimezone(definition.server_zone()).utcoffset()
    return min(stated, utc + known.offset - (timedelta() if agrees else _SUMMER_TIME))


def disagreement(definition: SourceDefinition, offset_minutes: int, now: datetime) -> str:
    """Return in what a clock that was read disagrees with the definition; empty if it agrees."""
    zone = definition.server_time_zone or definition.time_zone
    stated = now.astimezone(definition.server_zone()).utcoffset() or timedelta()
    if stated == timedelta(minutes=offset_minutes):
        return ""
    key = "server_time_zone" if definition.server_time_zone else "time_zone, and server_time_zone is left out"
    read = (now.astimezone(UTC) + timedelta(minutes=offset_minutes)).strftime("%H:%M")
    return (
        f"REDCap's log shows {read} when it is {now.astimezone(UTC):%H:%M} UTC, and in {zone} ({key}) it is "
        f"{now.astimezone(definition.server_zone()):%H:%M}"
    )
