"""The journal's SQL, statement by statement: what is due, what is open, and what may be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge_relay.mpps import journal_rows
from edge_relay.mpps.journal_file import open_journal
from edge_relay.worklist.overlay import Overlay
from shared.steps.procedure_step import ProcedureStepEvent, Step
from shared.steps.step_dataset import fold
from shared.worklist_item import Status
from tests.rigs.mpps import NOW, began, completed, event

HOUR = timedelta(hours=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_journal(tmp_path / "journal.db")) as opened:
        yield opened


def write(db: sqlite3.Connection, one: ProcedureStepEvent, *item_ids: str) -> ProcedureStepEvent:
    step = fold(journal_rows.stored_step(db, one.sop_instance_uid), one)
    assert isinstance(step, Step)
    journal_rows.insert(db, one, step.model_copy(update={"item_ids": step.item_ids or item_ids}), None)
    return one


def mark(db: sqlite3.Connection, state: str, *events: ProcedureStepEvent) -> None:
    for one in events:
        db.execute("UPDATE events SET state = ? WHERE event_id = ?", (state, one.event_id))


def due(db: sqlite3.Connection) -> list[str]:
    return [each.event.event_id for each in journal_rows.due(db, 10) if each.event]


def test_of_each_step_only_the_oldest_open_event_is_due(db: sqlite3.Connection) -> None:
    first, second = write(db, event(1, began(), "2.25.1")), write(db, event(2, completed(), "2.25.1"))
    other = write(db, event(3, began(), "2.25.2"))
    assert due(db) == [first.event_id, other.event_id]
    mark(db, "delivered", first)
    assert due(db) == [second.event_id, other.event_id]


def test_behind_a_parked_event_nothing_of_its_step_is_due(db: sqlite3.Connection) -> None:
    first, _ = write(db, event(1, began(), "2.25.1")), write(db, event(2, completed(), "2.25.1"))
    mark(db, "parked", first)
    assert due(db) == []


def test_what_was_tried_least_goes_first(db: sqlite3.Connection) -> None:
    tired, fresh = write(db, event(1, began(), "2.25.1")), write(db, event(2, began(), "2.25.2"))
    db.execute("UPDATE events SET attempts = 2 WHERE event_id = ?", (tired.event_id,))
    assert due(db) == [fresh.event_id, tired.event_id]


def test_an_event_is_held_only_behind_a_parked_one_of_its_own_step(db: sqlite3.Connection) -> None:
    first = write(db, event(1, began(), "2.25.1"))
    write(db, event(2, completed(), "2.25.1"))
    write(db, event(3, began(), "2.25.2"))
    mark(db, "parked", first)
    found = [(each.state, each.held) for each in journal_rows.open_events(db)]
    assert found == [("parked", False), ("pending", True), ("pending", False)]


def ended(db: sqlite3.Connection, uid: str, at: timedelta) -> list[ProcedureStepEvent]:
    return [
        write(
            db, event(n, dataset, uid).model_copy(update={"received_at": NOW + at + n * timedelta(minutes=1)})
        )
        for n, dataset in ((int(uid[-1]) * 10, began()), (int(uid[-1]) * 10 + 1, completed()))
    ]


def test_a_step_is_over_once_it_ended_is_delivered_whole_and_old(db: sqlite3.Connection) -> None:
    mark(db, "delivered", *ended(db, "2.25.1", -48 * HOUR))
    assert journal_rows.over_before(db, NOW) == ["2.25.1"]


def test_a_step_that_runs_is_never_over(db: sqlite3.Connection) -> None:
    mark(db, "delivered", write(db, event(1, began(), "2.25.1")))
    assert journal_rows.over_before(db, NOW + 48 * HOUR) == []


@pytest.mark.parametrize("state", ["pending", "parked"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_step_is_not_over_while_the_cloud_lacks_an_event(
    db: sqlite3.Connection, state: str, which: int
) -> None:
    events = ended(db, "2.25.1", -48 * HOUR)
    mark(db, "delivered", *events)
    mark(db, state, events[which])
    assert journal_rows.over_before(db, NOW) == []


def test_a_step_is_as_old_as_its_last_event(db: sqlite3.Connection) -> None:
    first, last = ended(db, "2.25.1", -48 * HOUR)
    mark(db, "delivered", first, last)
    assert journal_rows.over_before(db, last.received_at) == []
    assert journal_rows.over_before(db, last.received_at + timedelta(seconds=1)) == ["2.25.1"]


def test_a_status_is_confirmed_once_no_event_of_any_step_of_the_item_is_open(db: sqlite3.Connection) -> None:
    first, second = write(db, event(1, began(), "2.25.1"), "a"), write(db, event(2, began(), "2.25.2"), "a")
    mark(db, "delivered", first)
    journal_rows.confirm(db, ["a"], {"a": 5})
    assert journal_rows.stored_overlay(db)["a"].confirmed_seq is None
    mark(db, "delivered", second)
    journal_rows.confirm(db, ["a"], {"a": 6})
    assert journal_rows.stored_overlay(db)["a"] == Overlay(Status.IN_PROGRESS, second.event_id, 6)


def test_a_confirmation_without_a_number_is_zero(db: sqlite3.Connection) -> None:
    mark(db, "delivered", write(db, event(1, began(), "2.25.1"), "a"))
    journal_rows.confirm(db, ["a"], {})
    assert journal_rows.stored_overlay(db)["a"].confirmed_seq == 0


def test_moments_sort_as_text_whatever_their_zone() -> None:
    later = NOW.astimezone().replace(microsecond=0) + HOUR
    assert journal_rows.stamp(NOW) < journal_rows.stamp(later)
    assert journal_rows.stamp(NOW).endswith("+00:00")
