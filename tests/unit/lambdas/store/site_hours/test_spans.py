"""When something is expected at a site, and how often its relays should ask then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.store.site_hours.spans import (
    LEAD_SECONDS,
    RECENT_SECONDS,
    Booking,
    Span,
    hours_of,
    poll_interval,
)
from tests.rigs.redcap import classic_definition

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NOW = MONDAY.timestamp()
TWO_DAYS = 48 * 3600.0
OFFICE = {"opens": "07:00", "closes": "19:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
LONG = 1e6


def at(spans: tuple[Span, ...]) -> list[tuple[str, str]]:
    """Return spans as day and hour in UTC."""
    return [(said(opens), said(closes)) for opens, closes in spans]


def said(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%a %H:%M}"


def test_a_site_is_open_in_the_operating_window_of_its_source() -> None:
    source = classic_definition(operating_window=OFFICE, time_zone="Europe/Oslo")
    hours = hours_of([source], [], NOW, TWO_DAYS)
    assert at(hours["main"]) == [("Mon 06:00", "Mon 18:00"), ("Tue 06:00", "Tue 18:00")]


def test_without_a_window_a_site_is_open_by_day() -> None:
    hours = hours_of([classic_definition(time_zone="UTC")], [], NOW, 24 * 3600.0)
    assert at(hours["main"]) == [("Mon 05:00", "Mon 22:00")]


def test_a_window_over_midnight_that_has_begun_is_open_now() -> None:
    night = {"opens": "20:00", "closes": "06:00"}
    source = classic_definition(operating_window=night, time_zone="UTC")
    assert at(hours_of([source], [], NOW, 3600.0)["main"]) == [("Sun 20:00", "Mon 06:00")]


def test_of_two_sources_of_a_site_either_opens_it() -> None:
    late = {**OFFICE, "opens": "18:00", "closes": "23:00"}
    sources = [
        classic_definition(operating_window=OFFICE, time_zone="UTC"),
        classic_definition(id="other", operating_window=late, time_zone="UTC"),
    ]
    hours = hours_of(sources, [], NOW, 24 * 3600.0)
    assert at(hours["main"]) == [("Mon 07:00", "Mon 23:00")]


def test_a_source_opens_every_site_it_writes_to() -> None:
    source = classic_definition(site="", sites_by_dag={"a": "east", "b": "west"}, time_zone="UTC")
    hours = hours_of([source], [], NOW, TWO_DAYS)
    assert hours["east"] == hours["west"] != ()


def test_a_disabled_source_says_nothing_of_its_site() -> None:
    assert hours_of([classic_definition(enabled=False)], [], NOW, TWO_DAYS) == {}


def test_a_booking_at_night_opens_its_site_around_it_by_its_own_clock() -> None:
    source = classic_definition(operating_window=OFFICE, time_zone="Europe/Oslo")
    bookings = [Booking("main", datetime(2026, 11, 23, 2)), Booking("south", datetime(2026, 11, 23, 2))]
    hours = hours_of([source], bookings, NOW, 12 * 3600.0)
    assert at(hours["main"]) == [("Sun 23:00", "Mon 05:00"), ("Mon 06:00", "Mon 18:00")]
    assert "south" not in hours  # of no source: nobody knows its hours


@pytest.mark.parametrize("quiet", [0.0, RECENT_SECONDS - 1])
def test_after_a_change_relays_ask_often_at_any_hour(quiet: float) -> None:
    assert poll_interval((), NOW, quiet, 60) == 0


def test_where_nobody_knows_the_hours_relays_ask_often() -> None:
    assert poll_interval(None, NOW, LONG, 60) == 0


@pytest.mark.parametrize(
    ("before_opening", "interval"),
    [
        (LEAD_SECONDS + 300, 60),
        (LEAD_SECONDS + 20, 20),  # not past the moment at which they are to be awake
        (LEAD_SECONDS, 0),
        (0, 0),
        (-3599, 0),
        (-3600, 60),
    ],
)
def test_relays_ask_seldom_until_a_while_before_the_site_opens(
    before_opening: float, interval: float
) -> None:
    opens = NOW + before_opening
    assert poll_interval([(opens, opens + 3600)], NOW, LONG, 60) == interval


@given(
    first=st.floats(0, 86_400),
    length=st.floats(1, 86_400),
    second=st.floats(0, 86_400),
    slow=st.floats(1, 3600),
)
def test_no_relay_sleeps_past_an_opening(first: float, length: float, second: float, slow: float) -> None:
    spans = [(NOW + first, NOW + first + length), (NOW + first + length + second, NOW + 4e5)]
    moment = NOW - 2 * LEAD_SECONDS
    while moment < spans[0][0]:
        pause = poll_interval(spans, moment, LONG, slow)
        if pause == 0:
            assert moment >= spans[0][0] - LEAD_SECONDS
            return
        moment += max(pause, 1.0)
    assert moment <= spans[0][0] + 1


@given(hour=st.integers(0, 47), minutes=st.integers(0, 59))
def test_spans_are_in_order_and_apart(hour: int, minutes: int) -> None:
    source = classic_definition(operating_window=OFFICE, time_zone="Europe/Oslo")
    start = datetime(2026, 11, 23) + timedelta(hours=hour, minutes=minutes)
    spans = hours_of([source], [Booking("main", start)], NOW, TWO_DAYS)["main"]
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
