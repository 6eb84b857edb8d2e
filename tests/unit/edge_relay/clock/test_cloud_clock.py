"""The time by the cloud's clock: learned from what proves it, and never from one answer's word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_relay.clock.cloud_clock import Clock

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Machine:
    """A machine whose wall clock can be set."""

    def __init__(self, wall: datetime = NOW) -> None:
        self.wall, self.elapsed = wall, 100.0
        self.clock = Clock(lambda: self.wall, lambda: self.elapsed)

    def pass_by(self, **time: float) -> None:
        self.wall += timedelta(**time)
        self.elapsed += timedelta(**time).total_seconds()


def test_the_noise_of_a_header_is_not_taken_over() -> None:
    clock = Machine().clock
    clock.accepted(NOW, NOW + timedelta(seconds=1))
    assert clock.now() == NOW
    assert clock.known


def test_a_small_difference_is_taken_over() -> None:
    clock = Machine().clock
    clock.accepted(NOW, NOW + timedelta(seconds=40))
    assert clock.now() == NOW + timedelta(seconds=40)
    assert clock.problem == ""


@pytest.mark.parametrize("wrong", [timedelta(days=2), timedelta(days=-400), timedelta(seconds=100)])
def test_a_date_that_does_not_fit_the_token_that_was_accepted_is_ignored(wrong: timedelta) -> None:
    clock = Machine().clock
    for _ in range(5):
        clock.accepted(NOW, NOW + wrong)
    assert clock.now() == NOW


@pytest.mark.parametrize("wrong", [timedelta(days=2), timedelta(days=-20_000), timedelta(hours=1)])
def test_a_proposed_time_counts_for_tokens_only_until_one_was_accepted(wrong: timedelta) -> None:
    clock = Machine(NOW + wrong).clock
    clock.propose(NOW)
    assert clock.now() == NOW + wrong
    assert clock.token_time() == NOW
    clock.accepted(clock.token_time(), NOW + timedelta(seconds=1))
    assert abs(clock.now() - NOW) <= timedelta(seconds=1)
    assert abs(clock.offset + wrong) <= timedelta(seconds=1)


def test_a_proposal_no_token_was_accepted_for_changes_nothing() -> None:
    clock = Machine().clock
    clock.propose(NOW + timedelta(days=2))
    clock.propose(None)
    assert clock.token_time() == NOW


def test_once_the_time_is_known_no_jump_of_the_machines_clock_changes_it() -> None:
    machine = Machine()
    machine.clock.accepted(NOW, NOW)
    machine.pass_by(minutes=5)
    machine.wall -= timedelta(days=365)
    assert machine.clock.now() == NOW + timedelta(minutes=5)
    assert "365 days behind" in machine.clock.problem


@pytest.mark.parametrize(
    ("off", "says"),
    [
        (timedelta(days=2), "2 days ahead of"),
        (timedelta(hours=-3), "3 hours behind"),
        (timedelta(seconds=70), "70 seconds ahead of"),
        (timedelta(seconds=50), ""),
    ],
)
def test_a_machines_wrong_clock_is_named(off: timedelta, says: str) -> None:
    clock = Machine(NOW + off).clock
    clock.propose(NOW)
    clock.accepted(NOW, NOW)
    assert (says in clock.problem) if says else clock.problem == ""
