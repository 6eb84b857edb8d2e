"""Pushing to a cloud that is scripted in Python: what it refuses, leaves unanswered, or breaks on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_relay.exchange.answers import Away
from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import NOTHING_DUE, push_exchange, push_once
from edge_relay.mpps.journal import Journal
from shared.errors import Unavailable
from shared.steps.procedure_step import EventResult, ProcedureStepEvent
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, complete, create


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def test_nothing_due_calls_nobody(journal: Journal) -> None:
    assert push_once(ScriptedCloud(), journal, Portion(10)) == NOTHING_DUE


def test_a_rejected_batch_is_sent_one_by_one_and_only_the_bad_event_is_parked(journal: Journal) -> None:
    for number in (1, 2, 3):
        journal.append(create(number, f"2.25.{number}"))
    cloud = ScriptedCloud()
    cloud.poison = {create(2).event_id}
    outcome = push_once(cloud, journal, Portion(10))
    assert (outcome.delivered, outcome.parked) == (2, 1)
    (left,) = journal.open_events()
    assert (left.event_id, left.state, left.reason) == (create(2).event_id, "parked", "malformed")


def test_an_event_without_a_result_stays_pending_and_is_counted(journal: Journal) -> None:
    journal.append(create(1))
    journal.append(complete(2))
    cloud = ScriptedCloud()
    cloud.mode = "first unanswered"
    assert push_once(cloud, journal, Portion(10)).unanswered == 1
    assert [(e.state, e.attempts) for e in journal.open_events()] == [("pending", 1), ("pending", 0)]


def test_an_event_the_cloud_crashes_on_does_not_hold_up_the_others(journal: Journal) -> None:
    for number in (1, 2, 3):
        journal.append(create(number, f"2.25.{number}"))
    cloud = ScriptedCloud()
    cloud.crashes_on = {create(1).event_id}
    portion = Portion(10)
    for _ in range(10):
        with suppress(Unavailable):
            push_once(cloud, journal, portion)
    assert [each.event_id for each in cloud.kept] == [create(2).event_id, create(3).event_id]
    assert [each.state for each in journal.open_events()] == ["pending"]


class SlowCloud(ScriptedCloud):
    """Takes its time for each event; a call it does not manage in time leaves no answer, and all recorded."""

    def __init__(self, manages: int) -> None:
        super().__init__()
        self.manages = manages
        self.sizes: list[int] = []

    def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
        self.sizes.append(len(events))
        results = super().push(events)
        if len(events) > self.manages:
            raise Away("did not answer in time", too_much=True)
        return results


def drain(journal: Journal, cloud: ScriptedCloud, portion: Portion, most_calls: int) -> None:
    for _ in range(most_calls):
        with suppress(Unavailable):
            if push_once(cloud, journal, portion) == NOTHING_DUE:
                return
    raise AssertionError("the backlog never drained")


def backlog(journal: Journal, count: int) -> None:
    with journal.batch() as batch:
        for number in range(count):
            batch.append(create(number, f"2.25.{number}"))


@pytest.mark.parametrize("manages", [1, 2, 7, 33])
def test_a_backlog_drains_through_a_cloud_too_slow_for_a_full_batch(journal: Journal, manages: int) -> None:
    backlog(journal, 60)
    cloud = SlowCloud(manages)
    drain(journal, cloud, Portion(50), most_calls=200)
    assert [event.event_id for event in cloud.kept] == [create(number).event_id for number in range(60)]
    assert journal.open_events() == []


@pytest.mark.parametrize("fault", [Away("could not be reached"), Away("503", retry_after=2)])
def test_an_outage_is_no_attempt_and_afterwards_batches_are_full_and_oldest_first(
    journal: Journal, fault: Away
) -> None:
    backlog(journal, 200)
    cloud, portion = SlowCloud(1000), Portion(50)

    class Down:
        def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
            raise fault

    for _ in range(12):
        with pytest.raises(Away):
            push_once(Down(), journal, portion)
    assert {event.attempts for event in journal.open_events()} == {0}
    drain(journal, cloud, portion, most_calls=5)
    assert cloud.sizes == [50, 50, 50, 50]
    assert [event.event_id for event in cloud.kept] == [create(number).event_id for number in range(200)]


def test_what_the_cloud_had_no_time_for_is_no_suspect(journal: Journal) -> None:
    backlog(journal, 4)

    class HalfDone(ScriptedCloud):
        def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
            return super().push(events)[:2]

    assert push_once(HalfDone(), journal, Portion(50)) == (2, 0, 2)
    assert {event.attempts for event in journal.open_events()} == {0}


def test_what_was_answered_in_part_is_no_failure_and_goes_on_at_once(journal: Journal) -> None:
    backlog(journal, 4)

    class HalfDone(ScriptedCloud):
        def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
            return super().push(events)[:2]

    exchange_once = push_exchange(HalfDone(), journal, 50, timedelta(days=30), lambda: datetime.now(UTC))
    assert [exchange_once(), exchange_once(), exchange_once()] == [True, True, False]


def test_what_was_sent_long_ago_is_forgotten_once_a_day(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    before: list[datetime] = []
    monkeypatch.setattr(journal, "prune", before.append)
    exchange = push_exchange(ScriptedCloud(), journal, 10, timedelta(days=30), lambda: moment)
    for hours in (0, 1, 22, 1, 1):
        moment += timedelta(hours=hours)
        exchange()
    first = datetime(2026, 11, 22, tzinfo=UTC) - timedelta(days=30)
    assert before == [first, first + timedelta(days=1)]


def test_while_there_is_always_more_to_send_the_journal_is_settled_now_and_then_and_at_its_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    backlog(journal, 12)
    settled: list[datetime] = []
    monkeypatch.setattr(journal, "checkpoint", lambda: settled.append(moment))
    exchange = push_exchange(ScriptedCloud(), journal, 1, timedelta(days=30), lambda: moment)
    began = moment
    while exchange():
        moment += timedelta(seconds=1)
    assert [(each - began).seconds for each in settled] == [0, 5, 10, 12]


def test_a_clock_that_is_set_back_does_not_keep_the_journal_from_being_settled(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    backlog(journal, 3)
    settled: list[datetime] = []
    monkeypatch.setattr(journal, "checkpoint", lambda: settled.append(moment))
    exchange = push_exchange(ScriptedCloud(), journal, 1, timedelta(days=30), lambda: moment)
    exchange()
    moment -= timedelta(days=1)
    exchange()
    assert len(settled) == 2
