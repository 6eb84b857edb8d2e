"""Who is counted where, and that no exam is lost between the groups."""

from __future__ import annotations

import pytest

from lambdas.api.reports.exams import NOT_KNOWN, Unshown
from lambdas.api.reports.figures import Rules
from lambdas.api.reports.groups import Exams, Grouping, Report, report
from tests.rigs.exams import DAY, a_booking, a_scan, at

SCAN = a_scan(550, 600, scanner="MR2", study="two")
EXAMS = Exams(
    [a_booking(540, scans=(SCAN,), study="two"), a_booking(600, day=7), a_booking(600, day=5)],
    [SCAN, a_scan(60, day=7)],
    [Unshown("two", at(0, 7).date())],
)


def made(grouping: Grouping) -> Report:
    return report(EXAMS, grouping, Rules(today=at(0, 30).date()))


def counts(grouping: Grouping) -> dict[str, tuple[int, int, int]]:
    return {
        line.group: (line.figures.bookings, line.figures.scans, line.figures.missing)
        for line in made(grouping).lines
    }


def test_a_booking_is_of_the_planned_scanner_and_a_scan_of_the_one_it_ran_on() -> None:
    assert counts(Grouping.SCANNER) == {"MR1": (3, 1, 0), "MR2": (0, 1, 0), NOT_KNOWN: (0, 0, 1)}


def test_a_study_has_its_bookings_its_scans_and_what_was_never_shown() -> None:
    assert counts(Grouping.STUDY) == {"study": (2, 1, 0), "two": (1, 1, 1)}


def test_a_week_begins_on_monday_and_is_named_by_it() -> None:
    assert counts(Grouping.WEEK) == {"2026-11-23": (2, 1, 0), "2026-11-30": (1, 1, 1)}


@pytest.mark.parametrize("grouping", Grouping)
def test_the_total_is_of_all(grouping: Grouping) -> None:
    total = made(grouping).total
    assert (total.bookings, total.scans, total.missing) == (3, 2, 1)
    assert total.used_minutes == sum(line.figures.used_minutes for line in made(grouping).lines)


def test_nothing_has_no_line() -> None:
    assert report(Exams(), Grouping.STUDY, Rules(today=DAY.date())).lines == ()
