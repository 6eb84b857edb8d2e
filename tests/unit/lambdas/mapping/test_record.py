"""REDCap rows become items, or say why not; whatever they hold, nothing breaks, nothing illegal comes out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from lambdas.mapping.record import Scan, map_record, missing_data_codes, scan_from_row
from lambdas.redcap.row import RedcapRow
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared import identifiers
from shared.worklist_item import WorklistItem
from tests.rigs.redcap import classic_data, classic_definition

BASE = {
    "study_id": "007",
    "family_id": "F1",
    "youth_dob": "2014-02-28",
    "first_name": "Zoë",
    "last_name": "O'Núñez",
    "demo_sex": "2",
}
SCAN = {
    "study_id": "007",
    "mri_date": "2026-11-23",
    "mri_time": "09:30",
    "mri_wt_lbs": "70.0",
    "mri_ht_in": "50",
    "referring_physician": "Curie, Marie",
    "performing_physician": "",
    "station_name": "PRISMA1",
    "protocol": "1",
}
VRS = {
    "study_instance_uid": "UI",
    "accession_number": "SH",
    "requested_procedure_id": "SH",
    "scheduled_procedure_step_id": "SH",
    "patient_name": "PN",
    "patient_id": "LO",
    "issuer_of_patient_id": "LO",
    "patient_birth_date": "DA",
    "patient_sex": "CS",
    "patient_weight_kg": "DS",
    "patient_size_m": "DS",
    "medical_alerts": "LO",
    "allergies": "LO",
    "referring_physician_name": "PN",
    "study_description": "LO",
    "modality": "CS",
    "scheduled_station_aetitle": "AE",
    "station_name": "SH",
    "scheduled_start_date": "DA",
    "scheduled_start_time": "TM",
    "performing_physician": "PN",
    "procedure_description": "LO",
    "protocol_name": "LO",
    "hisris_coding_designator": "SH",
}


def rows(base: dict[str, str] | None = None, **scan: str) -> list[RedcapRow]:
    demographics, values = {**BASE, **(base or {})}, {**SCAN, **scan}
    record = values["study_id"]
    return [
        RedcapRow(record, "", "", None, {**dict.fromkeys(SCAN, ""), **demographics}),
        RedcapRow(record, "", "mri", 1, {**dict.fromkeys(BASE, ""), **values}),
    ]


def mapped(
    base: dict[str, str] | None = None, fields: dict[str, Any] | None = None, **scan: str
) -> WorklistItem | RejectedRow | HeldRow | None:
    data = classic_data()
    definition = classic_definition(fields={**data["fields"], **(fields or {})})
    of_record = rows(base, **scan)
    outcome = scan_from_row(definition, of_record[1], of_record, ("-99", "UNK"))
    return outcome.item if isinstance(outcome, Scan) else outcome


def item(
    base: dict[str, str] | None = None, fields: dict[str, Any] | None = None, **scan: str
) -> WorklistItem:
    outcome = mapped(base, fields, **scan)
    assert isinstance(outcome, WorklistItem), outcome
    return outcome


def reject(
    base: dict[str, str] | None = None, fields: dict[str, Any] | None = None, **scan: str
) -> RejectedRow:
    outcome = mapped(base, fields, **scan)
    assert isinstance(outcome, RejectedRow), outcome
    return outcome


def test_a_row_becomes_an_item() -> None:
    made = item()
    assert made.patient_name == "O'Núñez^Zoë"
    assert made.patient_id == "sub_007_ses_1"
    assert (made.patient_sex, made.patient_birth_date) == ("F", "20140228")
    assert (made.patient_weight_kg, made.patient_size_m) == ("31.751", "1.27")
    assert (made.scheduled_start_date, made.scheduled_start_time) == ("20261123", "093000")
    assert made.procedure_description == "Brain T1/T2"
    assert (made.source, made.source_record, made.source_instrument) == ("classic", "007", "mri")


def test_identifiers_come_from_the_row_alone() -> None:
    key = identifiers.RowKey("classic", "007", "", "mri", 1)
    moved = item(mri_date="2027-01-01", station_name="SKYRA2")
    assert moved.id == item().id == key.item_id()
    assert moved.study_instance_uid == identifiers.study_instance_uid(key.item_id())


def test_the_base_row_and_other_instruments_are_no_scans() -> None:
    of_record = rows()
    other = RedcapRow("007", "", "bloods", 1, SCAN)
    assert map_record(classic_definition(), [of_record[0], other]).items == ()


@pytest.mark.parametrize("date", ["", " ", "-99", "UNK"])
def test_a_row_without_a_date_is_no_scan_yet(date: str) -> None:
    assert mapped(mri_date=date) is None


def test_a_missing_data_code_is_empty_not_a_value() -> None:
    made = item({"youth_dob": "-99"}, mri_wt_lbs="UNK")
    assert (made.patient_birth_date, made.patient_weight_kg) == ("", "")


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("mri_date", "23.11.2026", "scheduled_start_date: a date must look like"),
        ("mri_date", "2026-02-30", "exist in the calendar"),
        ("mri_time", "25:00", "scheduled_start_time"),
        ("station_name", "A STATION WITH A LONG NAME", "16"),
        ("protocol", "9", "holds a code that the source definition's values do not list"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_naming_its_field_and_not_itself(
    field: str, text: str, said: str
) -> None:
    scan: dict[str, Any] = {field: text}
    refused = reject(**scan)
    assert (refused.record, refused.instance, refused.field) == ("007", 1, field)
    assert said in refused.reason
    assert text not in refused.reason


def test_a_record_without_a_base_row_lacks_its_name() -> None:
    (scan,) = rows()[1:]
    outcome = scan_from_row(classic_definition(), scan, [scan])
    assert isinstance(outcome, RejectedRow)
    assert (outcome.field, outcome.reason) == ("last_name, first_name", "patient_name: is empty")


def test_half_an_identifier_is_none() -> None:
    refused = reject(fields={"patient_id": "sub_{study_id}_{family_id}"}, base={"family_id": ""})
    assert refused.reason == "patient_id: is empty"


def test_half_a_name_is_a_name() -> None:
    assert item({"first_name": ""}).patient_name == "O'Núñez"
    assert item({"last_name": ""}).patient_name == "^Zoë"


@pytest.mark.parametrize("text", ["A^B", "A=B"])
def test_a_name_may_not_bring_its_own_separators(text: str) -> None:
    assert reject({"first_name": text}).field == "last_name, first_name"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("Curie, Marie", "Curie^Marie"),
        ("Curie^Marie", "Curie^Marie"),
        ("Marie Curie", "Marie Curie"),
        ("Curie,", "Curie,"),
        ("de la Cruz, Ana, MD", "de la Cruz, Ana, MD"),
    ],
)
def test_family_comma_given_is_a_name_in_two_parts(typed: str, sent: str) -> None:
    assert item(referring_physician=typed).referring_physician_name == sent


def test_a_date_time_field_serves_date_and_time() -> None:
    fields = {"scheduled_start_time": "mri_date"}
    made = item(fields=fields, mri_date="2026-11-23 14:05:06")
    assert (made.scheduled_start_date, made.scheduled_start_time) == ("20261123", "140506")


def test_a_default_stands_in_for_what_is_empty() -> None:
    assert item(station_name="").scheduled_station_aetitle == "PRISMA1"
    assert item(mri_time="").scheduled_start_time == "000000"


def test_pregnancy_is_a_number_and_nothing_else() -> None:
    fields = {"pregnancy_status": "mri_status_code"}
    assert item(fields=fields, mri_status_code="4").pregnancy_status == 4
    assert item(fields=fields, mri_status_code="maybe").pregnancy_status is None


def test_one_bad_row_does_not_stop_the_others() -> None:
    good, bad = rows()[1], RedcapRow("007", "", "mri", 2, {**SCAN, "mri_time": "noon"})
    outcome = map_record(classic_definition(), [rows()[0], bad, good])
    assert [made.source_instance for made in outcome.items] == [1]
    assert [refused.instance for refused in outcome.rejected] == [2]


@pytest.mark.parametrize(
    ("declared", "codes"),
    [
        ("-99, Not collected | UNK, Unknown", ("-99", "UNK")),
        ("-99, Not collected\nUNK, Unknown", ("-99", "UNK")),
        ("", ()),
        (None, ()),
    ],
)
def test_the_projects_missing_data_codes_are_read(declared: str | None, codes: tuple[str, ...]) -> None:
    assert missing_data_codes({"missing_data_codes": declared}) == codes


ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
NUMBERS = st.one_of(ANYTHING, st.floats().map(str), st.decimals().map(str), st.integers().map(str))


@pytest.mark.slow
@settings(deadline=None)
@given(
    base=st.fixed_dictionaries(dict.fromkeys(BASE, ANYTHING)),
    scan=st.fixed_dictionaries(
        {**dict.fromkeys(SCAN, ANYTHING), "mri_wt_lbs": NUMBERS, "mri_ht_in": NUMBERS}
    ),
    plausible=st.sets(st.sampled_from([*BASE, *SCAN])),
)
def test_any_text_in_any_field_gives_a_legal_item_a_reject_or_nothing(
    base: dict[str, str], scan: dict[str, str], plausible: set[str]
) -> None:
    base |= {name: text for name, text in BASE.items() if name in plausible}
    scan |= {name: text for name, text in SCAN.items() if name in plausible}
    outcome = mapped(base, None, **scan)
    assert outcome is None or isinstance(outcome, WorklistItem | RejectedRow)
    if isinstance(outcome, WorklistItem):
        assert_legal(outcome)
        assert WorklistItem.model_validate_json(outcome.model_dump_json()) == outcome
    if isinstance(outcome, RejectedRow):
        assert RejectedRow.model_validate_json(outcome.model_dump_json()) == outcome


@settings(deadline=None)
@given(first=st.text(max_size=80), last=st.text(max_size=80))
def test_any_name_comes_out_legal_or_not_at_all(first: str, last: str) -> None:
    outcome = mapped({"first_name": first, "last_name": last})
    if isinstance(outcome, WorklistItem):
        assert_legal(outcome)


def assert_legal(made: WorklistItem) -> None:
    """Ask pydicom, which is not ours, whether every value is legal for its value representation."""
    for name, vr in VRS.items():
        value = getattr(made, name)
        if value != "":
            validate_value(vr, value, RAISE)
    assert made.patient_sex in {"", "M", "F", "O"}
