"""What a stranger can provoke is logged rarely, with its number, and forgets what is long past."""

from __future__ import annotations

import logging

import pytest

from edge_relay.health.rare_log import RareLog


def test_the_same_line_is_said_once_and_then_with_its_number(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = RareLog(logging.getLogger("edge_relay.test"), lambda: now[0])
    for _ in range(5):
        log.warning("refused %s", "A")
    now[0] = 301
    log.warning("refused %s", "A")
    assert [record.getMessage() for record in caplog.records] == [
        "refused A",
        "refused A (4 more times since)",
    ]


def test_different_lines_are_all_said_and_memory_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    log = RareLog(logging.getLogger("edge_relay.test"), lambda: 0.0)
    for number in range(1000):
        log.warning("refused %s", number)
    assert len(caplog.records) == 1000
    assert len(log._said) <= 256
