"""The journal: what was accepted is never lost, and reaches the cloud in order."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_relay.exchange.answers import Away
from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import push_once
from edge_relay.mpps import journal_rows
from edge_relay.mpps.event import MIX_UP, with_warnings
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_reader import JournalReader
from shared.errors import MwlError, NotFound, Rejected
from shared.steps.procedure_step import EventResult, LinkedItem, ProcedureStepEvent, Refusal, Step, StepStatus
from shared.worklist_item import Status
from tests.rigs.mpps import NOW, again, began, completed, discontinued, event, progress, with_images

MINUTE = timedelta(minutes=1)


def create(number: int, uid: str = "2.25.1") -> ProcedureStepEvent:
    return event(number, began(), uid)


def complete(number: int, uid: str = "2.25.1") -> ProcedureStepEvent:
    return event(number, completed(), uid)


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
    assert opened._file.db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert opened._file.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
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
    journal.append(event(2, discontinued(wrong_entry=True)))
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


def test_several_events_share_one_commit_and_a_refusal_undoes_none_of_them(journal: Journal) -> None:
    with journal.batch() as batch:
        assert isinstance(batch.append(create(1), ["a"]), Step)
        assert isinstance(batch.append(complete(2, "2.25.2")), Refusal)
        assert isinstance(batch.append(complete(3)), Step)
        assert journal.overlay() == {}  # not before the commit
    assert [each.event_id for each in journal.open_events()] == [create(1).event_id, complete(3).event_id]
    assert journal.overlay()["a"].status is Status.COMPLETED


def test_an_event_that_fails_undoes_itself_and_an_error_of_the_block_all_of_it(journal: Journal) -> None:
    with journal.batch() as batch:
        batch.append(create(1), ["a"])
        with pytest.raises(sqlite3.IntegrityError):
            batch.append(create(1, "2.25.2"), ["b"])  # an event id cannot be there twice
        assert batch.step("2.25.2") is None
    assert set(journal.overlay()) == {"a"}

    def fail() -> None:
        with journal.batch() as batch:
            batch.append(complete(2))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    step = journal.step("2.25.1")
    assert step is not None
    assert step.status is StepStatus.IN_PROGRESS
    assert journal.overlay()["a"].status is Status.IN_PROGRESS


def test_an_event_half_written_is_undone_alone(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(db: sqlite3.Connection, step: Step) -> None:
        raise ZeroDivisionError

    with journal.batch() as batch:
        batch.append(create(1))
        with monkeypatch.context() as patched:
            patched.setattr(journal_rows, "link", broken)
            with pytest.raises(ZeroDivisionError):
                batch.append(create(2, "2.25.2"))
        batch.append(create(3, "2.25.3"))
    assert [each.sop_instance_uid for each in journal.open_events()] == ["2.25.1", "2.25.3"]


def test_an_item_shows_what_all_its_steps_amount_to(journal: Journal) -> None:
    journal.append(create(1), ["a", "b"])
    journal.append(complete(2))
    journal.append(create(3, "2.25.2"), ["a"])
    assert {key: entry.status for key, entry in journal.overlay().items()} == {
        "a": Status.IN_PROGRESS,
        "b": Status.COMPLETED,
    }
    journal.append(event(4, discontinued(wrong_entry=True), "2.25.2"))
    assert journal.overlay()["a"].status is Status.COMPLETED


def test_an_overlay_stays_while_the_cloud_lacks_an_event_of_any_step_of_the_item(journal: Journal) -> None:
    journal.append(create(1), ["a"])
    journal.append(create(2, "2.25.2"), ["a"])
    journal.append(complete(3, "2.25.2"))
    journal.park(create(1).event_id, "no")
    journal.record_result(recorded(create(2), a=5))
    journal.record_result(recorded(complete(3), a=6))
    # The cloud believes the item completed: it has not heard of the step that still runs.
    assert journal.overlay()["a"] == (Status.IN_PROGRESS, complete(3).event_id, None)
    journal.record_result(recorded(create(1), a=7))
    assert journal.overlay()["a"].confirmed_seq == 7


def test_items_the_cloud_linked_a_step_to_are_the_steps_from_then_on(journal: Journal) -> None:
    journal.append(create(1))
    journal.record_result(recorded(create(1), a=7))
    assert journal.overlay() == {}  # the feed shows it
    journal.append(complete(2))
    assert journal.overlay()["a"].status is Status.COMPLETED
    assert journal.due(1)[0].item_ids == ("a",)


def test_every_item_travels_with_the_event(journal: Journal) -> None:
    journal.append(create(1), ["a", "b"])
    [due] = journal.due(1)
    assert (due.item_id, due.item_ids) == ("a", ("a", "b"))


def test_the_attributes_of_a_step_are_what_all_its_events_left(journal: Journal) -> None:
    assert journal.attributes("2.25.1") is None
    journal.append(create(1))
    journal.append(event(2, progress()))
    journal.append(complete(3))
    held = journal.attributes("2.25.1")
    assert held is not None
    assert held["00400252"]["Value"] == ["COMPLETED"]
    assert held["00400244"]["Value"] == ["20261122"]
    assert len(held["00400340"]["Value"]) == 1


def test_what_is_due_at_once_is_bounded_in_bytes_but_never_nothing(journal: Journal) -> None:
    comment = {"00400280": {"vr": "LT", "Value": ["x" * 700_000]}}
    long = complete(0).model_copy(update={"dataset": {**complete(0).dataset, **comment}})
    for number in range(3):
        uid = f"2.25.{number + 1}"
        journal.append(create(number, uid))
        journal.append(again(long, number + 10, uid))
        journal.record_result(recorded(create(number)))
    assert len(journal.due(100)) == 1
    assert len(journal.open_events()) == 3


def test_an_event_larger_than_a_push_goes_alone(journal: Journal) -> None:
    comment = {"00400280": {"vr": "ST", "Value": ["x" * (1 << 20)]}}
    small, large = create(1, "2.25.1"), create(2, "2.25.2")
    large = large.model_copy(update={"dataset": {**large.dataset, **comment}})
    journal.append(large)
    journal.append(small)
    assert [each.event_id for each in journal.due(10)] == [large.event_id]


def test_an_overlay_ends_with_the_event_it_is_of_and_a_newer_one_stays(journal: Journal) -> None:
    journal.append(create(1, "2.25.1"), ["a"])
    journal.append(create(2, "2.25.2"), ["b"])
    shown = journal.overlay()
    journal.append(complete(3, "2.25.1"))
    journal.end_overlay(shown)
    assert {key: each.status for key, each in journal.overlay().items()} == {"a": Status.COMPLETED}


def test_who_sends_is_woken_by_what_was_accepted_and_by_nothing_else(tmp_path: Path) -> None:
    woken: list[str] = []
    opened = Journal(tmp_path / "journal.db", on_append=lambda: woken.append("now"))
    opened.append(create(1))
    assert woken == ["now"]
    opened.append(create(2))  # the same step again: refused
    with opened.batch():
        pass
    assert woken == ["now"]
    opened.close()


def test_what_was_wrong_is_listed_newest_first(journal: Journal, tmp_path: Path) -> None:
    journal.append(create(1), ["a"])
    wrong = with_warnings(event(2, discontinued(wrong_entry=True)), [MIX_UP])
    journal.append(wrong)
    reader = JournalReader(tmp_path / "journal.db")
    [found] = reader.warned_events(10)
    assert (found.event_id, found.calling_aetitle, found.warnings) == (wrong.event_id, "SCANNER1", (MIX_UP,))
    reader.close()


def test_pruning_takes_only_what_ended_was_delivered_and_is_old(journal: Journal) -> None:
    old, new = NOW, NOW + 10 * MINUTE
    for number, (uid, last, at) in enumerate(
        [
            ("2.25.1", completed(), old),
            ("2.25.2", completed(), new),
            ("2.25.3", None, old),  # still in progress
            ("2.25.4", completed(), old),  # not delivered
        ]
    ):
        journal.append(event(number, began(), uid, received_at=old), ["a"])
        journal.record_result(recorded(create(number)))
        if last is not None:
            journal.append(event(number + 10, last, uid, received_at=at))
            if uid != "2.25.4":
                journal.record_result(recorded(complete(number + 10)))
    assert journal.prune(NOW + MINUTE) == 2
    assert journal.prune(NOW + MINUTE) == 0
    assert journal.attributes("2.25.1") is None
    for uid in ("2.25.2", "2.25.3", "2.25.4"):
        assert journal.attributes(uid) is not None
    late = journal.append(complete(50, "2.25.1"))
    assert isinstance(late, Refusal)
    assert late.error_id == 0xA710
    assert journal.append(create(51, "2.25.1")) == Refusal(0x0111, "SOP Instance UID is already known")


def test_what_pruning_frees_is_used_again(journal: Journal, tmp_path: Path) -> None:
    first_event, last_event = create(0), event(0, with_images(50))

    def month(first: int) -> int:
        for number in range(first, first + 150):
            uid = f"2.25.{number + 1}"
            for each in (again(first_event, 2 * number, uid), again(last_event, 2 * number + 1, uid)):
                journal.append(each)
                journal.record_result(recorded(each))
        assert journal.prune(NOW + MINUTE) == 300
        journal._file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (tmp_path / "journal.db").stat().st_size

    first = month(0)
    assert month(200) < first * 1.2


class ScriptedCloud:
    """An intake that does as told, and keeps what a correct cloud would keep."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.refuse: set[str] = set()
        self.poison: set[str] = set()
        self.crashes_on: set[str] = set()
        self.kept: list[ProcedureStepEvent] = []

    def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
        if self.mode == "down":
            raise Away("down")
        if any(e.event_id in self.poison for e in events):
            raise Rejected("malformed")
        if any(e.event_id in self.crashes_on for e in events):
            raise Away("500", too_much=True)
        results = [self._record(e) for e in events]
        if self.mode == "lost answer":
            raise Away("the answer was lost", too_much=True)
        return results[1:] if self.mode == "first unanswered" else results

    def _record(self, each: ProcedureStepEvent) -> EventResult:
        if each.event_id in self.refuse:
            return EventResult(event_id=each.event_id, outcome="refused", reason="no")
        if each.event_id in {e.event_id for e in self.kept}:
            return EventResult(event_id=each.event_id, outcome="already_recorded")
        self.kept.append(each)
        return EventResult(event_id=each.event_id, outcome="recorded")


def test_events_that_went_unanswered_go_one_by_one_and_after_the_others(journal: Journal) -> None:
    first, second, fresh = create(1, "2.25.1"), create(2, "2.25.2"), create(3, "2.25.3")
    for each in (first, second, fresh):
        journal.append(each)
    journal.record_unanswered([first.event_id, second.event_id])
    assert [each.event_id for each in journal.due(10)] == [fresh.event_id]
    journal.record_result(recorded(fresh))
    assert [each.event_id for each in journal.due(10)] == [first.event_id]


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
            push_once(self.cloud, self.journal, Portion(limit))
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
        while push_once(self.cloud, self.journal, Portion(2)).delivered:
            pass
        assert self.journal.open_events() == []
        self.each_step_is_delivered_in_order_and_once()
        assert len(self.cloud.kept) == sum(map(len, self.accepted.values()))
        self.journal.close()
        self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestOutbox = pytest.mark.slow(OutboxMachine.TestCase)
