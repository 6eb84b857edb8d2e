"""Each step does one thing to a value, exactly; what it cannot do it says without the value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.sources.field_mapping import FieldMapping
from lambdas.sources.transforms import Transform
from shared.errors import Rejected

STEPS: list[dict[str, Any]] = [
    {"strip_prefix": "a"},
    {"strip_suffix": "a"},
    {"before_first": "-"},
    {"before_last": "-"},
    {"after_first": "-"},
    {"after_last": "-"},
    {"zero_pad": 4},
    {"replace": {"a": "b", "b": ""}},
    {"case": "upper"},
    {"case": "lower"},
]


@pytest.mark.parametrize(
    ("step", "text", "after"),
    [
        ({"strip_prefix": "cpip-"}, "cpip-42", "42"),
        ({"strip_prefix": "cpip-"}, "42", "42"),
        ({"strip_prefix": "cpip-"}, "cpip-cpip-42", "cpip-42"),
        ({"strip_prefix": "cpip"}, "cpip 42", "42"),
        ({"strip_suffix": "_b"}, "42_b", "42"),
        ({"strip_suffix": "_b"}, "42_bb", "42_bb"),
        ({"before_first": "-"}, "a-b-c", "a"),
        ({"before_first": "-"}, "abc", "abc"),
        ({"before_last": "_arm_"}, "visit_arm_1_arm_2", "visit_arm_1"),
        ({"before_last": "-"}, "abc", "abc"),
        ({"after_first": "-"}, "a-b-c", "b-c"),
        ({"after_first": "-"}, "abc", "abc"),
        ({"after_last": "-"}, "a-b-c", "c"),
        ({"after_last": "-"}, "abc", "abc"),
        ({"after_last": "-"}, "a-", ""),
        ({"zero_pad": 4}, "7", "0007"),
        ({"zero_pad": 4}, "-7", "00-7"),
        ({"zero_pad": 4}, "12345", "12345"),
        ({"replace": {"-": "", "_": "-"}}, "a-b_c", "ab-c"),
        ({"replace": {"a": "b", "b": "c"}}, "ab", "cc"),
        ({"case": "upper"}, "é1", "É1"),
        ({"case": "lower"}, "AB", "ab"),
        ({"take": "date"}, "2026-11-23 09:30", "2026-11-23"),
        ({"take": "date"}, "2026-11-23", "2026-11-23"),
        ({"take": "time"}, "2026-11-23 09:30:15", "09:30:15"),
        ({"take": "time"}, "09:30", "09:30"),
        ({"take": "year"}, "2026-11-23", "2026"),
        ({"take": "month"}, "2026-11-23T09:30", "11"),
        ({"take": "day"}, "2026-11-23", "23"),
    ],
)
def test_a_step_does_one_thing(step: dict[str, Any], text: str, after: str) -> None:
    assert Transform.model_validate(step).apply(text) == after


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("date", "23.11.2026"),
        ("time", "2026-11-23"),
        ("year", "2026"),
        ("day", "noon"),
        ("date", "٢٠٢٦-11-23"),
    ],
)
def test_a_part_that_is_not_there_is_said_without_the_value(part: str, text: str) -> None:
    with pytest.raises(Rejected) as refused:
        Transform.model_validate({"take": part}).apply(text)
    assert part in str(refused.value)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "step",
    [{}, {"strip_prefix": ""}, {"zero_pad": 0}, {"zero_pad": 4, "case": "upper"}, {"take": "century"}],
)
def test_a_step_that_says_nothing_or_two_things_is_no_step(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Transform.model_validate(step)


def test_steps_are_taken_in_the_order_written() -> None:
    padded = {"field": "x", "transforms": [{"after_last": "-"}, {"zero_pad": 3}]}
    assert FieldMapping.model_validate(padded).refine("cpip-b-7") == "007"
    cut = {"field": "x", "transforms": [{"zero_pad": 3}, {"after_last": "-"}]}
    assert FieldMapping.model_validate(cut).refine("7-b") == "b"


def test_codes_are_looked_up_after_the_steps_and_the_default_comes_last() -> None:
    rules = {
        "field": "x",
        "transforms": [{"after_last": "-"}],
        "values": {"1": "one", "9": ""},
        "default": "none",
    }
    mapping = FieldMapping.model_validate(rules)
    assert [mapping.refine(text) for text in ("arm-1", "arm-9", "arm-", "")] == [
        "one",
        "none",
        "none",
        "none",
    ]
    with pytest.raises(Rejected, match="holds a code"):
        mapping.refine("arm-2")


def test_otherwise_stands_in_for_a_code_that_is_not_listed_and_the_default_for_an_empty_field() -> None:
    rules = {"field": "x", "values": {"1": "M"}, "otherwise": "O", "default": "F"}
    mapping = FieldMapping.model_validate(rules)
    assert [mapping.refine(text) for text in ("1", "7", "")] == ["M", "O", "F"]


@given(text=st.text(max_size=40), steps=st.lists(st.sampled_from(STEPS), max_size=5))
def test_no_text_stops_a_step_that_cannot_fail(text: str, steps: list[dict[str, Any]]) -> None:
    mapping = FieldMapping.model_validate({"field": "x", "transforms": steps, "default": "nothing"})
    assert mapping.refine(text) != ""
