"""What a row of the cache holds of an item: an encoded element for each attribute, ready to be sent."""

from __future__ import annotations

import pytest

from edge_relay.dicom.elements import read
from edge_relay.worklist.attributes import CODE_VALUE, LONG_CODE_VALUE, tag_of
from edge_relay.worklist.row import (
    COLUMN_OF,
    COLUMNS,
    FINGERPRINT,
    SEPARATOR,
    STATUS_COLUMN,
    blob_of,
    status_piece,
    text_of,
)
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item


def piece_of(item: WorklistItem, keyword: str) -> bytes:
    return blob_of(item)[0].split(SEPARATOR)[COLUMN_OF[tag_of(keyword)]]


def test_there_is_a_piece_for_each_attribute_we_have_a_source_for() -> None:
    assert len(blob_of(an_item())[0].split(SEPARATOR)) == len(COLUMNS)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("PatientName", "Núñez^Zoë"),
        ("PatientID", "sub-001"),
        ("ScheduledProcedureStepStartTime", "093000"),
        ("StudyInstanceUID", an_item().study_instance_uid),
        ("PatientBirthDate", ""),
        ("ScheduledProcedureStepStatus", "SCHEDULED"),
    ],
)
def test_a_piece_is_a_whole_element_whose_text_is_the_items(keyword: str, text: str) -> None:
    piece = piece_of(an_item(), keyword)
    assert text_of(piece) == text
    assert list(read(piece, implicit=True)) == [tag_of(keyword)]


def test_a_long_protocol_travels_as_a_long_code_and_a_short_one_as_a_short() -> None:
    short, long = an_item(protocol_name="C" * 16), an_item(protocol_name="C" * 17)
    present = [
        [bool(piece_of(item, name)) for name in ("CodeValue", "LongCodeValue")] for item in (short, long)
    ]
    assert present == [[True, False], [False, True]]
    assert {CODE_VALUE, LONG_CODE_VALUE} <= COLUMN_OF.keys()


def test_without_a_protocol_its_sequence_is_not_there_at_all() -> None:
    assert piece_of(an_item(protocol_name=""), "CodeMeaning") == b""
    assert piece_of(an_item(protocol_name=""), "CodingSchemeDesignator") == b""


@pytest.mark.parametrize(
    ("name", "is_ascii"), [("Doe^Jane", True), ("Núñez^Zoë", False), ("山田^太郎", False)]
)
def test_it_is_known_whether_all_text_is_ascii(name: str, is_ascii: bool) -> None:
    assert blob_of(an_item(patient_name=name))[1] is is_ascii


@pytest.mark.parametrize("status", Status)
def test_a_status_laid_over_is_written_as_the_items_own(status: Status) -> None:
    item = an_item(performed_procedure_step_status=status)
    assert status_piece(status) == blob_of(item)[0].split(SEPARATOR)[STATUS_COLUMN]
    assert text_of(status_piece(status)) == status.dicom_status()


def test_a_number_is_two_bytes() -> None:
    assert piece_of(an_item(pregnancy_status=4), "PregnancyStatus")[-2:] == b"\x04\x00"
    assert piece_of(an_item(pregnancy_status=None), "PregnancyStatus")[-4:] == b"\0\0\0\0"


def test_the_form_has_a_name_that_fits_a_row() -> None:
    assert len(FINGERPRINT) == 32
