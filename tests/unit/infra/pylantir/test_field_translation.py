"""Each pair of pylantir's field mapping becomes a field of ours, or it is said why not."""

from __future__ import annotations

from typing import Any

import pytest

from infra.pylantir.field_translation import Fields, fixed_fields, joined, translate_mapping
from infra.pylantir.findings import Outcome
from infra.pylantir.project import ProjectDictionary
from tests.unit.infra.pylantir.test_project import field

PROJECT = ProjectDictionary(
    [
        field("record_id", "person"),
        field("study_id", "person"),
        field("demo_sex", "person", "radio", "1, Male | 2, Female"),
        field("gender", "person", "radio", "1, Male | 9, Prefer not to say"),
        field("mri_date", "mri"),
        field("weight", "mri"),
        field("room", "mri"),
    ]
)


def translated(
    mapping: dict[str, Any], form: str = "0.4", project: ProjectDictionary | None = PROJECT
) -> tuple[Fields, dict[str, tuple[Outcome, str]]]:
    made = fixed_fields(form, "792", "UNASSIGNED", decimal_sessions=False)
    translate_mapping(made, form, mapping, "m.", project)
    return made, {finding.key: (finding.outcome, finding.said) for finding in made.findings}


def test_the_fixed_names_are_made_whatever_is_mapped() -> None:
    made, _ = translated({})
    assert made.fields["patient_name"] == "cpip-id-{study}^fa-{family}"
    assert made.fields["patient_id"] == "sub_{study}_ses_{session}_fam_{family}_site_792"
    assert "study_description" not in made.fields
    older = fixed_fields("0.2", "", "S", decimal_sessions=False)
    assert older.fields["study_description"] == {"constant": "CPIP"}


def test_a_brace_in_a_site_is_text_and_pandas_decimal_is_kept_where_it_is_in_use() -> None:
    made = fixed_fields("0.2", "a{b}", "S", decimal_sessions=True)
    assert made.fields["patient_id"] == "sub_{study}_ses_{session}.0_fam_{family}_site_a{{b}}"


@pytest.mark.parametrize(
    ("name", "column", "outcome"),
    [
        ("room", "station_name", Outcome.TAKEN),
        ("weight", "patient_weight_lb", Outcome.CHANGED),
        ("study_id", "study_id", Outcome.TAKEN),
        ("room", "study_id", Outcome.UNNEEDED),
        ("room", "no_such_column", Outcome.UNNEEDED),
        ("room", "performed_procedure_step_status", Outcome.CHANGED),
        ("room", "study_instance_uid", Outcome.CHANGED),
        ("rooom", "station_name", Outcome.CHANGED),
        ("Room", "station_name", Outcome.DECIDE),
        ("room", 5, Outcome.DECIDE),
        ("youth_dob_y", "patient_birth_date", Outcome.CHANGED),
    ],
)
def test_what_becomes_of_a_pair_is_said(name: str, column: Any, outcome: Outcome) -> None:
    _, said = translated({name: column})
    assert said[f"m.{name}"][0] is outcome


def test_pounds_become_kilograms_and_an_invented_birthday_is_not_sent() -> None:
    made, _ = translated({"weight": "patient_weight_lb", "youth_dob_y": "patient_birth_date"})
    assert made.fields["patient_weight_kg"] == {"field": "weight", "unit": "lb"}
    assert "patient_birth_date" not in made.fields


def test_of_two_fields_for_one_column_the_last_one_counts_and_it_is_said() -> None:
    made, said = translated({"room": "station_name", "weight": "station_name"})
    assert made.fields["station_name"] == "weight"
    assert "the last one counts" in said["m.weight"][1]


def test_a_field_in_place_of_a_constant_has_the_constant_where_it_is_empty() -> None:
    made, _ = translated({"room": "modality"})
    assert made.fields["modality"] == {"field": "room", "default": "MR"}


@pytest.mark.parametrize(
    ("name", "outcome", "values"),
    [
        ("demo_sex", Outcome.CHANGED, {"1": "M", "2": "F"}),
        ("gender", Outcome.DECIDE, {"1": "M"}),
        ("room", Outcome.DECIDE, {"M": "M", "F": "F", "O": "O"}),
    ],
)
def test_a_sex_is_told_by_its_choices_and_unknown_codes_are_named(
    name: str, outcome: Outcome, values: dict[str, str]
) -> None:
    made, said = translated({name: "patient_sex"})
    assert made.fields["patient_sex"] == {"field": name, "values": values}
    assert said[f"m.{name}"][0] is outcome


def test_the_older_form_reads_demo_sex_by_itself_and_the_newer_does_not() -> None:
    older, said = translated({}, form="0.2")
    assert older.fields["patient_sex"]["field"] == "demo_sex"
    assert said["(demo_sex)"][0] is Outcome.CHANGED
    newer, said = translated({"demo_sex": "demo_sex"})
    assert "patient_sex" not in newer.fields
    assert said["m.demo_sex"][0] is Outcome.UNNEEDED


def test_another_field_mapped_to_sex_is_taken_instead() -> None:
    made, said = translated({"demo_sex": "demo_sex", "gender": "patient_sex"}, form="0.2")
    assert made.fields["patient_sex"]["field"] == "gender"
    assert said["m.demo_sex"][0] is Outcome.UNNEEDED
    assert "(demo_sex)" not in said


@pytest.mark.parametrize("project", [PROJECT, None])
def test_fields_of_other_forms_are_joined_but_never_the_record_id(project: ProjectDictionary | None) -> None:
    assert joined(["record_id", "study_id", "mri_date"], "record_id", project) == ["study_id"]


def test_each_field_that_is_read_is_named_once() -> None:
    made, _ = translated({"study_id": "performing_physician", "weight": "patient_weight_lb"})
    read = ["study_id", "family_id", "mri_instance", "mri_date", "mri_time", "weight"]
    assert made.redcap_fields() == read
