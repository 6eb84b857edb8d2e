"""Whether a REDCap field can hold what a write-back puts into it is said before the first scan."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.sources.definition import WriteBack
from lambdas.sources.dictionary.fields import Project
from lambdas.sources.dictionary.write_back import write_back_problems
from tests.rigs.dictionary import field

KEYS = ("status", "start", "end", "duration", "station", "discontinuation_reason", "series_count")
DATE_TIMES = [f"datetime{seconds}_{order}" for seconds in ("", "_seconds") for order in ("dmy", "mdy", "ymd")]
WHOLE = ["integer", "number", "number_comma_decimal"]
OTHERS = ["date_ymd", "time", "time_hh_mm_ss", "time_mm_ss", "number_1dp", "alpha_only", "email", "zipcode"]
HOLDS = {
    "status": ["", "of_this_site"],
    "start": ["", "of_this_site", *DATE_TIMES],
    "end": ["", "of_this_site", *DATE_TIMES],
    "duration": ["", "of_this_site", *WHOLE],
    "station": ["", "of_this_site"],
    "discontinuation_reason": ["", "of_this_site"],
    "series_count": ["", "of_this_site", *WHOLE],
}
"""What is written -> the validations whose field can hold it."""


def problems(column: dict[str, str], **written: Any) -> list[str]:
    return list(write_back_problems(WriteBack(**written), Project([field("study_id", "f"), column])))


def said_of(key: str, validation: str) -> list[str]:
    seconds = {"seconds": validation.startswith("datetime_seconds")} if validation in DATE_TIMES else {}
    return problems(field("told", "f", validation=validation), **{key: "told"}, **seconds)


@pytest.mark.parametrize("validation", ["", "of_this_site", *DATE_TIMES, *WHOLE, *OTHERS])
@pytest.mark.parametrize("key", KEYS)
def test_the_whole_table(key: str, validation: str) -> None:
    can_hold = validation in HOLDS[key]
    assert (said_of(key, validation) == []) is can_hold


@pytest.mark.parametrize("kind", ["calc", "checkbox", "sql", "file", "descriptive", "slider"])
@pytest.mark.parametrize("key", KEYS)
def test_nothing_is_written_to_a_field_that_takes_nothing(key: str, kind: str) -> None:
    column = "told___1" if kind == "checkbox" else "told"
    (said,) = problems(field("told", "f", kind, "1, Yes" if kind == "checkbox" else ""), **{key: column})
    assert f"is a {kind} field, which nothing can be written to" in said


@pytest.mark.parametrize("key", [key for key in KEYS if key != "status"])
def test_a_field_with_choices_holds_a_status_only(key: str) -> None:
    (said,) = problems(field("told", "f", "radio", "1, Yes | 2, No"), **{key: "told"})
    assert said.startswith(f"write_back.{key}: told is a field with choices")


def test_every_status_needs_a_code_of_the_choices() -> None:
    column = field("told", "f", "dropdown", "1, Booked | 2, Done")
    values = {"SCHEDULED": "1", "IN_PROGRESS": "1", "COMPLETED": "2", "DISCONTINUED": "2"}
    assert problems(column, status="told", status_values=values) == []
    (said,) = problems(column, status="told", status_values={**values, "DISCONTINUED": "3"})
    assert said == "write_back.status_values: told has no code 3; it has 1 (Booked), 2 (Done)"


@pytest.mark.parametrize(
    ("validation", "value", "can_hold"),
    [
        ("integer", "1", True),
        ("integer", "x", False),
        ("alpha_only", "x", True),
        ("alpha_only", "A_B", False),
    ],
)
def test_a_status_is_held_against_the_validation(validation: str, value: str, *, can_hold: bool) -> None:
    states = ("SCHEDULED", "IN_PROGRESS", "COMPLETED", "DISCONTINUED")
    column = field("told", "f", validation=validation)
    found = problems(column, status="told", status_values=dict.fromkeys(states, value))
    assert (found == []) is can_hold


@pytest.mark.parametrize("key", ["start", "end"])
@pytest.mark.parametrize(("validation", "seconds"), [("datetime_ymd", True), ("datetime_seconds_dmy", False)])
def test_seconds_go_with_a_validation_that_has_them(key: str, validation: str, *, seconds: bool) -> None:
    column = field("told", "f", validation=validation)
    (said,) = problems(column, **{key: "told"}, seconds=seconds)
    right = "false" if seconds else "true"
    assert said == f"write_back.{key}: told is validated as {validation}; set write_back.seconds = {right}"
    assert problems(column, **{key: "told"}, seconds=not seconds) == []


def test_what_the_metadata_do_not_tell_is_left_to_the_write_back() -> None:
    assert problems({"field_name": "told", "form_name": "f"}, duration="told") == []


def test_a_field_that_is_not_in_the_project_is_another_modules_matter() -> None:
    assert problems(field("other", "f"), duration="told") == []


def test_a_value_for_missed_scans_is_held_against_the_choices_too() -> None:
    codes = {"SCHEDULED": "0", "IN_PROGRESS": "1", "COMPLETED": "2", "DISCONTINUED": "3"}
    column = field("told", "f", "radio", "0, Booked | 1, Running | 2, Done | 3, Stopped | 4, Missed")
    assert problems(column, status="told", status_values=codes) == []
    assert problems(column, status="told", status_values=codes | {"NO_SHOW": "4"}) == []
    (said,) = problems(column, status="told", status_values=codes | {"NO_SHOW": "5"})
    assert "told has no code 5" in said
