"""The figures of a period as a whole and by scanner, study or week. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from lambdas.api.reports.exams import NOT_KNOWN, Booking, Scan, Unshown
from lambdas.api.reports.figures import Figures, Rules, figures


class Grouping(StrEnum):
    """What a report has a line for.

    A booking belongs to the scanner it was planned for, a scan to the one it ran on. A scan's study is that
    of its booking. Weeks begin on Monday, and are named by that day.
    """

    SCANNER = "scanner"
    STUDY = "study"
    WEEK = "week"


@dataclass(frozen=True)
class Exams:
    """What a report is made from: everything of one site in one period."""

    bookings: Collection[Booking] = ()
    scans: Collection[Scan] = ()
    unshown: Collection[Unshown] = ()


class Line(BaseModel):
    """One group's figures."""

    model_config = ConfigDict(frozen=True)

    group: str
    figures: Figures


class Report(BaseModel):
    """The lines in order of their groups, and the figures of everything together."""

    model_config = ConfigDict(frozen=True)

    lines: tuple[Line, ...]
    total: Figures


@dataclass
class _Group:
    bookings: list[Booking] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    unshown: list[Unshown] = field(default_factory=list)


def report(exams: Exams, grouping: Grouping, rules: Rules) -> Report:
    """Return a report."""
    groups: dict[str, _Group] = defaultdict(_Group)
    name = _NAMES[grouping]
    for booking in exams.bookings:
        groups[name(booking)].bookings.append(booking)
    for scan in exams.scans:
        groups[name(scan)].scans.append(scan)
    for each in exams.unshown:
        groups[name(each)].unshown.append(each)
    return Report(
        lines=tuple(
            Line(group=key, figures=figures(of.bookings, of.scans, of.unshown, rules))
            for key, of in sorted(groups.items())
        ),
        total=figures(exams.bookings, exams.scans, exams.unshown, rules),
    )


def _scanner(of: Booking | Scan | Unshown) -> str:
    return NOT_KNOWN if isinstance(of, Unshown) else of.scanner


def _study(of: Booking | Scan | Unshown) -> str:
    return of.study


def _week(of: Booking | Scan | Unshown) -> str:
    return monday(of.day).isoformat()


def monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


_NAMES: Final[dict[Grouping, Callable[[Booking | Scan | Unshown], str]]] = {
    Grouping.SCANNER: _scanner,
    Grouping.STUDY: _study,
    Grouping.WEEK: _week,
}
