"""When events were received, told again once the time is known. Their order never depends on a wall clock.

A machine without a battery wakes up in 1970, another a year ahead. Events taken before the cloud has told
the time carry what the clock said, and how long the machine had been running; from that their time follows
as soon as the cloud's is known, unless the machine was started again meanwhile. Then all that is certain is
what came before and after.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_STEP: Final = timedelta(microseconds=1)
_SANE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No relay was there before."""


class Stamp(NamedTuple):
    """A moment, and how well it is known.

    :param at: aware, UTC.
    :param boot: which start of the machine; ``uptime`` is counted from it, in seconds.
    :param known: by the cloud's clock.
    """

    at: datetime
    boot: str
    uptime: float
    known: bool


class Stamped(NamedTuple):
    """An event's number in the journal, and its stamp."""

    seq: int
    stamp: Stamp


class Corrected(NamedTuple):
    """An event's time as it is told now; ``certain`` is False if only its order is."""

    seq: int
    at: datetime
    certain: bool


def in_order(stamp: Stamp, last: datetime | None) -> Stamp:
    """Return the stamp of an event after another: later, whatever the clock says."""
    if last is None or stamp.at > last:
        return stamp
    return stamp._replace(at=last + _STEP, known=stamp.known and last - stamp.at < timedelta(seconds=1))


def corrected(events: Sequence[Stamped], now: Stamp) -> list[Corrected]:
    """Return the times of those events that were not known, by what is known now.

    :param events: in the order of the journal, from the last one known before the first that was not.
    """
    times = [_time_of(event.stamp, now) for event in events]
    told: list[Corrected] = []
    before: datetime | None = None
    for number, (event, time) in enumerate(zip(events, times, strict=True)):
        at = time
        if at is None:
            until = next((n for n in range(number, len(times)) if times[n] is not None), len(times))
            latest = (times[until] if until < len(times) else now.at) or now.at
            believable = max(before or _SANE, _SANE) < event.stamp.at < latest
            at = event.stamp.at if believable else latest - _STEP * (until - number)
        if before is not None and at <= before:
            at = before + _STEP
        before = at
        if not event.stamp.known or at != event.stamp.at:
            told.append(Corrected(event.seq, at, certain=time is not None))
    return told


def _time_of(stamp: Stamp, now: Stamp) -> datetime | None:
    if stamp.known:
        return stamp.at
    if stamp.boot and stamp.boot == now.boot:
        return now.at - timedelta(seconds=now.uptime - stamp.uptime)
    return None
