from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.history.facts.pseudonyms import MOST_WEEKS, Pseudonyms, moved
from shared.errors import Rejected

NAMES = Pseudonyms(b"k" * 32)
words = st.text(max_size=8)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(Rejected, match="31 bytes, 32 are needed"):
        Pseudonyms(b"k" * 31)


def test_another_key_makes_other_pseudonyms() -> None:
    assert NAMES.exam("a") != Pseudonyms(b"K" * 32).exam("a")


@given(words, words, words)
def test_a_participant_has_one_key_whatever_the_patient_id(study: str, record: str, patient_id: str) -> None:
    same = NAMES.participant(study, record, patient_id) == NAMES.participant(study, record, "other")
    assert same == bool(record or patient_id == "other")


@given(st.lists(st.tuples(words, words), min_size=2, max_size=2, unique=True))
def test_studies_cannot_be_joined_by_participant(pairs: list[tuple[str, str]]) -> None:
    first, second = (NAMES.participant(study, "r" + record, "") for study, record in pairs)
    assert first != second


def test_a_record_is_never_taken_for_a_patient_id() -> None:
    assert NAMES.participant("s", "7", "") != NAMES.participant("s", "", "7")


def test_parts_of_a_name_are_never_run_together() -> None:
    assert NAMES.value("a", "bc", 1) != NAMES.value("ab", "c", 1)


def test_no_value_has_no_hash() -> None:
    nothing: tuple[Any, ...] = (None, "", [], ())
    assert [NAMES.value("e", "f", value) for value in nothing] == [""] * 4
    assert NAMES.value("e", "f", 0)


def test_the_same_value_of_another_exam_has_another_hash() -> None:
    assert NAMES.value("e", "sex", "F") != NAMES.value("f", "sex", "F")


@given(words)
def test_dates_move_by_whole_weeks_and_never_by_none(participant: str) -> None:
    days = NAMES.shift_days(participant)
    assert days % 7 == 0
    assert 0 < abs(days) <= 7 * MOST_WEEKS


def test_every_date_and_time_of_a_row_moves_and_nothing_else() -> None:
    row = {"day": date(2026, 3, 1), "at": datetime(2026, 3, 1, 9), "none": None, "series": 7, "text": "x"}
    assert moved(row, -7) == {
        "day": date(2026, 2, 22),
        "at": datetime(2026, 2, 22, 9),
        "none": None,
        "series": 7,
        "text": "x",
    }
