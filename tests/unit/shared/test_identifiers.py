"""Identifiers are functions of the REDCap row, legal, and never change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared import identifiers
from shared.dicom.dicom_text import parse_short_string, parse_uid
from shared.identifiers import RowKey, successor

KEYS = st.builds(
    RowKey,
    source=st.text(),
    record=st.text(),
    event=st.text(),
    instrument=st.text(),
    instance=st.integers(1, 9),
)


def test_the_identifiers_of_a_row_are_the_ones_already_on_scanners() -> None:
    item_id = RowKey("study", "007", "", "mri", 2).item_id()
    assert item_id == "3daf4b09e94a5daaa16ce7b51727496d"
    assert identifiers.study_instance_uid(item_id) == "2.25.112702723790441799821311968576653999765"
    assert identifiers.accession_number(item_id) == "ANY7XJJ2WYWVXVG9"
    assert identifiers.requested_procedure_id(item_id) == "RA1KCN2VZFNKS3ZA"
    assert identifiers.scheduled_procedure_step_id(item_id) == "SYVHVM5G129FN32A"


@given(KEYS)
def test_every_identifier_is_legal_dicom(key: RowKey) -> None:
    item_id = key.item_id()
    assert parse_uid(identifiers.study_instance_uid(item_id)).startswith("2.25.")
    for make in (
        identifiers.accession_number,
        identifiers.requested_procedure_id,
        identifiers.scheduled_procedure_step_id,
    ):
        assert parse_short_string(make(item_id)) == make(item_id)
        assert len(make(item_id)) == 16


@given(KEYS, KEYS)
def test_different_rows_have_different_identifiers(one: RowKey, other: RowKey) -> None:
    same = one == other
    assert (one.item_id() == other.item_id()) is same
    assert (
        identifiers.accession_number(one.item_id()) == identifiers.accession_number(other.item_id())
    ) is same


@given(KEYS)
def test_each_part_of_the_key_counts(key: RowKey) -> None:
    others = [
        replace(key, source=key.source + "x"),
        replace(key, record=key.record + "0"),
        replace(key, event=key.event + "x"),
        replace(key, instrument=key.instrument + "x"),
        replace(key, instance=key.instance + 1),
    ]
    assert len({k.item_id() for k in [key, *others]}) == 6


@given(KEYS)
def test_a_successor_is_another_id_and_always_the_same(key: RowKey) -> None:
    assert successor(key.item_id()) == successor(key.item_id())
    assert len({key.item_id(), successor(key.item_id()), successor(successor(key.item_id()))}) == 3
