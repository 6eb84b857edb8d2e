"""The journal: what was accepted is never lost, and reaches the cloud in order."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_relay.journal import Journal
from edge_relay.mpps import event_from
from edge_relay.sync import push_once
from shared.errors import MwlError, NotFound, Rejected, Unavailable
from shared.procedure_step import (
    EventKind,
    EventResult,
    LinkedItem,
    ProcedureStepEvent,
    Refusal,
    Step,
    StepStatus,
)
from shared.worklist_item import Status
from tests.relay_rig import began, completed, discontinued, item

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)


def event(number: int, kind: EventKind, dataset: Any, uid: str = "2.25.1") -> ProcedureStepEvent:
    made = event_from(kind, uid, dataset, calling_aetitle="S", received_at=NOW, event_id=UUID(int=number).hex)
    assert isinstance(made, ProcedureStepEvent)
    return made


def create(number: int, uid: str = "2.25.1") -> ProcedureStepEvent:
    return event(number, EventKind.N_CREATE, began(item()), uid)


def complete(number: int, uid: str = "2.25.1") -> ProcedureStepEvent:
    return event(number, EventKind.N_SET, completed(), uid)


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def recorded(each: ProcedureStepEvent, **linked: int) -> EventResult:
    items = tuple(LinkedItem(item_id=key, feed_seq=seq) for key, seq in linked.items())
    return EventResult(event_id=each.event_id, outcome="recorded", items=items)


def test_an_accepted_event_is_due_and_survives_reopening(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.db")
    assert isinstance(first.append(create(1), ["a"]), Step)
    first.close()
    again = Journal(tmp_path / "journal.db")
    assert [e.event_id for e in again.due(10)] == [create(1).event_id]
    assert again.overlay()["a"].status is Status.IN_PROGRESS
    assert again.due(10)[0].item_id == "a"
    again.close()


def test_the_file_is_written_through_to_the_disk_and_closed_to_others(tmp_path: Path) -> None:
    opened = Journal(tmp_path / "journal.db")
    assert opened._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert opened._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "journal.db").stat().st_mode & 0o777 == 0o600
    opened.close()


def test_the_state_machine_decides_and_a_refused_event_leaves_no_trace(journal: Journal) -> None:
    refusal = journal.append(complete(1))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 0x0112
    journal.append(create(2))
    assert journal.append(create(3)) == Refusal(0x0111, "SOP Instance UID is already known")
    journal.append(complete(4))
    late = journal.append(complete(5))
    assert isinstance(late, Refusal)
    assert (late.status, late.error_id) == (0x0110, 0xA710)
    assert [e.event_id for e in journal.open_events()] == [create(2).event_id, complete(4).event_id]


def test_an_n_set_keeps_the_links_of_its_n_create(journal: Journal) -> None:
    journal.append(create(1), ["a", "b"])
    journal.append(complete(2))
    assert {key: entry.status for key, entry in journal.overlay().items()} == {
        "a": Status.COMPLETED,
        "b": Status.COMPLETED,
    }
    step = journal.step("2.25.1")
    assert step is not None
    assert (step.status, step.item_ids) == (StepStatus.COMPLETED, ("a", "b"))


def test_a_wrong_worklist_entry_puts_the_item_back(journal: Journal) -> None:
    journal.append(create(1), ["a"])
    journal.append(event(2, EventKind.N_SET, discontinued(wrong_entry=True)))
    assert journal.overlay()["a"].status is Status.SCHEDULED


def test_only_the_oldest_event_of_a_step_is_due(journal: Journal) -> None:
    journal.append(create(1))
    journal.append(complete(2))
    journal.append(create(3, "2.25.2"))
    assert [e.event_id for e in journal.due(10)] == [create(1).event_id, create(3).event_id]
    journal.record_result(recorded(create(1)))
    assert complete(2).event_id in [e.event_id for e in journal.due(10)]


def test_events_behind_a_parked_one_wait_until_it_is_retried(journal: Journal) -> None:
    journal.append(create(1))
    journal.append(complete(2))
    journal.park(create(1).event_id, "unknown site")
    assert journal.due(10) == []
    parked, held = journal.open_events()
    assert (parked.state, parked.reason, parked.held) == ("parked", "unknown site", False)
    assert (held.state, held.held) == ("pending", True)
    journal.retry(create(1).event_id)
    assert [e.event_id for e in journal.due(10)] == [create(1).event_id]
    with pytest.raises(NotFound):
        journal.retry(create(1).event_id)


def test_an_event_the_cloud_keeps_forgetting_does_not_crowd_out_others(journal: Journal) -> None:
    journal.append(create(1))
    journal.record_unanswered([create(1).event_id])
    journal.append(create(2, "2.25.2"))
    assert [e.event_id for e in journal.due(1)] == [create(2).event_id]


def test_the_overlay_ends_where_the_feed_shows_the_change(journal: Journal) -> None:
    journal.append(create(1), ["a"])
    assert journal.overlay()["a"].covers(99)
    journal.record_result(recorded(create(1), a=7))
    assert journal.overlay()["a"].covers(6)
    assert not journal.overlay()["a"].covers(7)


def test_a_confirmation_of_an_earlier_event_leaves_a_later_status_alone(journal: Journal) -> None:
    journal.append(create(1), ["a"])
    journal.append(complete(2))
    journal.record_result(recorded(create(1), a=7))
    assert journal.overlay()["a"].confirmed_seq is None
    assert journal.overlay()["a"].status is Status.COMPLETED


def test_a_full_disk_refuses_the_event_and_changes_nothing(journal: Journal) -> None:
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(1, 100):
            journal.append(create(number, f"2.25.{number}"), ["a"])

    with pytest.raises(Unavailable, match=r"journal\.db: could not be written"):
        fill()
    kept = journal.open_events()
    assert len(kept) < 99
    assert journal.step(f"2.25.{len(kept) + 1}") is None
    journal._db.execute("PRAGMA max_page_count = 100000")
    assert isinstance(journal.append(create(500, "2.25.500")), Step)


def test_a_journal_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "journal.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(Unavailable, match="format 99"):
        Journal(tmp_path / "journal.db")


class ScriptedCloud:
    """An intake that does as told, and keeps what a correct cloud would keep."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.refuse: set[str] = set()
        self.poison: set[str] = set()
        self.crashes_on: set[str] = set()
        self.kept: list[ProcedureStepEvent] = []

    def push(self, events: list[ProcedureStepEvent]) -> list[EventResult]:
        if self.mode == "down":
            raise Unavailable("down")
        if any(e.event_id in self.poison for e in events):
            raise Rejected("malformed")
        if any(e.event_id in self.crashes_on for e in events):
            raise Unavailable("500")
        results = [self._record(e) for e in events]
        if self.mode == "lost answer":
            raise Unavailable("the answer was lost")
        return results[1:] if self.mode == "first unanswered" else results

    def _record(self, each: ProcedureStepEvent) -> EventResult:
        if each.event_id in self.refuse:
            return EventResult(event_id=each.event_id, outcome="refused", reason="no")
        if each.event_id in {e.event_id for e in self.kept}:
            return EventResult(event_id=each.event_id, outcome="already_recorded")
        self.kept.append(each)
        return EventResult(event_id=each.event_id, outcome="recorded")


class OutboxMachine(RuleBasedStateMachine):
    """Any interleaving of accepting, pushing, faults, refusals, retries and crashes."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.db"
        self.journal = Journal(self.path)
        self.cloud = ScriptedCloud()
        self.accepted: dict[str, list[str]] = defaultdict(list)
        self.number = 0

    @rule(step=st.integers(1, 3), kind=st.sampled_from(["create", "complete"]))
    def scanner_reports(self, step: int, kind: str) -> None:
        self.number += 1
        uid = f"2.25.{step + 10 * (self.number // 12)}"
        each = create(self.number, uid) if kind == "create" else complete(self.number, uid)
        if isinstance(self.journal.append(each, ["a"]), Step):
            self.accepted[uid].append(each.event_id)

    @rule(mode=st.sampled_from(["ok", "down", "lost answer", "first unanswered"]), limit=st.integers(1, 3))
    def push(self, mode: str, limit: int) -> None:
        self.cloud.mode = mode
        try:
            push_once(self.cloud, self.journal, limit)
        except MwlError:
            assert mode in {"down", "lost answer"}

    @rule(poison=st.booleans())
    def cloud_dislikes_the_next(self, poison: bool) -> None:
        due = self.journal.due(1)
        if due:
            (self.cloud.poison if poison else self.cloud.refuse).add(due[0].event_id)

    @rule()
    def operator_retries(self) -> None:
        self.cloud.refuse.clear()
        self.cloud.poison.clear()
        for each in self.journal.open_events():
            if each.state == "parked":
                self.journal.retry(each.event_id)

    @rule()
    def process_crashes(self) -> None:
        self.journal.close()
        self.journal = Journal(self.path)

    @invariant()
    def each_step_is_delivered_in_order_and_once(self) -> None:
        delivered = defaultdict(list)
        for each in self.cloud.kept:
            delivered[each.sop_instance_uid].append(each.event_id)
        for uid, ids in delivered.items():
            assert ids == self.accepted[uid][: len(ids)]

    @invariant()
    def nothing_is_lost(self) -> None:
        delivered = {each.event_id for each in self.cloud.kept}
        waiting = {each.event_id for each in self.journal.open_events()}
        assert delivered | waiting == {each for ids in self.accepted.values() for each in ids}

    def teardown(self) -> None:
        self.operator_retries()
        self.cloud.mode = "ok"
        while push_once(self.cloud, self.journal, 2).delivered:
            pass
        assert self.journal.open_events() == []
        self.each_step_is_delivered_in_order_and_once()
        assert len(self.cloud.kept) == sum(map(len, self.accepted.values()))
        self.journal.close()
        self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestOutbox = OutboxMachine.TestCase
