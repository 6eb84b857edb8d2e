"""The whole table: every REDCap validation to every worklist field is read rightly, or refused at apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lambdas.mapping.record import map_record
from lambdas.sources.dictionary.formats import VALIDATIONS
from lambdas.sources.field_mapping import ITEM_FIELDS
from lambdas.sources.field_values import DATES, TIMES
from lambdas.sources.file import check_against
from shared.errors import Rejected
from tests.rigs.dictionary import field
from tests.unit.lambdas.mapping.test_record_shapes import scan, source

SAMPLES: dict[str, str] = {
    **{f"date_{order}": "2014-02-28" for order in ("dmy", "mdy", "ymd")},
    **{f"datetime_{order}": "2014-02-28 9:30" for order in ("dmy", "mdy", "ymd")},
    **{f"datetime_seconds_{order}": "2014-02-28 09:30:15" for order in ("dmy", "mdy", "ymd")},
    "time": "9:30",
    "time_hh_mm_ss": "09:30:15",
    "time_mm_ss": "09:30",
    "integer": "3",
    "number": "2",
    "number_1dp": "70.5",
    "number_2dp": "70.55",
    "number_3dp": "1.755",
    "number_4dp": "1.7555",
    "number_comma_decimal": "70,5",
    "number_1dp_comma_decimal": "70,5",
    "number_2dp_comma_decimal": "70,55",
    "number_3dp_comma_decimal": "1,755",
    "number_4dp_comma_decimal": "1,7555",
    "alpha_only": "Curie",
    "mrn_10d": "0123456789",
    "mrn_generic": "AB-12",
    "vmrn": "0123456789",
    "ssn": "123-45-6789",
    "email": "a@example.org",
    "phone": "(615) 555-0100",
    "phone_australia": "(02) 5550 0100",
    "phone_uk": "020 7946 0000",
    "postalcode_australia": "2000",
    "postalcode_canada": "K1A 0B1",
    "postalcode_french": "75001",
    "postalcode_germany": "10115",
    "postalcode_uk": "SW1A 1AA",
    "zipcode": "37203",
    "of_this_site": "x",
    "": "x",
}
"""A value of each validation as REDCap exports it."""

LETTERS = {"patient_sex": "F", "modality": "MR", "smoking_status": "YES"}
MEASURES = {"patient_weight_kg", "patient_size_m"}
UNBELIEVED = {"limits": {"weight_kg": [0, 1000], "size_m": [0, 1000]}}


def refusals(target: str, validation: str, mapping: Any = "asked", kind: str = "text") -> str:
    metadata = [
        field("study_id", "f"),
        field("last_name", "f"),
        field("mri_date", "f"),
        field("mri_time", "f"),
        field("asked", "f", kind, validation=validation),
    ]
    try:
        check_against(source({target: mapping}), metadata, at_apply=True)
    except Rejected as refused:
        return refused.what
    return ""


def sample(target: str, validation: str) -> str:
    if validation in {"", "of_this_site", "alpha_only"}:
        odd = {**dict.fromkeys(TIMES, "9:30"), "pregnancy_status": "2", **dict.fromkeys(DATES, "2014-02-28")}
        odd |= dict.fromkeys(MEASURES, "70,5")
        return LETTERS.get(target) or odd.get(target) or SAMPLES[validation]
    return SAMPLES[validation]


def expected(target: str, text: str) -> Mapping[str, Any]:
    day, _, clock = text.partition(" ")
    if target in DATES:
        return {target: day.replace("-", "")}
    if target in TIMES:
        hour, *rest = (clock or text).split(":")
        return {target: "".join([hour.zfill(2), *rest]).ljust(6, "0")}
    if target in MEASURES:
        return {target: text.replace(",", ".").replace("1.7555", "1.756")}
    return {target: int(text) if target == "pregnancy_status" else text}


def test_every_validation_has_a_sample() -> None:
    assert {*VALIDATIONS, "", "of_this_site"} == SAMPLES.keys()


@pytest.mark.parametrize("target", sorted(ITEM_FIELDS))
@pytest.mark.parametrize("validation", SAMPLES)
def test_a_validation_is_read_rightly_or_refused_with_what_to_do(validation: str, target: str) -> None:
    said = refusals(target, validation)
    if said:
        assert said.startswith(f"fields.{target}: asked is validated as {validation}")
        assert said.partition(";")[2]
        return
    text = sample(target, validation)
    outcome = map_record(source({target: "asked"}, **UNBELIEVED), [scan(asked=text)])
    assert (outcome.rejected, outcome.held, outcome.notes) == ((), (), ())
    assert alike(outcome.items[0].model_dump(), expected(target, text))


def alike(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(made[name] == value for name, value in wanted.items())


@pytest.mark.parametrize(
    ("target", "refused", "taken"),
    [
        (
            "scheduled_start_time",
            ("date_dmy", "time_mm_ss", "integer", "number", "number_comma_decimal", "email", "alpha_only"),
            ("time", "time_hh_mm_ss", "datetime_ymd", "datetime_seconds_mdy", "", "of_this_site"),
        ),
        (
            "scheduled_start_date",
            ("time", "integer", "number", "phone", "zipcode", "alpha_only"),
            ("date_dmy", "date_mdy", "date_ymd", "datetime_dmy", "", "of_this_site"),
        ),
        (
            "patient_weight_kg",
            ("date_ymd", "time", "time_mm_ss", "zipcode", "phone", "ssn", "number_3dp_comma_decimal"),
            ("integer", "number", "number_1dp", "number_comma_decimal", "number_2dp_comma_decimal", ""),
        ),
        (
            "patient_name",
            ("date_ymd", "time", "email", "phone", "number_comma_decimal", "number_1dp"),
            ("", "alpha_only", "integer", "mrn_generic"),
        ),
        (
            "patient_id",
            ("date_ymd", "time_mm_ss", "number_1dp", "number_comma_decimal"),
            ("", "mrn_10d", "ssn"),
        ),
        ("patient_sex", ("integer", "date_ymd", "number"), ("", "alpha_only")),
        ("pregnancy_status", ("number_1dp", "date_ymd", "alpha_only"), ("integer", "number", "")),
        ("study_description", (), tuple(VALIDATIONS)),
    ],
)
def test_what_can_never_be_right_is_refused_and_what_can_is_not(
    target: str, refused: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    assert [validation for validation in refused if not refusals(target, validation)] == []
    assert [validation for validation in taken if refusals(target, validation)] == []


def test_minutes_and_seconds_are_no_time_of_day_and_what_to_do_is_said() -> None:
    said = refusals("scheduled_start_time", "time_mm_ss")
    assert "minutes and seconds are no time of day" in said
    assert "validated as time (HH:MM)" in said


def test_three_digits_after_the_comma_are_read_if_the_definition_says_so() -> None:
    mapping = {"field": "asked", "decimal_comma": True}
    assert "set decimal_comma = true" in refusals("patient_size_m", "number_3dp_comma_decimal")
    assert refusals("patient_size_m", "number_3dp_comma_decimal", mapping) == ""
    outcome = map_record(source({"patient_size_m": mapping}), [scan(asked="1,755")])
    assert outcome.items[0].patient_size_m == "1.755"


@pytest.mark.parametrize("validation", ["number", "integer", "number_1dp"])
def test_a_decimal_comma_of_a_field_with_a_point_is_refused(validation: str) -> None:
    said = refusals("patient_size_m", validation, {"field": "asked", "decimal_comma": True})
    assert "which has no comma; leave it out" in said


@pytest.mark.parametrize("kind", ["calc", "slider"])
def test_what_is_calculated_or_slid_is_a_number(kind: str) -> None:
    assert refusals("patient_weight_kg", "", kind=kind) == ""
    assert "must be a time" in refusals("scheduled_start_time", "", kind=kind)


@pytest.mark.parametrize(
    ("take", "validation"),
    [("time", "date_ymd"), ("time", "time_mm_ss"), ("date", "time"), ("year", "integer"), ("day", "number")],
)
def test_a_part_that_a_field_does_not_have_cannot_be_taken(take: str, validation: str) -> None:
    mapping = {"field": "asked", "transforms": [{"take": take}]}
    assert f"has no {take} to take" in refusals("study_description", validation, mapping)


def test_with_values_or_transforms_any_format_may_become_anything() -> None:
    mapping = {"field": "asked", "values": {"1": "09:30", "2": "10:30"}}
    assert refusals("scheduled_start_time", "integer", mapping) == ""
