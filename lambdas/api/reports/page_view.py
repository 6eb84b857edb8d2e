"""What the page "Planned and done" says: a table of all figures, and three drawings of some. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from lambdas.api.reports.charts import Chart, Series, svg
from lambdas.api.reports.figures import Figures
from lambdas.api.reports.groups import Grouping, Line, Report

MOST_DRAWN: Final = 60
"""Groups in a drawing: a year by week has 53."""


class Column(NamedTuple):
    """A column of the table; ``explained`` says what its cells mean, in one line."""

    heading: str
    explained: str
    cell: Callable[[Figures], str]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    group: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class PageView:
    """The table and the drawings (SVG, escaped)."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row
    charts: tuple[str, ...]
    missing: int
    without_length: int


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "-"


def _pair(low: int | None, high: int | None) -> str:
    return "-" if low is None else f"{low} / {high}"


COLUMNS: Final = (
    Column("Missing", "not on the list when their time came; must be 0", lambda f: str(f.missing)),
    Column("Bookings", "exams planned, cancelled ones too", lambda f: str(f.bookings)),
    Column("Booked", "hours, without what was cancelled early", lambda f: hours(f.booked_minutes)),
    Column("Used", "hours in which a scan ran", lambda f: hours(f.used_minutes)),
    Column("Scans", "that began", lambda f: str(f.scans)),
    Column(
        "Delay", "minutes to the first scan, p50 / p95", lambda f: _pair(f.start_delay_p50, f.start_delay_p95)
    ),
    Column("Overrun", "by more than 5 minutes, of those ended", lambda f: _share(f.overrun, f.ended)),
    Column("No-shows", "of exams whose day has passed", lambda f: _share(f.no_shows, f.due)),
    Column("Cancelled late", "of all bookings", lambda f: _share(f.cancelled_late, f.bookings)),
    Column("Elsewhere", "on another scanner, of those started", lambda f: _share(f.elsewhere, f.started)),
    Column("Without booking", "of all scans", lambda f: _share(f.without_booking, f.scans)),
    Column(
        "Saved to listed",
        "seconds at most, p50 / p95",
        lambda f: _pair(f.saved_to_listed_p50, f.saved_to_listed_p95),
    ),
)


def page_view(report: Report, by: Grouping) -> PageView:
    """Return what the page says of a report."""
    return PageView(
        COLUMNS,
        tuple(_row(label(line.group, by), line.figures) for line in report.lines),
        _row("Total", report.total),
        tuple(svg(chart) for chart in charts(report, by)) if report.lines else (),
        report.total.missing,
        report.total.without_length,
    )


def charts(report: Report, by: Grouping) -> tuple[Chart, ...]:
    """Return the drawings: hours, delays, and what did not take place as planned."""
    lines = report.lines[:MOST_DRAWN]

    def chart(name: str, title: str, unit: str, *series: tuple[str, Callable[[Line], float | None]]) -> Chart:
        names = " and ".join(each for each, _ in series)
        return Chart(
            id=f"chart-{name}",
            title=title,
            description=f"Bars by {by.value}: {names}. The table above has the same figures.",
            unit=unit,
            groups=[label(line.group, by) for line in lines],
            series=[Series(each, [value(line) for line in lines]) for each, value in series],
        )

    return (
        chart(
            "hours",
            "Booked and used hours",
            "hours",
            ("booked", lambda line: round(line.figures.booked_minutes / 60, 1)),
            ("used", lambda line: round(line.figures.used_minutes / 60, 1)),
        ),
        chart(
            "delay",
            "Start delay",
            "minutes",
            ("half start within", lambda line: line.figures.start_delay_p50),
            ("95 % start within", lambda line: line.figures.start_delay_p95),
        ),
        chart(
            "lost",
            "No-shows and late cancellations",
            "exams",
            ("no-shows", lambda line: line.figures.no_shows),
            ("cancelled late", lambda line: line.figures.cancelled_late),
        ),
    )


def label(group: str, by: Grouping) -> str:
    """Return a group's name as people read it: a week by its Monday."""
    if by is not Grouping.WEEK:
        return group
    monday = date.fromisoformat(group)
    return f"week of {monday.day} {monday:%b %Y}"


def hours(minutes: int) -> str:
    """Return minutes as hours, ``12.5``."""
    return f"{minutes / 60:.1f}"


def _row(group: str, figures: Figures) -> Row:
    return Row(group, tuple(column.cell(figures) for column in COLUMNS))
