"""What a condition, a join and a gate of a definition mean, and what they cannot mean."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.sources.scan_rows import Filter, Gate, Join


def condition(**settings: Any) -> Filter:
    return Filter.model_validate({"field": "kind", **settings})


@pytest.mark.parametrize(("text", "holds"), [("1", True), ("2", True), ("3", False), ("", False)])
def test_values_hold_for_one_of_them_and_never_for_an_empty_field(text: str, holds: bool) -> None:
    assert condition(values=["1", "2"]).holds(text) is holds


@pytest.mark.parametrize(("text", "holds"), [("1", False), ("3", True), ("", True)])
def test_not_values_hold_for_everything_else_an_empty_field_too(text: str, holds: bool) -> None:
    assert condition(not_values=["1", "2"]).holds(text) is holds


def test_a_condition_knows_its_codes() -> None:
    assert condition(values=["1"]).codes() == ("1",)
    assert condition(not_values=["2"]).codes() == ("2",)


@pytest.mark.parametrize("settings", [{}, {"values": ["1"], "not_values": ["2"]}, {"values": []}])
def test_a_condition_has_one_list(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        condition(**settings)


def test_the_same_visit_cannot_be_another_one() -> None:
    with pytest.raises(ValidationError, match="leave out events"):
        Join.model_validate({"fields": ["a"], "pick": "same", "events": ["v"]})


def test_a_gate_names_every_field_it_looks_at_with_its_codes() -> None:
    gate = {"field": "cleared", "values": ["1"], "reason": "not cleared"}
    assert Gate.model_validate(gate).conditions() == (("cleared", ("1",)),)
    unless = {**gate, "unless": {"field": "sex", "values": ["M"]}}
    assert Gate.model_validate(unless).conditions() == (("cleared", ("1",)), ("sex", ("M",)))
