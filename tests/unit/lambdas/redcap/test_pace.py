"""How fast REDCap is asked: never more in any minute than the rate, and as long apart as it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.redcap.pace import (
    HINTS,
    LONGEST_REST_SECONDS,
    MOST_AHEAD_SECONDS,
    REQUESTS,
    USUAL_REST_SECONDS,
    Rate,
    Throttle,
    plausible,
    rest_of,
)

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


@given(
    rate=st.sampled_from([REQUESTS, HINTS, Rate(10, 4)]),
    steps=st.lists(st.tuples(st.integers(1, 4), st.floats(0, 30)), max_size=80),
)
def test_in_no_minute_more_are_sent_than_the_rate_allows(rate: Rate, steps: list[tuple[int, float]]) -> None:
    now, due, sent = 0.0, 0.0, list[float]()
    for count, pause in steps:
        now += pause
        due = rate.after(due, now, count)
        now += rate.wait(due, now)
        sent += [now] * count
    for start in sent:
        assert sum(start <= at < start + 59.999 for at in sent) <= rate.a_minute


@pytest.mark.parametrize("rate", [REQUESTS, HINTS])
def test_so_many_go_at_once_and_the_next_waits(rate: Rate) -> None:
    due = rate.after(0.0, 100.0, rate.burst)
    assert rate.wait(due, 100.0) == 0
    assert rate.wait(rate.after(due, 100.0), 100.0) > 0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 1),
        ("0", 1),
        ("999999", LONGEST_REST_SECONDS),
        ("", USUAL_REST_SECONDS),
        ("soon", USUAL_REST_SECONDS),
        ("-5", USUAL_REST_SECONDS),
    ],
)
def test_a_server_is_left_alone_as_long_as_it_says(said: str, seconds: float) -> None:
    assert rest_of(said, NOW) == seconds


def test_a_project_alone_rests_too() -> None:
    pauses: list[float] = []
    throttle = Throttle(lambda: 10.0, pauses.append)
    throttle.wait()
    throttle.rest(7)
    throttle.wait()
    assert pauses == [7]


@pytest.mark.parametrize(
    ("ahead", "believed"),
    [(-60, True), (0, True), (LONGEST_REST_SECONDS, True), (MOST_AHEAD_SECONDS + 1, False), (86_400, False)],
)
def test_a_moment_noted_by_a_wrong_clock_holds_nobody_up(ahead: float, believed: bool) -> None:
    now = 1_800_000_000.0
    assert plausible(now + ahead, now) == (now + ahead if believed else 0.0)
