"""How much is asked for at once."""

from __future__ import annotations

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
