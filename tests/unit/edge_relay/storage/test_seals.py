"""The checksum of a row: the same for as long as the row is, another when anything in it has changed."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_relay.storage.seals import seal

VALUES = st.lists(st.text(st.characters(exclude_characters="\x1f")) | st.integers(), min_size=1, max_size=5)


def test_a_row_written_by_an_earlier_version_is_still_found_whole() -> None:
    assert seal("2.25.1", 7, "Ä") == "9321c2533431117e"


@given(VALUES)
def test_a_row_keeps_its_checksum(values: list[str | int]) -> None:
    assert seal(*values) == seal(*list(values))
    assert re.fullmatch("[0-9a-f]{16}", seal(*values))


@given(VALUES, st.data())
def test_a_value_that_has_become_another_is_found_out(values: list[str | int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(VALUES)[0]
    assume(str(other) != str(values[place]))
    assert seal(*values[:place], other, *values[place + 1 :]) != seal(*values)


@pytest.mark.parametrize(
    "changed", [("ab", ""), ("", "ab"), ("b", "a"), ("ab",), ("a", "b", ""), ("a", "B"), ("a", None)]
)
def test_letters_that_moved_to_another_value_are_found_out(changed: tuple[object, ...]) -> None:
    assert seal(*changed) != seal("a", "b")


def test_half_a_character_can_be_sealed() -> None:
    assert seal("\ud800") != seal("\ud801")
