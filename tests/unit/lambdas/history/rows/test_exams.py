from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.history.facts.fact import Part
from lambdas.history.rows.exams import exam_row, local, next_version
from lambdas.history.rows.state import ExamState
from shared.steps.procedure_step import Step

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, tzinfo=UTC)


def an_exam(**fields: Any) -> ExamState:
    exam = ExamState()
    planned = {"scheduled_start_date": "20261122", "scheduled_start_time": "093000"}
    part = Part(subject="e", action="created", fields={**planned, **fields}, participant="p", shift_days=7)
    next_version(exam, part, AT)
    return exam


def row(exam: ExamState, *steps: Step) -> dict[str, Any]:
    return exam_row("e", exam, [("MR1", step) for step in steps], UTC, "north")


def a_step(uid: str = "1", **fields: Any) -> Step:
    return Step.model_validate({"sop_instance_uid": uid, "status": "IN_PROGRESS", **fields})


def done(uid: str = "1", end: int = 11, **fields: Any) -> Step:
    ended = datetime(2026, 11, 22, end)
    return a_step(uid, status="COMPLETED", started_at=datetime(2026, 11, 22, 10), ended_at=ended, **fields)


def test_what_is_cleared_is_empty_since() -> None:
    exam = an_exam(protocol_name="T1", modality="MR")
    next_version(exam, Part(subject="e", action="changed", cleared=("protocol_name",)), LATER)
    assert (row(exam)["protocol"], row(exam)["modality"]) == ("", "MR")


def test_an_exam_that_is_made_anew_has_nothing_of_before() -> None:
    exam = an_exam(protocol_name="T1")
    next_version(exam, Part(subject="e", action="created", fields={"modality": "CT"}), LATER)
    assert (row(exam)["protocol"], row(exam)["modality"], exam.first_seen_at) == ("", "CT", AT)


def test_a_status_is_so_since_it_changed() -> None:
    exam = an_exam()
    next_version(exam, Part(subject="e", action="changed", fields={"modality": "MR"}), LATER)
    assert exam.status_since_at == AT
    part = Part(subject="e", action="changed", fields={"performed_procedure_step_status": "NO_SHOW"})
    next_version(exam, part, LATER)
    assert (exam.status, exam.status_since_at) == ("NO_SHOW", LATER)


def test_the_participant_of_a_study_stays_when_the_patient_id_is_corrected() -> None:
    exam, by_hand = an_exam(source="study"), an_exam()
    for each in (exam, by_hand):
        next_version(each, Part(subject="e", action="changed", participant="q", shift_days=14), LATER)
    assert (exam.participant, by_hand.participant) == ("p", "q")


@pytest.mark.parametrize(
    ("end", "minutes"),
    [
        ({"scheduled_end_time": "101500"}, 45),
        ({"scheduled_end_time": "1015"}, 45),
        ({"scheduled_end_date": "20261123", "scheduled_end_time": "003000"}, 900),
        ({"scheduled_end_time": "080000"}, None),  # before it begins
        ({"scheduled_end_date": "20261123"}, None),
        ({}, None),
    ],
)
def test_a_planned_length_needs_an_end_after_the_begin(end: dict[str, str], minutes: int | None) -> None:
    assert row(an_exam(**end))["planned_minutes"] == minutes


def test_an_exam_has_ended_when_its_last_step_has() -> None:
    assert row(an_exam(), done("1", 11), a_step("2"))["ended_local"] is None
    assert row(an_exam(), done("1", 12), done("2", 11))["ended_local"] == datetime(2026, 11, 22, 12)


def test_series_are_those_of_all_steps() -> None:
    told = row(an_exam(), done("1", series_count=3), done("2", series_count=4))
    assert (told["steps"], told["series"]) == (2, 7)


def test_the_last_reason_is_told() -> None:
    steps = done("1", 12, discontinuation_reason="110514"), done("2", 11, discontinuation_reason="110500")
    assert row(an_exam(), *steps)["discontinuation_reason"] == "110514"


def test_what_is_no_time_is_none() -> None:
    assert local("20261122093000") == datetime(2026, 11, 22, 9, 30)
    assert [local(text) for text in ("", "20261322093000", "x")] == [None] * 3


def changed(**fields: Any) -> Part:
    return Part(subject="e", action="changed", fields=fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"scheduled_start_time": "100000"},
        {"scheduled_start_date": "20261123"},
        {"scheduled_station_aetitle": "MR2"},
    ],
)
def test_a_new_day_time_or_scanner_is_listed_anew(fields: dict[str, str]) -> None:
    exam = an_exam(scheduled_station_aetitle="MR1")
    next_version(exam, changed(**fields), LATER)
    assert (exam.listed_at, exam.row_seen_at) == (LATER, LATER)


def test_what_changes_nothing_of_the_plan_is_listed_since_before() -> None:
    exam = an_exam()
    next_version(exam, changed(protocol_name="T2"), LATER)
    assert (exam.listed_at, exam.row_seen_at) == (AT, AT)


def test_of_an_exam_that_was_found_nobody_knows_since_when_it_is_listed() -> None:
    exam = ExamState()
    next_version(exam, Part(subject="e", action="found", fields={}), AT)
    assert (exam.listed_at, exam.row_seen_at) == (None, None)


def test_a_new_plan_of_which_nobody_knows_when_it_was_saved_forgets_the_one_before() -> None:
    exam = an_exam()
    next_version(exam, changed(scheduled_start_time="100000").model_copy(update={"saved_at": AT}), LATER)
    assert exam.saved_at == AT
    next_version(exam, changed(protocol_name="T2"), LATER)
    assert exam.saved_at == AT
    next_version(exam, changed(scheduled_start_time="110000"), LATER)
    assert exam.saved_at is None
