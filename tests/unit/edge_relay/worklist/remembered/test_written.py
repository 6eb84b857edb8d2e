"""An answer is used again for the very same row, and for no other; and all of it together stays small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from edge_relay.worklist.overlay import Overlay
from edge_relay.worklist.remembered.written import Room, Written
from shared.worklist_item import Status
from tests.rigs.relay import item
from tests.rigs.worklist import Worklist, asking, step


class Answer(NamedTuple):
    identifier: bytes


ROW = ("a", 1, "SCHEDULED", 1, b"blob", 7)


@pytest.mark.parametrize(
    "changed",
    [
        ("a", 2, "SCHEDULED", 1, b"blob", 7),
        ("a", 1, "READY", 1, b"blob", 7),
        ("a", 1, "SCHEDULED", 0, b"blob", 7),
        ("a", 1, "SCHEDULED", 1, b"blot", 7),
        ("a", 1, "SCHEDULED", 1, b"blob", 8),
        ("b", 1, "SCHEDULED", 1, b"blob", 7),
    ],
)
def test_a_row_that_differs_in_anything_has_no_answer_yet(changed: tuple[object, ...]) -> None:
    written: Written[Answer] = Written(Room())
    written.keep(ROW, Answer(b"x"))
    assert written.of(tuple(ROW)) == Answer(b"x")
    assert written.of(changed) is None


def test_a_changed_item_takes_the_place_of_the_one_before() -> None:
    written: Written[Answer] = Written(Room())
    written.keep(ROW, Answer(b"old"))
    newer = (*ROW[:4], b"newer", 9)
    written.keep(newer, Answer(b"new"))
    assert (written.of(ROW), written.of(newer)) == (None, Answer(b"new"))


def test_a_full_room_is_emptied_for_all_plans() -> None:
    room = Room(most=10_000)
    one: Written[Answer] = Written(room)
    other: Written[Answer] = Written(room)
    one.keep(ROW, Answer(b"x" * 4000))
    other.keep(ROW, Answer(b"y" * 4000))
    assert one.of(ROW) is not None
    other.keep(("b", *ROW[1:]), Answer(b"z" * 4000))
    assert other.of(ROW) is None
    assert one.of(ROW) is None, "although nobody asks it any more"


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[Worklist]:
    opened = Worklist(tmp_path, item("a"), item("b"))
    yield opened
    opened.close()


ASKED = step(ScheduledProcedureStepStatus="", Modality="")


def answers(worklist: Worklist) -> list[bytes]:
    return [each.identifier for each in worklist.find(ASKED).answers if each]


def test_the_second_time_the_answers_are_the_same(worklist: Worklist) -> None:
    assert answers(worklist) == answers(worklist)
    assert len(answers(worklist)) == 2


def test_what_has_changed_is_answered_anew_also_with_the_same_change_number(worklist: Worklist) -> None:
    before = answers(worklist)
    worklist.put(item("a", modality="CT"), item("b"))
    after = answers(worklist)
    assert (after[1], b"CT" in after[0]) == (before[1], True)


def test_a_status_laid_over_is_answered_and_forgotten_with_it(worklist: Worklist) -> None:
    before = answers(worklist)
    worklist.overlay = {"a": Overlay(Status.IN_PROGRESS, "event", None)}
    assert [b"STARTED" in each for each in answers(worklist)] == [True, False]
    worklist.overlay = {}
    assert answers(worklist) == before


def test_a_value_asked_for_still_selects(worklist: Worklist) -> None:
    everything = asking(PatientName="", PatientID="")
    assert len(worklist.answers(everything)) == 2
    assert worklist.answers(asking(PatientName="Nobody", PatientID="")) == []
    assert len(worklist.answers(everything)) == 2
