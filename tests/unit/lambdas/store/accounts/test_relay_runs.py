"""Two machines with one identity are noticed; a relay that is restarted is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.store.accounts.relay_runs import TOLD_FOR, RelayRuns

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def after(*runs: str) -> RelayRuns:
    known = RelayRuns()
    for number, run in enumerate(runs):
        known = known.heard(run, NOW + timedelta(minutes=number))
    return known


@pytest.mark.parametrize(
    "runs", [("a",), ("a", "a", "a"), ("a", "b", "b", "c"), ("", "", ""), ("a", "", "a")]
)
def test_one_relay_is_one_however_often_it_is_restarted(runs: tuple[str, ...]) -> None:
    assert after(*runs).shared_at is None


@pytest.mark.parametrize(
    "runs", [("a", "b", "a"), ("a", "b", "a", "b"), ("a", "b", "c", "a"), ("a", "b", "b", "a")]
)
def test_a_run_that_comes_back_after_another_is_a_second_machine(runs: tuple[str, ...]) -> None:
    assert after(*runs).shared_at == NOW + timedelta(minutes=len(runs) - 1)


def test_it_is_told_for_a_while_after_the_last_sign_of_it() -> None:
    known = after("a", "b", "a")
    assert known.shared_at is not None
    assert known.is_shared(known.shared_at + TOLD_FOR)
    assert not known.is_shared(known.shared_at + TOLD_FOR + timedelta(seconds=1))
    assert not RelayRuns().is_shared(NOW)


@given(st.lists(st.integers(0, 1), min_size=3, max_size=40))
def test_two_machines_are_noticed_whatever_the_order(order: list[int]) -> None:
    changes = sum(one != other for one, other in pairwise(order))
    assert (after(*map(str, order)).shared_at is not None) is (changes >= 2)


@given(st.lists(st.uuids().map(str), unique=True, max_size=30))
def test_what_is_remembered_is_bounded(runs: list[str]) -> None:
    assert len(after(*runs).runs) <= 8
