"""What is taken in can be written and read again: no half characters, and no deeper than a reader goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.errors import Rejected
from shared.text.storable import MOST_LEVELS, storable

ANY_JSON: TypeAdapter[Any] = TypeAdapter(Any)
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
HALF = "\ud800"


def lists(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


def objects(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = {"Value": value}
    return value


@given(JSON)
def test_what_is_whole_is_returned_as_it_is(value: object) -> None:
    assert storable(value) is value


@pytest.mark.parametrize(
    "value",
    [
        HALF,
        "a\udfff",
        ["Ä", HALF],
        {"key": HALF},
        {HALF: "value"},
        ("a", {"b": [HALF]}),
        json.loads('{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^\\ud83d"}]}}'),
    ],
)
def test_half_a_character_is_refused_wherever_it_stands(value: object) -> None:
    with pytest.raises(Rejected, match="half a character") as caught:
        storable(value)
    assert "Doe" not in str(caught.value)


def test_a_character_in_two_halves_of_json_is_one() -> None:
    assert storable(json.loads('"\\ud83d\\ude00"')) == "\U0001f600"


@pytest.mark.parametrize("nested", [lists, objects])
def test_the_deepest_that_is_taken_can_be_written_and_read_again(nested: Any) -> None:
    value = storable(nested(MOST_LEVELS))
    assert ANY_JSON.validate_json(json.dumps(value)) == value


@pytest.mark.parametrize("nested", [lists, objects])
@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 100_000])
def test_what_is_deeper_is_refused_without_going_down_into_it(nested: Any, levels: int) -> None:
    with pytest.raises(Rejected, match=f"deeper than {MOST_LEVELS} levels"):
        storable(nested(levels))


def test_many_values_beside_each_other_are_not_deep() -> None:
    value = [["x"] for _ in range(10 * MOST_LEVELS)]
    assert storable(value) is value
