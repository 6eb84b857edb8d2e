"""When an exam counts as missed: by the days of the scanners' zone, or of the last zone on earth."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambdas.sync.scans.no_shows import last_day
from tests.rigs.redcap import classic_definition


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "days", "moment", "day"),
    [
        ("UTC", 2, "2026-11-27T00:00", "20261124"),
        ("UTC", 2, "2026-11-26T23:59", "20261123"),
        ("UTC", 0, "2026-11-27T00:00", "20261126"),
        ("Europe/Oslo", 2, "2026-11-26T23:00", "20261124"),
        ("America/Los_Angeles", 2, "2026-11-27T07:59", "20261123"),
        ("Pacific/Kiritimati", 0, "2026-11-26T10:00", "20261126"),
        ("Europe/Oslo", 1, "2027-01-01T12:00", "20261230"),
        ("Europe/Oslo", 2, "2026-03-01T12:00", "20260226"),
    ],
)
def test_a_day_is_missed_when_it_and_the_grace_have_passed_at_the_scanner(
    zone: str, days: int, moment: str, day: str
) -> None:
    assert last_day(classic_definition(time_zone=zone, no_show_days=days), at(moment)) == day


def test_a_source_gives_two_days_unless_it_says_otherwise() -> None:
    assert classic_definition().no_show_days == 2


@pytest.mark.parametrize(
    ("moment", "day"), [("2026-11-27T11:59", "20261123"), ("2026-11-27T12:00", "20261124")]
)
def test_of_an_exam_without_a_source_the_day_ends_where_it_ends_last(moment: str, day: str) -> None:
    assert last_day(None, at(moment)) == day
