"""Hours of scanners, by the clock on the wall."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.scanners.scanner_hours import ScannerHours, hours_of

FRIDAY, SATURDAY = date(2026, 11, 27), date(2026, 11, 28)


def hours(**changes: Any) -> ScannerHours:
    fields = {"opens": "08:00", "closes": "18:00", "days": ["mon", "fri"]}
    return ScannerHours.model_validate({**fields, **changes})


def at(clock: str, day: date = FRIDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}")


@pytest.mark.parametrize(
    ("start", "end", "is_covered"),
    [
        ("08:00", "09:00", True),
        ("17:00", "18:00", True),
        ("07:59", "09:00", False),
        ("17:30", "18:01", False),
        ("18:00", "18:00", False),
        ("17:59", "17:59", True),
    ],
)
def test_a_booking_is_within_them_from_its_start_to_its_end(start: str, end: str, is_covered: bool) -> None:
    assert hours().cover(at(start), at(end)) is is_covered


def test_a_day_on_which_it_is_closed_has_none() -> None:
    assert not hours().cover(at("10:00", SATURDAY), at("11:00", SATURDAY))
    assert hours().on(SATURDAY) == timedelta()
    assert hours().on(FRIDAY) == timedelta(hours=10)


def test_a_booking_that_ends_on_the_next_day_is_outside() -> None:
    assert not hours(days=["fri", "sat"]).cover(at("17:00"), at("09:00", SATURDAY))


def test_it_may_be_open_until_midnight() -> None:
    late = hours(opens="12:00", closes="00:00")
    assert late.cover(at("22:00"), at("00:00", SATURDAY))
    assert not late.cover(at("23:00"), at("00:01", SATURDAY))
    assert late.on(FRIDAY) == timedelta(hours=12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"closes": "08:00"}, "later than opens"),
        ({"closes": "07:00"}, "later than opens"),
        ({"opens": "08:00Z"}, "without a zone"),
        ({"days": []}, "at least 1"),
        ({"days": ["friday"]}, "mon"),
        ({"from": "08:00"}, "not permitted"),
    ],
)
def test_hours_that_make_no_sense_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        hours(**changes)


def test_a_scanners_own_hours_go_before_those_of_all() -> None:
    own, others = hours(opens="06:00"), hours()
    given = {"PRISMA1": own, "all": others}
    assert hours_of("PRISMA1", given) == own
    assert hours_of("SKYRA2", given) == others
    assert hours_of("SKYRA2", {"PRISMA1": own}) is None
