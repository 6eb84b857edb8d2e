from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.history.facts.fact import Part
from lambdas.history.rows.state import ExamState, StepState
from lambdas.history.rows.steps import next_version, scanner_of, step_row


def a_step(**fields: Any) -> StepState:
    step = StepState()
    part = Part(subject="x", action="reported", fields={"status": "IN_PROGRESS", **fields}, exams=("a", "b"))
    next_version(step, part)
    return step


def test_a_link_adds_an_exam_and_taking_it_back_removes_it() -> None:
    step = a_step()
    next_version(step, Part(subject="x", action="linked", linked="c"))
    assert step.exams == ("a", "b", "c")
    next_version(step, Part(subject="x", action="unlinked", linked="a"))
    assert [*step.exams, step.version] == ["b", "c", 3]


def test_a_link_said_twice_is_said_once() -> None:
    step = a_step()
    next_version(step, Part(subject="x", action="linked", linked="a"))
    assert sorted(step.exams) == ["a", "b"]


def test_the_scanner_is_who_the_step_names_else_who_sent_it() -> None:
    assert scanner_of(a_step(calling_aetitle="MR1")) == "MR1"
    assert scanner_of(a_step(calling_aetitle="GATEWAY", station_aetitle="MR2")) == "MR2"


def test_a_row_tells_the_exam_and_whose_it_is() -> None:
    exam = ExamState(fields={"source": "study"}, participant="p")
    ended = "2026-11-22T10:15:00"
    row = step_row("x", a_step(ended_at=ended, image_count=9), exam, UTC, "north")
    assert (row["exam"], row["exams"], row["study"], row["participant"]) == ("a", 2, "study", "p")
    assert (row["ended_at"], row["images"], row["started_at"]) == (datetime(2026, 11, 22, 10, 15), 9, None)
