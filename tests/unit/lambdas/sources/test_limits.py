"""What a participant can plausibly be: a limit itself is believed, and what lies beyond is never quoted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.sources.limits import Limits
from tests.rigs.builders import an_item

DEFAULT = Limits()


def broken(limits: Limits = DEFAULT, /, **fields: Any) -> list[tuple[str, str]]:
    return list(limits.broken_by(an_item(**fields)))


@pytest.mark.parametrize(
    ("field", "within", "beyond"),
    [
        ("patient_weight_kg", ["0.5", "70", "350"], ["0.499", "350.001"]),
        ("patient_size_m", ["0.25", "1.75", "2.5"], ["0.249", "2.501"]),
        ("patient_birth_date", ["19061123", "19801231", "20261122"], ["19050101", "20261123"]),
    ],
)
def test_a_limit_itself_is_believed_and_what_is_beyond_is_not(
    field: str, within: list[str], beyond: list[str]
) -> None:
    assert [text for text in within if broken(**{field: text})] == []
    assert [[name for name, _ in broken(**{field: text})] for text in beyond] == [[field]] * len(beyond)


def test_what_is_not_known_breaks_no_limit() -> None:
    assert broken(patient_weight_kg="", patient_size_m="", patient_birth_date="") == []


def test_every_limit_that_is_broken_is_told() -> None:
    found = broken(patient_weight_kg="999", patient_size_m="175", patient_birth_date="20620101")
    assert [name for name, _ in found] == ["patient_weight_kg", "patient_size_m", "patient_birth_date"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("patient_weight_kg", "453.123", "lies outside 0.5 to 350 kg (limits.weight_kg)"),
        ("patient_size_m", "175.5", "lies outside 0.25 to 2.5 m (limits.size_m)"),
        (
            "patient_birth_date",
            "18720228",
            "outside 0 to 120 years on the day of the scan",
        ),
        ("patient_birth_date", "20620228", "lies after the day of the scan"),
    ],
)
def test_the_reason_names_the_key_and_not_the_value(field: str, value: str, said: str) -> None:
    ((_, reason),) = broken(**{field: value})
    assert said in reason
    assert value not in reason


@pytest.mark.parametrize(
    ("born", "is_old_enough"), [("20081121", True), ("20081122", True), ("20081123", False)]
)
def test_who_turns_the_lowest_age_on_the_day_of_the_scan_is_old_enough(
    born: str, *, is_old_enough: bool
) -> None:
    assert (broken(Limits(age_years=(18, 120)), patient_birth_date=born) == []) is is_old_enough


@pytest.mark.parametrize("span", [(350, 0.5), (70, 70), (-1, 70), (0.5, 1001)])
def test_limits_that_leave_no_room_or_are_none_are_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValidationError):
        Limits(weight_kg=span)


@given(st.decimals("0.01", "999.99", places=2), st.integers(1, 500), st.integers(501, 1000))
def test_a_weight_is_believed_exactly_between_its_limits(weight: Any, least: int, most: int) -> None:
    limits = Limits(weight_kg=(least, most))
    assert (broken(limits, patient_weight_kg=str(weight)) == []) is (least <= weight <= most)
