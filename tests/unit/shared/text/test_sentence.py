"""A long sentence is cut, and shows that it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.text.sentence import MOST_CHARACTERS, Sentence, cut


@pytest.mark.parametrize("length", [0, 1, MOST_CHARACTERS - 1, MOST_CHARACTERS])
def test_a_sentence_that_fits_stays_as_it_is(length: int) -> None:
    assert cut("x" * length) == "x" * length


@pytest.mark.parametrize("length", [MOST_CHARACTERS + 1, MOST_CHARACTERS + 2, 10 * MOST_CHARACTERS])
def test_a_longer_one_ends_with_an_ellipsis(length: int) -> None:
    assert cut("x" * length) == "x" * (MOST_CHARACTERS - 1) + "…"


@given(st.text(max_size=3 * MOST_CHARACTERS))
def test_a_field_is_cut_once(text: str) -> None:
    kept = TypeAdapter(Sentence).validate_python(text)
    assert len(kept) <= MOST_CHARACTERS
    assert TypeAdapter(Sentence).validate_python(kept) == kept
