"""A line of the list is of an exam only if all it says is the exam's."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.commands.evidence.images_list import NO_EXAM, SEVERAL, Line, by_name, exam_of, lines_of, told_of
from lambdas.store.ownership import StoredItem
from shared.errors import Rejected
from tests.rigs.builders import an_item


def stored(name: str = "001", **changes: Any) -> StoredItem:
    return StoredItem(item=an_item(name, **changes), feed_seq=1)


def line(**changes: Any) -> Line:
    return Line(2, "", "", "P", 1, 0, None)._replace(**changes)


def test_a_list_is_read_by_its_headings_in_any_order_and_case() -> None:
    headings = "Images,PATIENT_ID,colour, accession_number ,last_image"
    text = f"{headings}\n12, P1 ,red,A1,2026-11-22 10:20\n\n,P2,,A2,\n"
    first, second = lines_of("\ufeff" + text)
    assert first == Line(2, "A1", "", "P1", 1, 12, datetime(2026, 11, 22, 10, 20))
    assert second[1:] == ("A2", "", "P2", 1, 0, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must have a column patient_id"),
        ("accession_number\nA1", "must have a column patient_id"),
        ("patient_id\nP1", "must have a column patient_id"),
        ("patient_id,accession_number\nSECRET,", "names no exam"),
        ("patient_id,accession_number,series\nSECRET,A1,two", "series is no whole number"),
        ("patient_id,accession_number,images\nSECRET,A1,-1", "images is no whole number"),
        ("patient_id,accession_number,last_image\nSECRET,A1,SECRET", "last_image is no date"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line_and_never_quoted(text: str, says: str) -> None:
    with pytest.raises(Rejected) as refused:
        lines_of(text)
    assert says in str(refused.value)
    assert "line " in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_an_exam_is_found_by_either_name() -> None:
    one, other = stored("001"), stored("002")
    exams = by_name([one, other])
    assert exam_of(line(accession_number=one.item.accession_number), exams) == one
    assert exam_of(line(study_instance_uid=other.item.study_instance_uid), exams) == other


def test_names_of_two_exams_are_of_none() -> None:
    one, other = stored("001"), stored("002")
    names = {
        "accession_number": one.item.accession_number,
        "study_instance_uid": other.item.study_instance_uid,
    }
    assert exam_of(line(**names), by_name([one, other])) == NO_EXAM


def test_a_name_that_several_exams_have_is_of_none() -> None:
    one, other = stored("001", accession_number="A1"), stored("002", accession_number="A1")
    exams = by_name([one, other])
    assert exam_of(line(accession_number="A1"), exams) == SEVERAL
    both = line(accession_number="A1", study_instance_uid=other.item.study_instance_uid)
    assert exam_of(both, exams) == other


def test_what_nobody_has_is_of_no_exam() -> None:
    assert exam_of(line(accession_number="A9"), by_name([stored()])) == NO_EXAM
    assert exam_of(line(accession_number=""), by_name([stored(accession_number="")])) == NO_EXAM


def test_a_line_tells_of_an_exam_with_the_patient_id_it_has_itself() -> None:
    told = told_of(line(patient_id="P-OTHER", images=4), stored())
    assert (told.patient_id, told.image_count, told.archive) == ("P-OTHER", 4, "list")
    assert told.study_instance_uid == stored().item.study_instance_uid


def test_a_study_instance_uid_that_is_none_is_refused_without_it() -> None:
    with pytest.raises(Rejected, match="line 2: cannot be so: study_instance_uid"):
        told_of(line(study_instance_uid="not a uid"), stored())


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Rejected):
        lines_of(text)
        lines_of(f"patient_id,accession_number\n{text}")
