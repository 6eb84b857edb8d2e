"""Where a worklist field's value comes from, and in which order it is worked on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.sources.field_mapping import (
    ITEM_FIELDS,
    REQUIRED_ITEM_FIELDS,
    FieldMapping,
    TemplatePart,
)
from shared.errors import Rejected


def mapping(data: Any) -> FieldMapping:
    return FieldMapping.model_validate(data)


def test_bare_text_is_a_field_or_with_a_brace_a_template() -> None:
    assert mapping("mri_date") == mapping({"field": "mri_date"})
    assert mapping("sub_{study}") == mapping({"template": "sub_{study}"})
    assert TemplatePart.model_validate("study_id") == TemplatePart.model_validate({"field": "study_id"})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"field": "a", "template": "{a}"},
        {"field": "a", "constant": "x"},
        {"template": "{a}", "constant": "x"},
        {"constant": ""},
        {"field": "a", "otherwise": "x"},
        {"field": "A"},
        "{a",
        "{a!r}",
        "{a:3}",
        "{A}",
    ],
)
def test_a_value_comes_from_exactly_one_place(data: Any) -> None:
    with pytest.raises(ValidationError):
        mapping(data)


def test_the_fields_of_a_template_are_named_once_in_order() -> None:
    made = mapping("{b}-{a}-{b}")
    assert made.names() == ("b", "a")
    assert made.redcap_fields({}) == ("b", "a")
    assert made.template_parts() == [("", "b"), ("-", "a"), ("-", "b")]


def test_a_part_of_a_template_stands_for_its_field() -> None:
    parts = {"study": TemplatePart.model_validate("study_id")}
    assert mapping("{study}-{study_id}").redcap_fields(parts) == ("study_id",)
    assert mapping({"field": "study"}).redcap_fields(parts) == ("study",)


def test_doubled_braces_are_braces() -> None:
    assert mapping("{{x}}{a}").names() == ("a",)


def test_a_constant_is_made_of_no_field() -> None:
    assert mapping({"constant": "MR"}).names() == ()


def test_steps_come_first_then_codes_then_the_default() -> None:
    rules = {"transforms": [{"case": "upper"}], "values": {"A": "one", "B": ""}, "default": "none"}
    made = mapping({"field": "x", **rules})
    assert [made.refine(text) for text in ("a", "b", "")] == ["one", "none", "none"]


def test_a_code_nobody_listed_is_refused_and_not_quoted() -> None:
    with pytest.raises(Rejected) as refused:
        mapping({"field": "x", "values": {"1": "M"}, "default": "O"}).refine("77")
    assert "77" not in str(refused.value)
    assert mapping({"field": "x", "values": {"1": "M"}, "otherwise": "O"}).refine("77") == "O"


def test_an_empty_field_is_given_to_no_step_and_no_code() -> None:
    made = mapping({"field": "x", "transforms": [{"zero_pad": 3}], "values": {"000": "zero"}})
    assert made.refine("") == ""


def test_identifiers_sites_and_statuses_are_nothing_a_definition_may_fill() -> None:
    assert not {"id", "site", "study_instance_uid", "source_record", "performed_procedure_step_status"} & (
        ITEM_FIELDS
    )
    assert {"patient_name", "patient_id", "modality", "scheduled_start_date"} <= REQUIRED_ITEM_FIELDS
