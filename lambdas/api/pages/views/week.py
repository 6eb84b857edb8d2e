"""A week of a site: per scanner and day, what is booked, what overlaps, what lies outside its hours. Pure.

A booking without a planned end takes no time that is known: it overlaps what begins with it, and what it
begins in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from lambdas.api.pages.views.words import hours, planned_end, planned_start
from lambdas.store.ownership import StoredItem
from shared.scanners.scanner_hours import ScannerHours
from shared.worklist_item import Status

HoursOf = Callable[[str], ScannerHours | None]


class Booking(NamedTuple):
    """When an exam is planned, local times; ``end``: None if nobody said."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Cell:
    """A scanner's day.

    :param span: its first and last start.
    :param booked: how much of its hours is booked, in words; empty if no length is known.
    :param overlaps: the starts of bookings that begin before the one before them has ended, or with it.
    :param outside: the starts of bookings that are not within the scanner's hours.
    """

    day: str
    label: str
    count: int
    span: str
    booked: str
    overlaps: tuple[str, ...]
    outside: tuple[str, ...]
    is_today: bool


@dataclass(frozen=True)
class ScannerWeek:
    """A scanner's seven days, Monday first."""

    scanner: str
    cells: tuple[Cell, ...]
    count: int


@dataclass(frozen=True)
class Week:
    """What the page says."""

    title: str
    scanners: tuple[ScannerWeek, ...]


def monday_of(day: str) -> datetime:
    """Return the Monday of the week a day (``YYYYMMDD``) lies in."""
    moment = datetime.strptime(day, "%Y%m%d")  # noqa: DTZ007 - a day has no zone
    return moment - timedelta(days=moment.weekday())


def week_view(
    monday: datetime, items: Iterable[StoredItem], today: str, hours_of: HoursOf = lambda _: None
) -> Week:
    """Return a week; cancelled exams and those that nobody came to take no time of a scanner.

    :param hours_of: the hours of a scanner, None if they are not known.
    """
    booked: dict[str, list[Booking]] = {}
    for stored in items:
        item = stored.item
        if item.performed_procedure_step_status not in {Status.CANCELLED, Status.NO_SHOW}:
            booking = Booking(planned_start(item), planned_end(item))
            booked.setdefault(item.scheduled_station_aetitle, []).append(booking)
    sunday = monday + timedelta(days=6)
    return Week(
        f"{monday.day} {monday:%B} to {sunday.day} {sunday:%B %Y}",
        tuple(_scanner(name, own, monday, today, hours_of(name)) for name, own in sorted(booked.items())),
    )


def _scanner(
    name: str, booked: list[Booking], monday: datetime, today: str, opening: ScannerHours | None
) -> ScannerWeek:
    booked.sort(key=lambda each: each.start)
    overlaps = set(_overlapping(booked))
    cells = []
    for day in (monday + timedelta(days=number) for number in range(7)):
        own = [each for each in booked if each.start.date() == day.date()]
        cells.append(_cell(day, own, overlaps, f"{day:%Y%m%d}" == today, opening))
    return ScannerWeek(name, tuple(cells), len(booked))


def _overlapping(booked: Sequence[Booking]) -> Iterator[datetime]:
    """Yield the starts of bookings at which another one is under way, or begins; given in order of start."""
    until: datetime | None = None
    last: datetime | None = None
    for each in booked:
        if each.start == last or (until is not None and each.start < until):
            yield each.start
        last, until = each.start, max(filter(None, (until, each.end)), default=None)


def _cell(
    day: datetime,
    own: Sequence[Booking],
    overlaps: set[datetime],
    is_today: bool,
    opening: ScannerHours | None,
) -> Cell:
    starts = [f"{each.start:%H:%M}" for each in own]
    outside = [each for each in own if opening and not opening.cover(each.start, each.end or each.start)]
    return Cell(
        day=f"{day:%Y%m%d}",
        label=f"{day:%a} {day.day}",
        count=len(own),
        span=f"{starts[0]}-{starts[-1]}" if len(starts) > 1 else "".join(starts),
        booked=_booked(day, own, opening),
        overlaps=_times(each for each in own if each.start in overlaps),
        outside=_times(outside),
        is_today=is_today,
    )


def _booked(day: datetime, own: Sequence[Booking], opening: ScannerHours | None) -> str:
    known = [each.end - each.start for each in own if each.end]
    if not known:
        return ""
    of = f" of {hours(opening.on(day.date()))}" if opening else ""
    without = len(own) - len(known)
    rest = f", {without} without an end" if without else ""
    return f"{hours(sum(known, timedelta()))}{of} booked{rest}"


def _times(booked: Iterable[Booking]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{each.start:%H:%M}" for each in booked))
