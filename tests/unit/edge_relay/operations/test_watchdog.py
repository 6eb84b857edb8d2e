"""The watchdog is fed by answers and by nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from edge_relay.health.report import Health
from edge_relay.operations.systemd_notify import Notifier
from edge_relay.operations.watchdog import DEFAULT_INTERVAL_SECONDS, Watchdog, interval
from shared.errors import Unavailable
from tests.rigs.patience import PATIENCE


class Manager(Notifier):
    """A service manager that remembers what it is told."""

    def __init__(self) -> None:
        super().__init__("")
        self.told: list[tuple[str, ...]] = []
        self.fed = Event()

    def send(self, *assignments: str) -> None:
        self.told.append(assignments)
        self.fed.set()


class Fixture:
    def __init__(self, self_query: Callable[[], str], **options: Any) -> None:
        self.health = Health(lambda: datetime.now(UTC))
        self.manager = Manager()
        self.watchdog = Watchdog(self_query, self.health, self.manager, lambda: "all is well", **options)

    @property
    def failure(self) -> str:
        return self.health.report("").self_query.failure


def no_answer() -> str:
    raise Unavailable("does not answer", where="127.0.0.1:11112")


def broken() -> str:
    raise RuntimeError("Secret^Sara")


def test_an_answer_feeds_it() -> None:
    fixture = Fixture(lambda: "")
    assert fixture.watchdog.check()
    assert fixture.manager.told == [("WATCHDOG=1", "STATUS=all is well")]
    report = fixture.health.report("")
    assert report.self_query.succeeded_at is not None
    assert report.self_query_seconds is not None


def test_no_answer_does_not() -> None:
    fixture = Fixture(no_answer)
    assert not fixture.watchdog.check()
    assert fixture.manager.told == []
    assert fixture.failure == "127.0.0.1:11112: does not answer"


def test_a_fault_in_asking_does_not_either_and_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    fixture = Fixture(broken)
    assert not fixture.watchdog.check()
    assert fixture.manager.told == []
    assert fixture.failure == "RuntimeError"
    assert "Secret" not in caplog.text


def test_an_answer_that_complains_is_life_and_a_problem() -> None:
    fixture = Fixture(lambda: "C-FIND answered C001: internal fault")
    assert fixture.watchdog.check()
    assert fixture.manager.told[0][0] == "WATCHDOG=1"
    assert "C001" in fixture.failure
    assert fixture.health.report("").self_query.succeeded_at is None


def test_it_says_once_that_it_failed_and_once_that_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers = iter([Unavailable("gone"), Unavailable("gone"), None, None])

    def query() -> str:
        if error := next(answers):
            raise error
        return ""

    fixture = Fixture(query)
    assert [fixture.watchdog.check() for _ in range(4)] == [False, False, True, True]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_its_thread_asks_at_once_and_again_until_stopped() -> None:
    asked, enough = [], Event()

    def query() -> str:
        asked.append(1)
        if len(asked) >= 3:
            enough.set()
        return ""

    afterwards = Event()
    fixture = Fixture(query, seconds=0.01, after=afterwards.set)
    fixture.watchdog.start()
    assert enough.wait(PATIENCE)
    assert afterwards.wait(PATIENCE)
    assert fixture.watchdog.stop(10)
    count = len(asked)
    assert not fixture.watchdog._thread.is_alive()
    assert len(asked) == count


def test_a_thread_survives_a_relay_that_does_not_answer_for_a_while() -> None:
    answers = iter([no_answer, broken])

    def query() -> str:
        return next(answers, lambda: "")()

    fixture = Fixture(query, seconds=0.01)
    fixture.watchdog.start()
    assert fixture.manager.fed.wait(PATIENCE)
    assert fixture.watchdog.stop(10)
    assert fixture.failure == ""


def test_stopping_does_not_wait_for_an_answer_and_blames_nobody_for_it() -> None:
    asking, end = Event(), Event()

    def query() -> str:
        asking.set()
        end.wait(PATIENCE)
        raise Unavailable("the port was closed")

    fixture = Fixture(query)
    fixture.watchdog.start()
    assert asking.wait(PATIENCE)
    assert not fixture.watchdog.stop(0.01)
    end.set()
    assert fixture.watchdog.stop(10)
    assert fixture.failure == ""


def test_a_watchdog_never_started_can_be_stopped() -> None:
    assert Fixture(lambda: "").watchdog.stop(1)


@pytest.mark.parametrize(
    ("allowed", "every"), [(None, DEFAULT_INTERVAL_SECONDS), (60.0, 20.0), (600.0, 30.0)]
)
def test_it_asks_at_least_twice_in_what_systemd_allows(allowed: float | None, every: float) -> None:
    assert interval(allowed) == every
