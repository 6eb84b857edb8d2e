"""What a worklist item must have, may have, and cannot hold."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.worklist_item import OPEN_STATUSES, OptionalSiteName, SiteName, Status, WorklistItem
from tests.rigs.builders import an_item

TYPE_1 = [
    "study_instance_uid",
    "requested_procedure_id",
    "scheduled_procedure_step_id",
    "patient_name",
    "patient_id",
    "modality",
    "scheduled_station_aetitle",
    "scheduled_start_date",
    "scheduled_start_time",
    "procedure_description",
]


@pytest.mark.parametrize("name", TYPE_1)
def test_what_every_answer_must_carry_cannot_be_empty(name: str) -> None:
    with pytest.raises(ValidationError):
        an_item(**{name: ""})


@pytest.mark.parametrize(
    "name",
    [
        "accession_number",
        "patient_birth_date",
        "patient_sex",
        "patient_weight_kg",
        "patient_size_m",
        "allergies",
    ],
)
def test_what_may_be_unknown_may_be_empty(name: str) -> None:
    assert getattr(an_item(**{name: ""}), name) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "a b"),
        ("id", ""),
        ("id", "x" * 65),
        ("site", "a/b"),
        ("site", ""),
        ("patient_sex", "X"),
        ("patient_birth_date", "20260230"),
        ("patient_weight_kg", "heavy"),
        ("pregnancy_status", 5),
        ("modality", "m-r"),
        ("patient_id", "x" * 65),
        ("accession_number", "x" * 17),
    ],
)
def test_what_dicom_has_no_room_for_is_refused_and_not_quoted(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        an_item(**cast("dict[str, Any]", {name: value}))
    assert "input_value" not in str(refused.value)


def test_a_relay_reads_items_of_a_newer_cloud() -> None:
    data = {**an_item().model_dump(mode="json"), "field_of_tomorrow": 1}
    assert WorklistItem.model_validate(data) == an_item()


def test_only_a_running_scan_has_another_name_in_dicom() -> None:
    renamed = {status: status.dicom_status() for status in Status if status.dicom_status() != status.value}
    assert renamed == {Status.IN_PROGRESS: "STARTED"}


def test_what_is_over_is_not_open() -> None:
    assert set(Status) - OPEN_STATUSES >= {Status.COMPLETED, Status.DISCONTINUED, Status.CANCELLED}
    assert Status.IN_PROGRESS in OPEN_STATUSES


@pytest.mark.parametrize("name", ["oslo", "Site-1_b.2", "x" * 64])
def test_letters_digits_dots_dashes_and_underscores_name_a_site(name: str) -> None:
    assert TypeAdapter(SiteName).validate_python(name) == name
    assert TypeAdapter(OptionalSiteName).validate_python(name) == name


@pytest.mark.parametrize("name", ["x" * 65, "a b", "SITE#1", "oslo\n", "Århus"])
def test_anything_else_is_no_site(name: str) -> None:
    for kind in (SiteName, OptionalSiteName):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(name)


def test_only_where_it_is_optional_a_site_may_be_empty() -> None:
    assert TypeAdapter(OptionalSiteName).validate_python("") == ""
    with pytest.raises(ValidationError):
        TypeAdapter(SiteName).validate_python("")
