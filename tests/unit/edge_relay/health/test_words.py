"""How times and requests are worded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_relay.health.report import Exchange
from edge_relay.health.words import ago, clock, date_of, exchange, one_line, outcome, since, span

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("service", "dimse_status", "says"),
    [
        ("C-ECHO", 0, "1 min ago"),
        ("C-FIND", 0, "1 min ago, 1 item"),
        ("C-FIND", 0xFE00, "1 min ago, cancelled by the scanner"),
        ("C-FIND", 0xA700, "1 min ago, C-FIND refused (A700)"),
        ("N-SET", 0, "1 min ago, N-SET accepted"),
        ("N-CREATE", 0x0116, "1 min ago, N-CREATE accepted with a warning (0116)"),
    ],
)
def test_a_request_is_told_by_its_outcome(service: str, dimse_status: int, says: str) -> None:
    last = Exchange(at=NOW - timedelta(minutes=1), service=service, status=dimse_status, answers=1)
    assert exchange(last, NOW) == says


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (7200, "2 h"), (86_400, "1 day"), (2e5, "2 days")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, says: str) -> None:
    assert span(seconds) == says


def test_never_is_never_and_one_line_is_one_line() -> None:
    assert ago(None, NOW) == "never"
    assert one_line(()) == "all is well"
    assert one_line(("a", "b", "c")) == "attention: a (and 2 more)"
    assert one_line(("a",)) == "attention: a"
    assert exchange(None, NOW) == "never"


@pytest.mark.parametrize(("answers", "says"), [(0, "0 items"), (1, "1 item"), (2, "2 items")])
def test_answers_are_counted_in_words(answers: int, says: str) -> None:
    assert outcome(Exchange(at=NOW, service="C-FIND", status=0, answers=answers)) == says


def test_a_moment_is_told_by_the_wall_clock_and_by_its_age() -> None:
    local = NOW.astimezone()
    assert clock(NOW) == f"{local:%Y-%m-%d %H:%M:%S}"
    assert date_of(NOW) == f"{local:%Y-%m-%d}"
    assert since(NOW, NOW + timedelta(hours=3)) == f"{clock(NOW)}, 3 h ago"
