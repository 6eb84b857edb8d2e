"""What a stamp of REDCap's log says of its clock, and from when on changes are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.server_clock import ServerClock, begins_at, disagreement, offset_of
from tests.rigs.redcap import classic_definition

NOON = datetime(2026, 7, 1, 12, 0, 30, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seconds", [0, 29, 61, 150])
def test_a_line_of_just_now_tells_the_offset(zone: str, seconds: int) -> None:
    local = (NOON - timedelta(seconds=seconds)).astimezone(ZoneInfo(zone))
    true = local.utcoffset()
    assert true is not None
    assert offset_of(f"{local:%Y-%m-%d %H:%M}", NOON) == true.total_seconds() / 60
    assert offset_of(f"{local:%Y-%m-%d %H:%M:%S}", NOON) == true.total_seconds() / 60


@given(minutes=st.integers(-48, 56).map(lambda quarters: quarters * 15), age=st.integers(0, 100_000))
def test_an_old_line_is_a_lower_bound_and_never_a_higher_one(minutes: int, age: int) -> None:
    local = (NOON + timedelta(minutes=minutes) - timedelta(seconds=age)).replace(tzinfo=None)
    found = offset_of(f"{local:%Y-%m-%d %H:%M}", NOON)
    assert found is not None
    assert found <= minutes


@pytest.mark.parametrize("stamp", ["", "now", "01/07/2026 12:00", "2026-07-01T12:00", "2026-07-01"])
def test_a_stamp_that_cannot_be_read_tells_nothing(stamp: str) -> None:
    assert offset_of(stamp, NOON) is None


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("true", ZONES)
@pytest.mark.parametrize("known", [True, False])
def test_whatever_zone_was_stated_no_change_since_is_before_what_is_asked_for(
    zone: str, true: str, known: bool
) -> None:
    since = NOON - timedelta(minutes=6)
    offset = NOON.astimezone(ZoneInfo(true)).utcoffset()
    assert offset is not None
    clock = ServerClock.at_least(int(offset.total_seconds() // 60), NOON.timestamp()) if known else None
    asked = begins_at(classic_definition(server_time_zone=zone), since, NOON, clock)
    assert asked <= since.astimezone(ZoneInfo(true)).replace(tzinfo=None)


def test_a_clock_that_is_known_to_agree_is_not_asked_from_earlier_than_needed() -> None:
    since = NOON - timedelta(minutes=6)
    clock = ServerClock.at_least(120, NOON.timestamp() - 3600)
    asked = begins_at(classic_definition(server_time_zone="Europe/Berlin"), since, NOON, clock)
    assert asked == datetime(2026, 7, 1, 13, 54, 30)


def test_what_was_seen_a_day_ago_is_not_believed_any_more() -> None:
    clock = ServerClock.at_least(120, NOON.timestamp() - 86400)
    definition = classic_definition(server_time_zone="Europe/Berlin")
    assert begins_at(definition, NOON, NOON, clock) == begins_at(definition, NOON, NOON, None)


@pytest.mark.parametrize(("zone", "minutes"), [("UTC", 0), ("Europe/Berlin", 120), ("Asia/Kolkata", 330)])
def test_a_clock_in_the_stated_zone_agrees(zone: str, minutes: int) -> None:
    assert disagreement(classic_definition(server_time_zone=zone), minutes, NOON) == ""


@pytest.mark.parametrize(("zone", "minutes"), [("UTC", 60), ("Europe/Berlin", 0), ("Asia/Kolkata", 300)])
def test_another_one_is_told_with_both_times(zone: str, minutes: int) -> None:
    said = disagreement(classic_definition(server_time_zone=zone), minutes, NOON)
    assert f"{NOON + timedelta(minutes=minutes):%H:%M}" in said
    assert f"{NOON.astimezone(ZoneInfo(zone)):%H:%M}" in said
    assert zone in said
