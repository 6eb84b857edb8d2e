"""A week per scanner: how many, from when to when, and what begins at the same time."""

from __future__ import annotations

import pytest

from lambdas.api.pages.views.week import Cell, monday_of, week_view
from shared.scanners.scanner_hours import ScannerHours
from shared.worklist_item import Status
from tests.rigs.site_state import stored

MONDAY = monday_of("20261122")
HOURS = ScannerHours.model_validate({"opens": "08:00", "closes": "18:00"})


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
    assert (sunday.label, sunday.count, sunday.span, sunday.overlaps) == ("Sun 22", 2, "09:00-15:00", ())
    assert sunday.is_today
    assert (scanner.scanner, scanner.count, scanner.cells[0].count) == ("MR1", 2, 0)
    assert week.title == "16 November to 22 November 2026"


def booked(*times: str) -> Cell:
    """Return the Sunday on which one scanner is booked so; ``0900-1000``, or ``0900`` without an end."""
    items = []
    for number, each in enumerate(times):
        start, _, end = each.partition("-")
        items.append(stored(str(number), scheduled_start_time=start, scheduled_end_time=end))
    [scanner] = week_view(MONDAY, items, "20261122", lambda _: HOURS).scanners
    return scanner.cells[6]


@pytest.mark.parametrize(
    ("times", "overlaps"),
    [
        (("0930", "0930"), ("09:30",)),
        (("0900-1000", "1000-1100"), ()),
        (("0900-1000", "0930-1100"), ("09:30",)),
        (("0900-1000", "0930"), ("09:30",)),
        (("0900", "0930-1000"), ()),
        (("0900-1200", "0930-0945", "1130-1300"), ("09:30", "11:30")),
        (("0900-1000", "0900-1000", "0900-1000"), ("09:00",)),
        (("1000-0900", "0930-1000"), ()),
    ],
)
def test_a_booking_that_begins_while_another_lasts_is_named(
    times: tuple[str, ...], overlaps: tuple[str, ...]
) -> None:
    assert booked(*times).overlaps == overlaps


def test_a_booking_that_lasts_over_midnight_overlaps_the_next_mornings() -> None:
    night = stored(
        "1",
        scheduled_start_date="20261121",
        scheduled_start_time="2300",
        scheduled_end_date="20261122",
        scheduled_end_time="0100",
    )
    week = week_view(MONDAY, [stored("2", scheduled_start_time="0030"), night], "20261122")
    assert [cell.overlaps for cell in week.scanners[0].cells[5:]] == [(), ("00:30",)]


def test_what_is_booked_on_another_scanner_overlaps_nothing() -> None:
    items = [stored("1"), stored("2", scheduled_station_aetitle="MR2")]
    week = week_view(MONDAY, items, "20261122")
    assert [scanner.cells[6].overlaps for scanner in week.scanners] == [(), ()]


def test_a_booking_outside_the_scanners_hours_is_named() -> None:
    assert booked("0730-0830", "0900-1000", "1730-1830", "1900").outside == ("07:30", "17:30", "19:00")


def test_where_no_hours_are_known_nothing_is_outside() -> None:
    [scanner] = week_view(MONDAY, [stored("1", scheduled_start_time="0300")], "20261122").scanners
    assert scanner.cells[6].outside == ()


def test_a_day_says_how_much_of_its_hours_is_booked() -> None:
    assert booked("0900-1000", "1000-1130").booked == "2.5 h of 10 h booked"
    assert booked("0900-1000", "1200").booked == "1 h of 10 h booked, 1 without an end"
    assert booked("0900").booked == ""


def test_who_does_not_come_takes_no_time() -> None:
    items = [stored("1", status=Status.CANCELLED), stored("2", status=Status.NO_SHOW)]
    assert week_view(MONDAY, items, "20261122").scanners == ()
