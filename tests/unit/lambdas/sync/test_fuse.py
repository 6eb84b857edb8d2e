"""The fuse: five items may always go, of a large source its share, and one more asks a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.sync.fuse import ALWAYS_WITHDRAWN, blows, in_words, may_vanish

SHARES = st.floats(0, 1)
TOTALS = st.integers(0, 100_000)


@given(TOTALS, SHARES)
def test_five_may_always_go(total: int, share: float) -> None:
    assert not blows(5, total, share)


@pytest.mark.parametrize("total", [5, 6, 25, 29])
def test_a_sixth_of_a_small_source_asks_a_person(total: int) -> None:
    assert blows(6, total, 0.2)


@pytest.mark.parametrize(
    ("total", "share", "most"), [(30, 0.2, 6), (100, 0.2, 20), (1000, 0.5, 500), (7, 1, 7)]
)
def test_of_a_large_source_its_share_may_go_and_not_one_more(total: int, share: float, most: int) -> None:
    assert not blows(most, total, share)
    assert blows(most + 1, total, share)


def test_a_share_is_rounded_down() -> None:
    assert may_vanish(99, 0.1) == 9


def test_without_a_share_only_five_may_go() -> None:
    assert may_vanish(100_000, 0.0) == ALWAYS_WITHDRAWN == 5


@pytest.mark.parametrize("source_id", ["classic", "study-2"])
def test_the_hint_is_a_whole_command(source_id: str) -> None:
    said = in_words(source_id, 6, 7)
    assert f"mwl-cloud sources sync {source_id} --confirm-withdrawals" in said
    assert "6 of 7 items" in said
