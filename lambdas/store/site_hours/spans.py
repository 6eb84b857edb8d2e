"""When something is expected at a site, and how often its relays should ask then. Pure.

A site is open while one of its sources is: in its ``operating_window`` or, without one, by day. It is open
around each booking too. A change opens it for a while: one seldom comes alone. Somebody who is not told
otherwise asks as often as he is set to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from lambdas.sources.definition import OperatingWindow, SourceDefinition

Span = tuple[float, float]
"""From when until when, in seconds since 1970."""

DAY: Final = OperatingWindow(opens=time(5), closes=time(22))
"""When a source is open that has no ``operating_window``. REDCap is asked at any hour all the same."""
LEAD_SECONDS: Final = 900.0
"""So long before it opens, relays ask often already."""
RECENT_SECONDS: Final = 1800.0
"""So long after a change, relays ask often."""
BEFORE_BOOKING: Final = timedelta(hours=2)
AFTER_BOOKING: Final = timedelta(hours=4)

Hours = Mapping[str, tuple[Span, ...]]
"""Site -> when it is open, in order, none of them touching."""


class Booking(NamedTuple):
    """An exam that is still to be done: its site, and its start by the site's clock."""

    site: str
    start: datetime


def hours_of(
    definitions: Iterable[SourceDefinition], bookings: Iterable[Booking], now: float, seconds: float
) -> Hours:
    """Return when the sites of enabled sources are open, from ``now`` for some time.

    A site of no source is not named: nobody knows its hours.
    """
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (now, now + seconds))
    found: dict[str, list[Span]] = {}
    zones: dict[str, tzinfo] = {}
    for each in definitions:
        if each.enabled:
            spans = list(_open(each.operating_window or DAY, each.zone(), first, last))
            for site in each.sites():
                found.setdefault(site, []).extend(spans)
                zones.setdefault(site, each.zone())
    for booking in bookings:
        if booking.site in found:
            start = booking.start.replace(tzinfo=zones[booking.site])
            span = (start - BEFORE_BOOKING).timestamp(), (start + AFTER_BOOKING).timestamp()
            found[booking.site].append(span)
    return {site: tuple(_merged(spans, now, now + seconds)) for site, spans in found.items()}


def poll_interval(spans: Sequence[Span] | None, now: float, quiet: float, slow: float) -> float:
    """Return for how many seconds a relay need not ask again; 0: it should ask as often as it is set to.

    :param spans: when its site is open; None: nobody knows.
    :param quiet: for how many seconds nothing has changed at the site.
    :param slow: the longest interval.
    """
    if spans is None or quiet < RECENT_SECONDS:
        return 0.0
    wakes = [(opens - LEAD_SECONDS, closes) for opens, closes in spans]
    if any(opens <= now < closes for opens, closes in wakes):
        return 0.0
    return min([slow, *(opens - now for opens, _ in wakes if opens > now)])


def _open(window: OperatingWindow, zone: tzinfo, first: datetime, last: datetime) -> Iterator[Span]:
    day: date = first.astimezone(zone).date() - timedelta(1)
    while day <= last.astimezone(zone).date():
        opened = window.opened_on(day, zone)
        if opened is not None:
            yield opened[0].timestamp(), opened[1].timestamp()
        day += timedelta(1)


def _merged(spans: Iterable[Span], first: float, last: float) -> Iterator[Span]:
    """Yield spans in order, those that touch as one, without what is over or beyond."""
    current: Span | None = None
    for opens, closes in sorted(spans):
        if closes <= first or opens >= last:
            continue
        if current is not None and opens <= current[1]:
            current = current[0], max(current[1], closes)
            continue
        if current is not None:
            yield current
        current = opens, closes
    if current is not None:
        yield current
