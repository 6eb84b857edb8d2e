"""Every choice of a coded field becomes something, and the sex its label says, or apply refuses."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.sources.file import check_against
from shared.errors import Rejected
from tests.rigs.dictionary import field
from tests.unit.lambdas.mapping.test_record_shapes import source

SEX = "1, Male | 2, Female | 3, Other"


def refusals(
    fields: dict[str, Any],
    choices: str = SEX,
    kind: str = "radio",
    missing: tuple[str, ...] = (),
    **more: Any,
) -> str:
    metadata = [
        *(field(name, "f") for name in ("study_id", "last_name", "mri_date", "mri_time")),
        field("asked", "f", kind, choices),
    ]
    try:
        check_against(source(fields, **more), metadata, missing=missing, at_apply=True)
    except Rejected as refused:
        return refused.what
    return ""


def sex(values: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"patient_sex": {"field": "asked", "values": values, **more}}


def test_a_choice_that_is_not_mapped_is_named_with_its_label() -> None:
    said = refusals(sex({"1": "M", "2": "F"}))
    assert said == (
        "fields.patient_sex.values: asked can also be 3 (Other); map every choice, or give otherwise"
    )


@pytest.mark.parametrize(
    "fields",
    [
        sex({"1": "M", "2": "F", "3": "O"}),
        sex({"1": "M", "2": "F"}, otherwise="O"),
        sex({"1": "M", "2": "F", "3": ""}),
        sex({"1": "M", "2": "F", "03": "O"}, transforms=[{"replace": {"3": "03"}}]),
    ],
)
def test_every_choice_mapped_somehow_is_fine(fields: dict[str, Any]) -> None:
    assert "can also be" not in refusals(fields)


def test_a_choice_that_means_missing_needs_no_mapping() -> None:
    choices = f"{SEX} | -99, Not asked"
    mapped = sex({"1": "M", "2": "F", "3": "O"})
    assert "-99 (Not asked)" in refusals(mapped, choices)
    assert refusals(mapped, choices, missing=("-99",)) == ""
    assert refusals(mapped, choices, missing_data_codes=["-99"]) == ""


@pytest.mark.parametrize(
    ("target", "choices", "kind"),
    [
        ("procedure_description", "1, Brain | 2, Spine", "dropdown"),
        ("protocol_name", "10, T1", "radio"),
        ("medical_alerts", "", "yesno"),
        ("allergies", "", "truefalse"),
        ("patient_sex", "1, Male | 2, Female", "radio"),
        ("station_name", "PRISMA1, P | 2, S", "dropdown"),
        ("scheduled_station_aetitle", "A STATION WITH A LONG CODE, x", "dropdown"),
        ("patient_name", "1, Ann", "radio"),
        ("patient_id", "1, Ann", "radio"),
    ],
)
def test_a_bare_code_is_not_sent_for_what_it_stands_for(target: str, choices: str, kind: str) -> None:
    said = refusals({target: "asked"}, choices, kind)
    assert "the bare code would be sent of" in said
    assert said.endswith("give values")


def test_a_checkbox_is_no_text() -> None:
    assert "the bare code would be sent" in refusals(
        {"medical_alerts": "asked___1"}, "1, Implant", "checkbox"
    )
    ticked = {"medical_alerts": {"field": "asked___1", "values": {"0": "", "1": "Implant"}}}
    assert refusals(ticked, "1, Implant", "checkbox") == ""


@pytest.mark.parametrize(
    ("target", "choices"),
    [
        ("protocol_name", "T1, T1 weighted | DTI, Diffusion"),
        ("patient_sex", "M, Male | F, Female"),
        ("pregnancy_status", "1, no | 2, possibly | 3, yes | 4, unknown"),
        ("scheduled_station_aetitle", "PRISMA1, Prisma | SKYRA2, Skyra"),
        ("scheduled_start_time", "0930, early | 1030, late"),
        ("patient_weight_kg", "50, about 50 | 60, about 60"),
    ],
)
def test_a_code_that_is_a_value_is_one(target: str, choices: str) -> None:
    assert refusals({target: "asked"}, choices) == ""


@pytest.mark.parametrize(
    ("target", "wanted"), [("patient_birth_date", "a date"), ("pregnancy_status", "1, 2, 3 or 4")]
)
def test_choices_that_are_no_such_value_are_refused_saying_what_it_must_be(target: str, wanted: str) -> None:
    assert f"asked is a radio field, and this must be {wanted}" in refusals({target: "asked"}, "7, x | 8, y")


def test_every_choice_has_to_choose_a_protocol() -> None:
    protocol: dict[str, Any] = {"field": "asked", "codes": {"1": {"protocol_name": "A"}}}
    said = refusals({}, "1, a | 2, b", protocol=protocol)
    assert said == "protocol.codes: asked can also be 2 (b); map every choice, or give default"
    assert refusals({}, "1, a | 2, b", protocol={**protocol, "default": {"protocol_name": "B"}}) == ""


def test_every_event_of_the_scans_and_every_group_with_a_site_has_to_be_mapped() -> None:
    rows = {"required": ["mri_date"], "events": ["v1_arm_1", "v2_arm_1"]}
    by_event = {"field": "redcap_event_name", "codes": {"v1_arm_1": {"protocol_name": "A"}}}
    assert "redcap_event_name can also be v2_arm_1" in refusals({}, rows=rows, protocol=by_event)
    station = {"field": "redcap_data_access_group", "values": {"oslo": "OSLO"}}
    sites: dict[str, Any] = {"site": "", "sites_by_dag": {"oslo": "oslo", "bergen": "bergen"}}
    said = refusals({"scheduled_station_aetitle": station}, **sites)
    assert "redcap_data_access_group can also be bergen" in said


def test_a_part_needs_every_choice_too() -> None:
    parts = {"s": {"field": "asked", "values": {"1": "m"}}}
    assert "parts.s.values: asked can also be 2 (Female), 3 (Other)" in refusals(
        {"patient_id": "{study_id}{s}"}, parts=parts
    )


@pytest.mark.parametrize(
    ("choices", "values"),
    [
        ("1, Male | 2, Female", {"1": "F", "2": "M"}),
        ("1, Female | 2, Male", {"1": "M", "2": "F"}),
        ("0, Woman | 1, Man", {"0": "M", "1": "F"}),
        ("1, männlich | 2, weiblich", {"1": "F", "2": "M"}),
        ("1, Homme | 2, Femme", {"1": "M", "2": "M"}),
        ("1, <b>Male</b> | 2, Female (at birth)", {"1": "F", "2": "F"}),
        ("1, 男 | 2, 女", {"1": "F", "2": "M"}),
        ("m, Female | f, Male", {"m": "M", "f": "F"}),
        ("1, Boy | 2, Girl", {"1": "O", "2": "F"}),
    ],
)
def test_a_sex_that_is_not_what_the_label_says_is_refused(choices: str, values: dict[str, str]) -> None:
    said = refusals(sex(values), choices)
    assert "fields.patient_sex.values: asked calls" in said
    assert ", and it becomes" in said


def test_labels_that_name_no_sex_or_both_are_left_to_the_person() -> None:
    choices = "1, Cohort A | 2, Male to female | 3, Intersex"
    assert refusals(sex({"1": "M", "2": "F", "3": "O"}), choices) == ""


def test_a_bare_code_is_held_against_its_label_too() -> None:
    assert "calls M Female" in refusals({"patient_sex": "asked"}, "M, Female | F, Male")
