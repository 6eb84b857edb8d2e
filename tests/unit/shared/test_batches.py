"""Lists cut into batches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.batches import batches


@given(st.lists(st.integers()), st.integers(1, 10))
def test_all_values_come_once_in_order_and_no_batch_is_empty_or_too_large(
    values: list[int], size: int
) -> None:
    found = list(batches(values, size))
    assert [value for batch in found for value in batch] == values
    assert all(0 < len(batch) <= size for batch in found)


def test_only_the_last_batch_may_be_smaller() -> None:
    assert [*batches("abcde", 2)] == ["ab", "cd", "e"]


def test_of_nothing_there_is_no_batch() -> None:
    assert not [*batches([], 3)]
