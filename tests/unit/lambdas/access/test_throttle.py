"""After five failures a password may be tried again later and later, up to a quarter of an hour."""

from __future__ import annotations

import pytest

from lambdas.access.throttle import FORGOTTEN_AFTER, Attempts, Throttled, counts, next_attempt, taken_back


def test_waits_begin_after_five_failures_and_double_up_to_a_quarter_of_an_hour() -> None:
    state: Attempts | None = None
    now, waits = 1000.0, []
    for _ in range(14):
        state = next_attempt(state, now)
        waits.append(state.locked_until - now)
        now = max(now, state.locked_until) + 1
    assert waits == [0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]


def test_an_attempt_during_a_wait_is_not_looked_at_and_told_how_long() -> None:
    state = Attempts(failures=5, last_at=1000, locked_until=1010)
    with pytest.raises(Throttled) as caught:
        next_attempt(state, 1003.5)
    assert caught.value.retry_after == 7


def test_failures_are_forgotten_after_a_day() -> None:
    state = Attempts(failures=40, last_at=1000, locked_until=1900)
    assert next_attempt(state, 1000 + 86_401).failures == 1


def test_who_waited_as_long_as_told_may_try() -> None:
    state = Attempts(failures=5, last_at=1000, locked_until=1010)
    assert next_attempt(state, 1010).failures == 6


def test_a_fraction_of_a_second_left_is_told_as_a_whole_one() -> None:
    state = Attempts(failures=5, last_at=1000, locked_until=1010)
    with pytest.raises(Throttled) as caught:
        next_attempt(state, 1009.99)
    assert caught.value.retry_after == 1
    assert "wait 1 seconds" in str(caught.value)


def test_failures_count_until_the_day_is_over() -> None:
    state = Attempts(failures=4, last_at=1000)
    assert next_attempt(state, 1000 + FORGOTTEN_AFTER).failures == 5
    assert next_attempt(state, 1000 + FORGOTTEN_AFTER + 1).failures == 1


def test_who_keeps_guessing_for_ever_is_never_locked_out_for_longer_than_a_quarter_of_an_hour() -> None:
    state = Attempts(failures=10_000, last_at=1000)
    assert next_attempt(state, 2000).locked_until == 2900


def keys(address: str, name: str = "ana", device: str = "") -> list[str]:
    return [count.key for count in counts(name, address, device)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::1"),
    ],
)
def test_one_customers_addresses_count_as_one(one: str, other: str) -> None:
    assert keys(one) == keys(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("192.0.2.1", "192.0.2.2"),
        ("", "192.0.2.1"),
        ("testclient", ""),
    ],
)
def test_two_customers_addresses_do_not(one: str, other: str) -> None:
    assert keys(one)[:2] != keys(other)[:2]


def test_an_attempt_on_a_persons_own_device_counts_there_and_nowhere_else() -> None:
    assert keys("192.0.2.1", device="d1") == ["device d1"]


def test_no_name_can_pass_for_another_with_another_address() -> None:
    assert keys("192.0.2.1", "b") != keys("192.0.2.1 b", "")


def test_what_is_taken_back_is_one_attempt_and_its_wait() -> None:
    assert taken_back(Attempts(failures=31, last_at=1000, locked_until=1020)) == Attempts(
        failures=30, last_at=1000
    )
    assert taken_back(Attempts()).failures == 0
