"""A week of a site: per scanner and day, what is booked, and which bookings begin at the same time. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas.api.pages.views.words import clock_time
from lambdas.store.ownership import StoredItem
from shared.worklist_item import Status


@dataclass(frozen=True)
class Cell:
    """A scanner's day: how many exams, from when to when, and the times at which two or more begin."""

    day: str
    label: str
    count: int
    span: str
    clashes: tuple[str, ...]
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


def week_view(monday: datetime, items: Iterable[StoredItem], today: str) -> Week:
    """Return a week; cancelled exams and those that nobody came to take no time of a scanner."""
    starts: dict[str, dict[str, list[str]]] = {}
    for stored in items:
        item = stored.item
        if item.performed_procedure_step_status in {Status.CANCELLED, Status.NO_SHOW}:
            continue
        of_scanner = starts.setdefault(item.scheduled_station_aetitle, {})
        of_scanner.setdefault(item.scheduled_start_date, []).append(clock_time(item.scheduled_start_time))
    sunday = monday + timedelta(days=6)
    days = [monday + timedelta(days=number) for number in range(7)]
    return Week(
        f"{monday.day} {monday:%B} to {sunday.day} {sunday:%B %Y}",
        tuple(_scanner(name, of_scanner, days, today) for name, of_scanner in sorted(starts.items())),
    )


def _scanner(name: str, starts: dict[str, list[str]], days: list[datetime], today: str) -> ScannerWeek:
    cells = tuple(_cell(day, sorted(starts.get(f"{day:%Y%m%d}", [])), today) for day in days)
    return ScannerWeek(name, cells, sum(cell.count for cell in cells))


def _cell(day: datetime, starts: list[str], today: str) -> Cell:
    key = f"{day:%Y%m%d}"
    span = f"{starts[0]}-{starts[-1]}" if len(starts) > 1 else starts[0] if starts else ""
    clashes = tuple(time for time, count in sorted(Counter(starts).items()) if count > 1)
    return Cell(key, f"{day:%a} {day.day}", len(starts), span, clashes, key == today)
