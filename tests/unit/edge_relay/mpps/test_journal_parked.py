"""Parked events: they freeze nothing for good, and a person may discard them, with a reason that is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_parked import Discarding, discard, note_told, untold, yield_to_cloud
from edge_relay.mpps.journal_reader import JournalReader
from shared.errors import NotFound, Rejected
from shared.steps.procedure_step import EventResult, ProcedureStepEvent, StepStatus
from shared.worklist_item import Status
from tests.rigs.mpps import began, completed, event, progress

UID = "2.25.1"
HOW = Discarding("anna", datetime(2026, 11, 27, 12, 0, tzinfo=UTC), "scanned in the wrong project")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.db")) as opened:
        yield opened


def delivered(journal: Journal, made: ProcedureStepEvent) -> None:
    journal.record_result(EventResult(event_id=made.event_id, outcome="recorded"))


def refused(journal: Journal, made: ProcedureStepEvent) -> None:
    journal.record_result(EventResult(event_id=made.event_id, outcome="refused", reason="unknown site"))


def story(journal: Journal) -> tuple[ProcedureStepEvent, ProcedureStepEvent]:
    """Begin a step that the cloud has, and end it with an event that the cloud refuses."""
    create, end = event(1, began(), UID), event(2, completed(), UID)
    journal.append(create, ["item"])
    delivered(journal, create)
    journal.append(end)
    refused(journal, end)
    return create, end


def test_what_a_parked_event_says_lies_over_the_item_until_the_cloud_changes_it(journal: Journal) -> None:
    story(journal)
    assert not journal.confirmed_overlay()
    yield_to_cloud(journal, {"item": 7}.get)
    (entry,) = journal.overlay().values()
    assert entry.status is Status.COMPLETED
    assert entry.covers(7)
    assert not entry.covers(8)


def test_an_item_that_is_not_held_any_more_is_not_overlaid(journal: Journal) -> None:
    story(journal)
    yield_to_cloud(journal, lambda _: None)
    assert [entry.confirmed_seq for entry in journal.confirmed_overlay().values()] == [0]


def test_what_is_on_its_way_is_not_given_way_to(journal: Journal) -> None:
    story(journal)
    other = event(3, began(), "2.25.2")
    journal.append(other, ["item"])
    yield_to_cloud(journal, {"item": 7}.get)
    assert not journal.confirmed_overlay()
    delivered(journal, other)
    yield_to_cloud(journal, {"item": 7}.get)
    assert journal.confirmed_overlay()


def test_what_waits_behind_a_parked_event_is_not_on_its_way(journal: Journal) -> None:
    create, end = event(1, began(), UID), event(2, completed(), UID)
    journal.append(create, ["item"])
    journal.append(end)
    refused(journal, create)
    yield_to_cloud(journal, {"item": 7}.get)
    assert journal.confirmed_overlay()


def test_the_next_report_of_the_scanner_lies_over_it_again(journal: Journal) -> None:
    story(journal)
    yield_to_cloud(journal, {"item": 7}.get)
    journal.append(event(3, began(), "2.25.2"), ["item"])
    assert journal.overlay()["item"].confirmed_seq is None


def test_a_discarded_end_leaves_the_step_as_the_cloud_has_it(journal: Journal, tmp_path: Path) -> None:
    _, end = story(journal)
    assert discard(journal, end.event_id, HOW) == [end.event_id]
    assert journal.open_events() == []
    assert journal.overlay() == {}
    step = journal.step(UID)
    assert step is not None
    assert step.status is StepStatus.IN_PROGRESS
    with closing(JournalReader(tmp_path / "journal.db")) as reader:
        (kept,) = reader.discarded()
    assert kept[:3] == (end.event_id, UID, "N-SET")
    assert kept[4:] == ("unknown site", "2026-11-27T12:00:00+00:00", "anna", HOW.because)


def test_a_discarded_beginning_takes_along_what_came_after_it(journal: Journal, tmp_path: Path) -> None:
    made = [event(1, began(), UID), event(2, progress(), UID), event(3, completed(), UID)]
    other = event(4, began(), "2.25.2")
    for each in made:
        journal.append(each, ["item"])
    journal.append(other, ["item"])
    refused(journal, made[0])
    delivered(journal, other)
    assert discard(journal, made[0].event_id, HOW) == [each.event_id for each in made]
    assert journal.step(UID) is None
    assert journal.open_events() == []
    assert journal.overlay() == {}
    journal.append(event(5, completed(), "2.25.2"))
    assert journal.overlay()["item"].status is Status.COMPLETED
    with closing(JournalReader(tmp_path / "journal.db")) as reader:
        assert len(reader.discarded()) == 3


@pytest.mark.parametrize("event_id", ["0" * 32, event(1, began(), UID).event_id])
def test_only_what_is_parked_can_be_discarded(journal: Journal, event_id: str) -> None:
    story(journal)
    with pytest.raises(NotFound, match="parked"):
        discard(journal, event_id, HOW)


@pytest.mark.parametrize("because", ["", "  ", "x" * 501])
def test_a_reason_must_be_given(journal: Journal, because: str) -> None:
    _, end = story(journal)
    with pytest.raises(Rejected, match="reason"):
        discard(journal, end.event_id, HOW._replace(because=because))
    assert len(journal.open_events()) == 1


def test_what_was_discarded_is_told_until_the_cloud_has_recorded_it(journal: Journal) -> None:
    _, end = story(journal)
    discard(journal, end.event_id, HOW)
    for _ in range(2):
        (each,) = untold(journal, 50)
        assert (each.event_id, each.discarded_by, each.because) == (end.event_id, "anna", HOW.because)
    note_told(journal, ["another"])
    assert untold(journal, 50)
    note_told(journal, [end.event_id])
    assert untold(journal, 50) == []
    assert untold(journal, 0) == []


def test_what_an_earlier_version_discarded_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal(path)) as before:
        _, end = story(before)
        discard(before, end.event_id, HOW)
    with closing(sqlite3.connect(path)) as old:
        old.execute("ALTER TABLE discarded DROP COLUMN told")
        old.execute("PRAGMA user_version = 5")
        old.commit()
    with closing(Journal(path)) as now:
        assert [each.event_id for each in untold(now, 50)] == [end.event_id]
