from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from lambdas.history.facts.fact import HeartbeatFact, ScannerFact, SyncFact
from lambdas.history.rows.relays import minute_rows, query_rows, sync_rows
from lambdas.history.rows.state import Heard

AT = datetime(2026, 11, 22, 9, 59, 30, tzinfo=UTC)


def beat(seconds: float = 0, *scanners: ScannerFact, **fields: Any) -> HeartbeatFact:
    at = AT + timedelta(seconds=seconds)
    return HeartbeatFact(site="north", relay="r", at=at, scanners=scanners, **fields)


def test_a_minute_tells_its_last_heartbeat() -> None:
    rows = minute_rows([beat(20, outbox=2), beat(0, outbox=1), beat(31, outbox=3), beat(20, outbox=2)], {})
    assert [(row["minute_at"].minute, row["outbox"]) for row in rows] == [(59, 2), (0, 3)]


def test_an_age_is_in_seconds_and_never_negative() -> None:
    [row] = minute_rows([beat(pulled_at=AT - timedelta(minutes=2), pushed_at=AT + timedelta(seconds=1))], {})
    assert (row["pull_seconds"], row["push_seconds"], row["day"]) == (120, 0, date(2026, 11, 22))


def test_requests_of_an_hour_are_summed_up_by_kind() -> None:
    first = ScannerFact(scanner="MR1", requests=3, answers=5, moved=("find",))
    second = ScannerFact(scanner="MR1", requests=2, answers=1, moved=("find", "mpps"))
    rows = query_rows([beat(0, first), beat(10, second), beat(10, second), beat(60, first)])
    told = [(row["hour_at"].hour, row["kind"], row["requests"], row["answers"]) for row in rows]
    assert told == [
        (9, "find", 2, 0),
        (9, "mpps", 1, 0),
        (9, "request", 5, 6),
        (10, "find", 1, 0),
        (10, "request", 3, 5),
    ]


def test_a_scanner_that_asked_nothing_has_no_row() -> None:
    assert query_rows([beat(0, ScannerFact(scanner="MR1"))]) == []


def test_a_report_is_told_once_of_all_sites() -> None:
    told = SyncFact(site="north", study="s", at=AT, outcome="ok", figures={"written": 3, "full_read": True})
    [row] = sync_rows([told, told, told.model_copy(update={"site": "south", "first": False})])
    assert (row["study"], row["site"], row["written"], row["full_read"]) == ("s", "north", 3, True)


def test_a_minute_tells_how_long_the_relay_was_silent_before_it() -> None:
    heard: dict[str, Heard] = {}
    first = minute_rows([beat(0), beat(20), beat(60 * 7)], heard)
    later = minute_rows([beat(60 * 7 + 10), beat(60 * 8)], heard)
    assert [row["silent_seconds"] for row in first] == [None, 7 * 60]
    assert [row["silent_seconds"] for row in later] == [7 * 60, 60]
