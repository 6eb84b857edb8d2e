"""How much is asked for at once."""

from __future__ import annotations

import pytest

from edge_relay.exchange.portion import Portion


def test_it_shrinks_while_it_is_too_much_and_grows_again_once_it_is_not() -> None:
    portion = Portion(50)
    portion.too_much(50)
    portion.too_much(25)
    assert portion.size == 12
    portion.managed(12)
    assert portion.size == 48
    portion.managed(48)
    assert portion.size == 50


def test_an_outage_that_lasts_is_not_taken_for_too_large_a_size() -> None:
    portion = Portion(50)
    for _ in range(6):
        portion.too_much(portion.size)
    assert portion.size == 50


def test_few_events_that_were_managed_say_nothing_of_many() -> None:
    portion = Portion(50)
    portion.too_much(50)
    portion.managed(3)
    assert portion.size == 25


@pytest.mark.parametrize("manages", [1, 3, 7, 12, 20, 33, 49])
def test_a_cloud_that_manages_few_at_once_is_seldom_asked_for_too_much(manages: int) -> None:
    portion, delivered, in_vain = Portion(50), 0, 0
    for _ in range(100):
        if portion.size <= manages:
            delivered += portion.size
            portion.managed(portion.size)
        else:
            in_vain += 1
            portion.too_much(portion.size)
    assert in_vain <= 17  # to find the size, and then once in nine calls
    assert delivered >= 83 * (manages // 2 or 1)


def test_a_cloud_that_has_become_quicker_gets_all_again() -> None:
    portion = Portion(50)
    for size in (50, 25):
        portion.too_much(size)
    portion.managed(12)
    portion.too_much(48)
    assert portion.size == 12
    calls = 0
    while portion.size < 50:
        portion.managed(portion.size)
        calls += 1
    assert calls <= 10
