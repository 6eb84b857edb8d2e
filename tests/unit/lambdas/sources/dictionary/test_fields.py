"""A project's metadata tells which columns an export has, and what can stand in them."""

from __future__ import annotations

import pytest

from lambdas.sources.dictionary.fields import Project, base_name, checkbox_column
from tests.rigs.dictionary import field

PROJECT = Project(
    [
        field("study_id", "person"),
        field("sex", "person", "radio", "1, Male | 2, Female, or so |"),
        field("cleared", "mri", kind="yesno"),
        field("kept", "mri", kind="truefalse"),
        field("safety", "mri", kind="checkbox", choices="1, Implant | -99, Not asked | A.b, Other"),
        field("started", "mri", validation="datetime_ymd"),
        field("slider", "mri", kind="slider", validation="number"),
    ]
)


@pytest.mark.parametrize(
    ("column", "codes"),
    [
        ("sex", {"1": "Male", "2": "Female, or so"}),
        ("cleared", {"1": "Yes", "0": "No"}),
        ("kept", {"1": "True", "0": "False"}),
        ("safety___1", {"0": "not ticked", "1": "ticked"}),
        ("mri_complete", {"0": "Incomplete", "1": "Unverified", "2": "Complete"}),
        ("study_id", {}),
    ],
)
def test_a_column_knows_its_codes(column: str, codes: dict[str, str]) -> None:
    found = PROJECT.column(column)
    assert found is not None
    assert found.codes == codes


def test_a_checkbox_has_a_column_for_each_code_and_none_of_its_own() -> None:
    assert PROJECT.column("safety") is None
    assert {"safety___1", "safety____99", "safety___a_b"} <= set(PROJECT.columns())
    found = PROJECT.checkbox("safety___7")
    assert found is not None
    assert found.name == "safety"
    assert PROJECT.checkbox("sex___1") is None


def test_every_form_has_a_status() -> None:
    assert {"person_complete", "mri_complete"} <= set(PROJECT.columns())
    found = PROJECT.column("person_complete")
    assert found is not None
    assert found.form == "person"


def test_only_text_fields_are_validated() -> None:
    started, slider = PROJECT.column("started"), PROJECT.column("slider")
    assert started is not None
    assert slider is not None
    assert (started.validation, slider.validation) == ("datetime_ymd", "")


def test_metadata_without_types_cannot_tell_a_checkboxs_columns_and_lets_any_be() -> None:
    project = Project([{"field_name": "safety", "form_name": "mri"}])
    found = project.column("safety___1")
    assert found is not None
    assert found.name == "safety"
    assert project.column("other___1") is None


def test_a_column_that_is_none_is_none() -> None:
    assert PROJECT.column("sex___1") is None
    assert PROJECT.column("no_such_field") is None


@pytest.mark.parametrize(
    ("code", "column"), [("1", "x___1"), ("-99", "x____99"), ("A b", "x___a_b"), ("Ä", "x____")]
)
def test_characters_a_column_cannot_have_become_underscores(code: str, column: str) -> None:
    assert checkbox_column("x", code) == column
    assert base_name(column) == "x"
