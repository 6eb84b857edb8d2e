"""What a project's dictionary tells: its first field, its forms, and which code is which sex."""

from __future__ import annotations

import pytest

from infra.pylantir.project import ProjectDictionary, sex_values


def field(name: str, form: str, kind: str = "text", choices: str = "") -> dict[str, str]:
    return {
        "field_name": name,
        "form_name": form,
        "field_type": kind,
        "select_choices_or_calculations": choices,
    }


PROJECT = ProjectDictionary(
    [
        field("pid", "person"),
        field("sex", "person", "radio", "1, Male | 2, Female, or so | no comma"),
        field("weight", "mri", "calc", "round([lb], 1)"),
    ]
)


def test_the_first_field_names_the_record() -> None:
    assert PROJECT.record_id_field == "pid"
    assert ProjectDictionary([]).record_id_field == ""


def test_every_field_has_its_form() -> None:
    assert PROJECT.forms() == {"pid": "person", "sex": "person", "weight": "mri"}


def test_only_a_field_to_choose_from_has_choices() -> None:
    assert PROJECT.choices("sex") == {"1": "Male", "2": "Female, or so"}
    assert PROJECT.choices("weight") == PROJECT.choices("none") == {}


@pytest.mark.parametrize(
    ("choices", "known", "unknown"),
    [
        ({"1": "Male", "2": "Female"}, {"1": "M", "2": "F"}, []),
        ({"0": "Girl", "1": "boy", "9": "Prefer not to say"}, {"0": "F", "1": "M"}, ["9"]),
        ({}, {}, []),
    ],
)
def test_sex_is_told_by_the_choices_labels(
    choices: dict[str, str], known: dict[str, str], unknown: list[str]
) -> None:
    assert sex_values(choices) == (known, unknown)
