"""What the system tells the relay arrives, once, and nothing is left changed; both ways of waiting."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from edge_relay.commands.signals import MEANINGS, Told, Wait, held, written_to_a_socket
from tests.rigs.patience import PATIENCE

# `raise_signal` is for this thread: where tests run in several processes, others do not hold signals back.
Way = Callable[[], AbstractContextManager[Wait]]
both_ways = pytest.mark.parametrize("way", [held, written_to_a_socket], ids=["held", "written"])


@both_ways
@pytest.mark.parametrize("number", sorted(MEANINGS))
def test_a_signal_is_told_by_what_it_means(way: Way, number: int) -> None:
    with way() as wait:
        signal.raise_signal(number)
        assert wait(PATIENCE) is MEANINGS[number]


@both_ways
def test_nothing_is_told_when_nothing_came(way: Way) -> None:
    with way() as wait:
        assert wait(0) is None


@both_ways
def test_a_second_request_to_end_ends_nobody_in_between(way: Way) -> None:
    with way() as wait:
        signal.raise_signal(signal.SIGTERM)
        assert wait(PATIENCE) is Told.END
        signal.raise_signal(signal.SIGTERM)


@both_ways
def test_signals_do_afterwards_what_they_did_before(way: Way) -> None:
    before = [signal.getsignal(number) for number in MEANINGS]
    with way():
        pass
    assert [signal.getsignal(number) for number in MEANINGS] == before
    if sys.platform == "linux":
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(MEANINGS)


def test_only_sighup_asks_for_the_settings() -> None:
    assert [number for number, told in MEANINGS.items() if told is Told.READ_SETTINGS] == [signal.SIGHUP]
