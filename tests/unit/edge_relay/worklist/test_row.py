"""What a row of the cache holds of an item: an encoded element for each attribute, ready to be sent."""

from __future__ import annotations

import pytest

from edge_relay.dicom.elements import read
from edge_relay.worklist.attributes import CODE_VALUE, LONG_CODE_VALUE, tag_of
from edge_relay.worklist.row import (
    COLUMN_OF,
    COLUMNS,
    FINGERPRINT,
    STATUS_COLUMN,
    blob_of,
    column_within,
    pieces_of,
    status_piece,
    text_of,
)
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item


def piece_of(item: WorklistItem, keyword: str) -> bytes:
    return pieces_of(blob_of(item)[0])[COLUMN_OF[tag_of(keyword)]]


def test_there_is_a_piece_for_each_attribute_we_have_a_source_for() -> None:
    assert len(pieces_of(blob_of(an_item())[0])) == len(COLUMNS)


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
    assert status_piece(status) == pieces_of(blob_of(item)[0])[STATUS_COLUMN]
    assert text_of(status_piece(status)) == status.dicom_status()


def test_a_number_is_two_bytes() -> None:
    assert piece_of(an_item(pregnancy_status=4), "PregnancyStatus")[-2:] == b"\x04\x00"
    assert piece_of(an_item(pregnancy_status=None), "PregnancyStatus")[-4:] == b"\0\0\0\0"


def test_the_form_has_a_name_that_fits_a_row() -> None:
    assert len(FINGERPRINT) == 32


def test_an_item_without_rare_attributes_pays_a_byte_for_all_of_them() -> None:
    bare, full = blob_of(an_item())[0], blob_of(an_item(ethnic_group="E"))[0]
    assert bare.endswith(b"\x1f")
    assert len(full) > len(bare) + 300


def test_a_rare_attribute_is_in_its_column_and_the_others_are_empty() -> None:
    item = an_item(patient_comments="two\r\nlines", requested_procedure_code_value="C")
    assert text_of(piece_of(item, "PatientComments")) == "two\r\nlines"
    assert text_of(piece_of(item, "EthnicGroup")) == ""
    sequence = tag_of("RequestedProcedureCodeSequence")
    column = column_within(sequence, CODE_VALUE)
    assert column is not None
    assert text_of(pieces_of(blob_of(item)[0])[column]) == "C"
    assert pieces_of(blob_of(an_item())[0])[column] == b""


def test_no_length_is_taken_for_a_separator() -> None:
    longest = an_item(patient_comments="山" * 1024, other_patient_ids="x" * 29, patient_state="y" * 31)
    pieces = pieces_of(blob_of(longest)[0])
    assert len(pieces) == len(COLUMNS)
    assert text_of(pieces[COLUMN_OF[tag_of("PatientComments")]]) == "山" * 1024
