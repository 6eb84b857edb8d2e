"""Whether a row is a scan that is known already under another name."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.mapping.record import Scan, scan_from_row
from lambdas.mapping.same_scan import as_under, is_same_scan, row_key, with_identity
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from shared.identifiers import RowKey, accession_number, study_instance_uid
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.redcap import classic_definition


def rows_of(record: str, *instances: int, **changes: str) -> list[RedcapRow]:
    base = {"study_id": record, "last_name": "Doe", "youth_dob": "2010-03-01", "demo_sex": "2", **changes}
    scans = [
        RedcapRow(
            record, "", "mri", number, {"study_id": record, "mri_date": "2026-12-01", "mri_time": "9:30"}
        )
        for number in instances
    ]
    return [RedcapRow(record, "", "", None, base), *scans]


def scan_of(rows: list[RedcapRow], number: int = 1) -> WorklistItem:
    found = scan_from_row(definition(), rows[number], rows)
    assert isinstance(found, Scan)
    return found.item


def definition() -> SourceDefinition:
    return classic_definition()


@pytest.mark.parametrize(
    ("was", "instance"),
    [("000001", 1), ("B", 1), ("000001", 3), ("B", 3)],
    ids=["itself", "name", "no", "both"],
)
def test_a_row_under_its_old_name_gives_what_it_gave_before(was: str, instance: int) -> None:
    before = scan_of(rows_of(was, instance))
    rows = rows_of("000001", 1)
    now = scan_of(rows)
    assert as_under(row_key(before), definition(), now, rows) == before


def test_only_the_row_in_question_gets_the_old_instance_number() -> None:
    rows = rows_of("000001", 1, 2)
    old = as_under(RowKey("classic", "000001", "", "mri", 7), definition(), scan_of(rows, 2), rows)
    assert old is not None
    assert old.patient_id.endswith("_ses_7")


def test_what_was_no_scan_under_the_old_name_is_none() -> None:
    rows = rows_of("000001", 1)
    other_form = RowKey("classic", "000001", "", "consent", 1)
    assert as_under(other_form, definition(), scan_of(rows), rows) is None


def test_an_item_under_another_id_has_the_identifiers_of_that_id() -> None:
    item = with_identity(an_item("001"), "feed")
    assert (item.study_instance_uid, item.accession_number) == (
        study_instance_uid("feed"),
        accession_number("feed"),
    )
    assert item.patient_id == an_item("001").patient_id


@pytest.mark.parametrize(
    "change",
    [
        {"patient_name": "Somebody^Else"},
        {"patient_birth_date": "20110301"},
        {"patient_sex": "M"},
        {"patient_id": "other"},
        {"issuer_of_patient_id": "other"},
        {"scheduled_start_date": "20261202"},
        {"scheduled_start_time": "093001"},
        {"scheduled_station_aetitle": "SKYRA"},
    ],
)
def test_who_when_and_where_must_be_the_same(change: dict[str, Any]) -> None:
    before = an_item(patient_birth_date="20100301", patient_sex="F", issuer_of_patient_id="us")
    assert not is_same_scan(before, before.model_copy(update=change))


@pytest.mark.parametrize(
    "change",
    [
        {"procedure_description": "Another"},
        {"patient_weight_kg": "70"},
        {"source_record": "renamed"},
        {"patient_birth_date": ""},
        {"patient_name": "núñez^zoë^"},
    ],
)
def test_all_else_may_differ(change: dict[str, Any]) -> None:
    before = an_item(patient_birth_date="20100301")
    assert is_same_scan(before, before.model_copy(update=change))
