"""What a definition says of its project and is not so is found before the first row, naming what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lambdas.sources.file import check_against
from shared.errors import Rejected
from tests.rigs.dictionary import field
from tests.unit.lambdas.mapping.test_record_shapes import source

METADATA = [
    field("study_id", "person"),
    field("last_name", "person"),
    field("demo_sex", "person", "radio", "1, Male | 2, Female"),
    field("born", "person", validation="date_dmy"),
    field("born_year", "person", validation="integer"),
    field("mri_date", "mri", validation="date_mdy"),
    field("mri_time", "mri", validation="time"),
    field("mri_safety", "mri", "checkbox", "1, Implant | -99, Not asked, yet"),
    field("mri_cleared", "mri", "yesno"),
    field("weight", "mri", "calc", "round([lb]*0.45359237, 1)"),
    field("logo", "mri", "descriptive"),
    field("mri_status", "mri", "dropdown", "1, Booked | 2, Done"),
    field("mri_start", "mri", validation="datetime_ymd"),
]
EVENT_FORMS: dict[str, tuple[str, ...]] = {
    "enrol_arm_1": ("person",),
    "mri_arm_1": ("mri",),
    "mri_arm_2": ("mri",),
}
JOINS: dict[str, Any] = {"joins": [{"fields": ["last_name"], "events": ["enrol_arm_1"]}]}


def problems(
    fields: dict[str, Any] | None = None,
    *,
    event_forms: Mapping[str, tuple[str, ...]] | None = None,
    groups: list[str] | None = None,
    **changes: Any,
) -> str:
    try:
        check_against(
            source(fields, **changes), METADATA, event_forms=event_forms, groups=groups, at_apply=True
        )
    except Rejected as refused:
        return refused.what
    return ""


def gate(name: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"gates": [{"field": name, "values": list(values), "reason": "not yet", **more}]}


def required(*names: str) -> dict[str, Any]:
    return {"rows": {"required": ["mri_date", *names]}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        gate("mri_cleared", "1"),
        gate("mri_safety___1", "0"),
        gate("mri_safety____99", "0"),
        gate("mri_complete", "2", unless={"field": "demo_sex", "values": ["1"]}),
        {"fields": {"patient_birth_date": "born", "patient_weight_kg": "weight"}},
        {"fields": {"patient_sex": {"field": "demo_sex", "values": {"1": "M", "2": "F"}}}},
        {"fields": {"study_description": {"field": "demo_sex", "transforms": [{"zero_pad": 2}]}}},
        {"groups": ["oslo"], "site": "", "sites_by_dag": {"oslo": "oslo"}},
        {"write_back": {"start": "mri_start", "seconds": False}},
        {
            "write_back": {
                "status": "mri_status",
                "status_values": {
                    "SCHEDULED": "1",
                    "IN_PROGRESS": "1",
                    "COMPLETED": "2",
                    "DISCONTINUED": "2",
                },
            }
        },
    ],
)
def test_what_is_so_is_not_complained_about(changes: dict[str, Any]) -> None:
    assert problems(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (gate("mri_clearde", "1"), "gates.0: the project has no field mri_clearde; did you mean mri_cleared"),
        (gate("mri_cleared", "yes"), "gates.0: mri_cleared has no code yes; it has 1 (Yes), 0 (No)"),
        (
            gate("mri_cleared", "1", unless={"field": "demo_sex", "values": ["M"]}),
            "gates.0: demo_sex has no code M; it has 1 (Male), 2 (Female)",
        ),
        (gate("mri_complete", "3"), "it has 0 (Incomplete), 1 (Unverified), 2 (Complete)"),
        (gate("mri_safety", "1"), "is a checkbox; its columns are mri_safety___1, mri_safety____99"),
        (gate("mri_safety___2", "0"), "is no column of the checkbox; its columns are mri_safety___1"),
        (gate("mri_safety___1", "Implant"), "has no code Implant; it has 0 (not ticked), 1 (ticked)"),
        (required("logo"), "rows.required: logo is a descriptive field, which has no value"),
        (
            {"rows": {"required": ["mri_date"], "where": [{"field": "mri_status", "not_values": ["Done"]}]}},
            "rows.where.0: mri_status has no code Done; it has 1 (Booked), 2 (Done)",
        ),
        (
            {"fields": {"patient_sex": {"field": "demo_sex", "values": {"1": "M", "3": "O"}}}},
            "fields.patient_sex.values: demo_sex has no code 3",
        ),
        (
            {"protocol": {"field": "mri_status", "codes": {"9": {"protocol_name": "x"}}}},
            "protocol.codes: mri_status has no code 9",
        ),
        (
            {
                "parts": {"s": {"field": "demo_sex", "values": {"m": "M"}}},
                "fields": {"patient_id": "{s}"},
            },
            "parts.s.values: demo_sex has no code m",
        ),
        (
            {"parts": {"stdy": {"field": "study_id"}}, "fields": {"patient_id": "stdy"}},
            'fields.patient_id: stdy is a part; write "{stdy}" to use it',
        ),
        (
            {"fields": {"patient_birth_date": "born_year"}},
            "fields.patient_birth_date: born_year is validated as integer, and this must be a date",
        ),
        (
            {"fields": {"patient_birth_date": "demo_sex"}},
            "demo_sex is a radio field, and this must be a date",
        ),
        ({"fields": {"scheduled_start_time": "mri_date"}}, "validated as date_mdy, and this must be a time"),
        ({"fields": {"patient_weight_kg": "mri_time"}}, "validated as time, and this must be a number"),
        (
            {"groups": ["oslo_dag"], "site": "", "sites_by_dag": {"oslo_dga": "oslo"}},
            "sites_by_dag: the project has no data access group oslo_dga; did you mean oslo_dag",
        ),
        ({"write_back": {"start": "mri_start"}}, "validated as datetime_ymd; set write_back.seconds = false"),
        ({"write_back": {"station": "weight"}}, "weight is a calc field, which nothing can be written to"),
        (
            {"write_back": {"status": "mri_status"}},
            "write_back.status_values: mri_status has no code SCHEDULED",
        ),
        ({"write_back": {"duration": "mri_mins"}}, "write_back: the project has no field mri_mins"),
    ],
)
def test_what_is_not_so_is_said_naming_what_there_is(changes: dict[str, Any], said: str) -> None:
    assert said in problems(**changes)


def test_events_are_held_against_the_projects() -> None:
    changes = {**JOINS, "rows": {"required": ["mri_date"], "events": ["mri_arm_1", "mri_arm_2"]}}
    fields = {"patient_id": "{redcap_event_name}-{redcap_repeat_instance}"}
    assert problems(fields, event_forms=EVENT_FORMS, **changes) == ""
    changes["rows"]["events"] = ["mri_arm_1", "mri_arm_3"]
    said = problems(fields, event_forms=EVENT_FORMS, **changes)
    assert said.startswith("rows.events: the project has no event mri_arm_3; did you mean mri_arm_")


def test_codes_by_event_are_held_against_the_projects_events() -> None:
    codes = {"mri_arm_1": {"protocol_name": "A"}, "mri_am_2": {"protocol_name": "B"}}
    protocol = {"field": "redcap_event_name", "codes": codes}
    said = problems(event_forms=EVENT_FORMS, protocol=protocol, **JOINS)
    assert "protocol.codes: redcap_event_name has no code mri_am_2; it has enrol_arm_1" in said
    assert problems(event_forms={}, protocol=protocol) == ""


def test_a_field_that_no_event_of_its_row_has_is_found() -> None:
    rows = {"required": ["mri_date"], "events": ["mri_arm_1"]}
    said = problems(event_forms=EVENT_FORMS, rows=rows)
    assert "fields.patient_name: last_name is on the form person, which none of its events has; use" in said
    joins = [{"fields": ["last_name"], "events": ["mri_arm_2"]}]
    assert "joins.0: last_name is on the form person" in problems(
        event_forms=EVENT_FORMS, rows=rows, joins=joins
    )


def test_a_join_from_a_repeating_instrument_takes_only_its_own_fields() -> None:
    joins = [{"fields": ["last_name"], "instrument": "mri"}]
    assert problems(joins=joins) == "joins.0: last_name is on the form person, not on mri"


def test_a_field_to_be_written_has_to_be_in_every_event_of_the_scans() -> None:
    forms = {**EVENT_FORMS, "mri_arm_2": ("person",)}
    rows = {"required": ["mri_date"], "events": ["mri_arm_1", "mri_arm_2"]}
    said = problems(
        event_forms=forms, rows=rows, write_back={"start": "mri_start", "seconds": False}, **JOINS
    )
    assert "write_back: mri_start is on the form mri, which the event mri_arm_2 does not have" in said
