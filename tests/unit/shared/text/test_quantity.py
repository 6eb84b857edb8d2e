"""`quantity`: a number and its noun."""

from __future__ import annotations

import pytest

from shared.text.quantity import quantity


@pytest.mark.parametrize(("count", "said"), [(0, "0 exams"), (1, "1 exam"), (2, "2 exams"), (11, "11 exams")])
def test_one_is_told_from_none_and_several(count: int, said: str) -> None:
    assert quantity(count, "exam") == said


@pytest.mark.parametrize(("count", "said"), [(1, "1 entry is"), (3, "3 entries are")])
def test_words_that_do_more_than_take_an_s_are_given(count: int, said: str) -> None:
    assert quantity(count, "entry is", "entries are") == said
