"""The loop calls a pass again and again, whatever happens, and waits longer after failures."""

from __future__ import annotations

import random
import threading
from collections import deque
from datetime import UTC, datetime

import pytest

from edge_relay.exchange.answers import Away, Ended
from edge_relay.exchange.loop import Backoff, Loop
from edge_relay.health.report import Health
from shared.errors import Forbidden, Unavailable
from tests.rigs.patience import PATIENCE


def test_pauses_double_up_to_the_ceiling_with_jitter_and_a_refusal_waits_longest() -> None:
    backoff = Backoff(60, 300, random.Random(1))
    down = [backoff.pause(failures, Unavailable("x")) for failures in (1, 2, 3, 10, 500)]
    for pause, ceiling in zip(down, (1, 2, 4, 60, 60), strict=True):
        assert ceiling / 2 <= pause <= ceiling
    assert backoff.pause(1, Forbidden("x")) >= 150


@pytest.mark.parametrize(("asked", "waited"), [(40, 40), (300, 300), (86_400, 300)])
def test_the_pause_the_cloud_asks_for_is_kept_within_reason(asked: float, waited: float) -> None:
    backoff = Backoff(60, 300, random.Random(1))
    assert backoff.pause(1, Away("x", retry_after=asked)) == waited


def test_the_loop_outlives_every_failure_and_reports_it() -> None:
    health = Health(lambda: datetime.now(UTC))
    passes = deque([Unavailable("down"), RuntimeError("surprise"), Forbidden("revoked")])
    failures = []
    worked = threading.Event()

    def exchange_once() -> bool:
        report = health.report("").pull
        failures.append((report.failure, report.forbidden))
        if passes:
            raise passes.popleft()
        worked.set()
        return False

    loop = Loop("pull", exchange_once, 60, Backoff(0.001, 0.001, random.Random(1)), health)
    loop.start()
    assert worked.wait(PATIENCE)
    assert loop.stop(PATIENCE)
    assert failures[1:] == [("down", False), ("internal fault: RuntimeError", False), ("revoked", True)]
    assert health.report("").pull.failure == ""


def test_a_call_that_we_ended_ourselves_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    health = Health(lambda: datetime.now(UTC))
    asked = threading.Event()

    def exchange_once() -> bool:
        asked.set()
        raise Ended("was given up: this relay stops")

    loop = Loop("push", exchange_once, 60, Backoff(60, 60, random.Random(1)), health)
    loop.start()
    assert asked.wait(PATIENCE)
    assert loop.stop(PATIENCE)
    assert (health.report("").push.failure, caplog.messages) == ("", [])


def test_waking_the_loop_ends_its_pause() -> None:
    calls = threading.Semaphore(0)

    def exchange_once() -> bool:
        calls.release()
        return False

    loop = Loop(
        "push", exchange_once, 3600, Backoff(1, 1, random.Random(1)), Health(lambda: datetime.now(UTC))
    )
    loop.start()
    assert calls.acquire(timeout=PATIENCE)
    loop.wake()
    assert calls.acquire(timeout=PATIENCE)
    assert loop.stop(PATIENCE)


def test_the_pause_is_asked_for_after_each_exchange() -> None:
    calls = threading.Semaphore(0)
    pauses = deque([0.001, 0.001, 3600.0])
    asked = []

    def exchange_once() -> bool:
        calls.release()
        return False

    def pause() -> float:
        asked.append(pauses.popleft())
        return asked[-1]

    loop = Loop(
        "pull", exchange_once, pause, Backoff(1, 1, random.Random(1)), Health(lambda: datetime.now(UTC))
    )
    loop.start()
    for _ in range(3):
        assert calls.acquire(timeout=PATIENCE)
    assert loop.stop(PATIENCE)
    assert asked == [0.001, 0.001, 3600.0]
