"""A week per scanner: how many, from when to when, and what begins at the same time."""

from __future__ import annotations

import pytest

from lambdas.api.pages.views.week import monday_of, week_view
from shared.worklist_item import Status
from tests.rigs.site_state import stored

MONDAY = monday_of("20261122")


@pytest.mark.parametrize(
    ("day", "monday"), [("20261122", "20261116"), ("20261116", "20261116"), ("20270101", "20261228")]
)
def test_a_week_begins_on_monday(day: str, monday: str) -> None:
    assert f"{monday_of(day):%Y%m%d}" == monday


def test_a_day_is_counted_with_its_first_and_last_start() -> None:
    items = [stored("1", scheduled_start_time="1500"), stored("2", scheduled_start_time="0900")]
    week = week_view(MONDAY, items, "20261122")
    [scanner] = week.scanners
    sunday = scanner.cells[6]
    assert (sunday.label, sunday.count, sunday.span, sunday.clashes) == ("Sun 22", 2, "09:00-15:00", ())
    assert sunday.is_today
    assert (scanner.scanner, scanner.count, scanner.cells[0].count) == ("MR1", 2, 0)
    assert week.title == "16 November to 22 November 2026"


def test_exams_that_begin_together_are_named() -> None:
    week = week_view(MONDAY, [stored("1"), stored("2")], "20261122")
    assert week.scanners[0].cells[6].clashes == ("09:30",)


def test_who_does_not_come_takes_no_time() -> None:
    items = [stored("1", status=Status.CANCELLED), stored("2", status=Status.NO_SHOW)]
    assert week_view(MONDAY, items, "20261122").scanners == ()
