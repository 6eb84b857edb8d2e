"""What a worklist field takes from REDCap: measures in our units, names, dates and times as typed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lambdas.sources.field_mapping import FieldMapping
from lambdas.sources.field_values import converted, fault_of
from shared.errors import Rejected


def taken(target: str, text: str, **mapping: Any) -> object:
    return converted(target, FieldMapping.model_validate({"field": "x", **mapping}), text)


@pytest.mark.parametrize(
    ("text", "unit", "ours"),
    [
        ("70", "kg", "70"),
        ("70000", "g", "70"),
        ("100", "lb", "45.359237"),
        ("1.8", "m", "1.8"),
        ("180", "cm", "1.8"),
        ("50", "in", "1.27"),
    ],
)
def test_a_measure_is_converted_exactly(text: str, unit: str, ours: str) -> None:
    target = "patient_weight_kg" if unit in {"kg", "g", "lb"} else "patient_size_m"
    assert taken(target, text, unit=unit) == Decimal(ours)


def test_a_comma_is_a_decimal_sign_before_three_digits_only_if_the_definition_says_so() -> None:
    assert taken("patient_weight_kg", "7,5", unit="kg") == Decimal("7.5")
    assert taken("patient_weight_kg", "7,512", unit="kg", decimal_comma=True) == Decimal("7.512")


@pytest.mark.parametrize("text", ["heavy", "7,512", "1e", ""])
def test_a_measure_that_is_no_number_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        taken("patient_weight_kg", text, unit="kg")
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("Núñez, Zoë", "Núñez^Zoë"),
        ("Núñez ,  Zoë", "Núñez^Zoë"),
        ("Núñez", "Núñez"),
        ("Núñez,", "Núñez,"),
        (", Zoë", ", Zoë"),
        ("Núñez, Zoë, PhD", "Núñez, Zoë, PhD"),
        ("Núñez^Zoë, PhD", "Núñez^Zoë, PhD"),
    ],
)
@pytest.mark.parametrize("target", ["patient_name", "referring_physician_name", "performing_physician"])
def test_a_family_name_before_one_comma_is_a_family_name(target: str, typed: str, sent: str) -> None:
    assert taken(target, typed) == sent


def test_what_a_template_made_of_a_name_is_left_as_it_is() -> None:
    made = FieldMapping.model_validate("{last}, {first}")
    assert converted("patient_name", made, "Núñez, Zoë") == "Núñez, Zoë"


def test_a_comma_elsewhere_is_a_comma() -> None:
    assert taken("patient_id", "1, 2") == "1, 2"


@pytest.mark.parametrize("moment", ["2026-11-23 09:30", "2026-11-23T09:30"])
def test_of_a_date_with_a_time_each_field_takes_its_own(moment: str) -> None:
    assert taken("scheduled_start_date", moment) == "2026-11-23"
    assert taken("patient_birth_date", moment) == "2026-11-23"
    assert taken("scheduled_start_time", moment) == "09:30:00"
    assert taken("study_description", moment) == moment


def test_the_seconds_of_a_time_are_kept() -> None:
    assert taken("scheduled_start_time", "2026-11-23 09:30:15") == "09:30:15"


def test_a_pregnancy_status_is_a_number_only_if_it_is_one_of_dicoms() -> None:
    assert [taken("pregnancy_status", text) for text in ("1", "4", "5", "yes")] == [1, 4, "5", "yes"]


@pytest.mark.parametrize(
    ("target", "value", "said"),
    [
        ("patient_sex", "F", ""),
        ("patient_sex", "female", "Input should be"),
        ("scheduled_start_time", "9am", "a time must"),
        ("patient_weight_kg", "45.4", ""),
    ],
)
def test_why_a_field_cannot_have_a_value_is_said_without_it(target: str, value: str, said: str) -> None:
    fault = fault_of(target, value)
    assert fault.startswith(said)
    assert bool(fault) is bool(said)
    assert value not in fault
