"""Pushing to a cloud that is scripted in Python: what it refuses, leaves unanswered, or breaks on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_relay.exchange.push import NOTHING_DUE, push_once
from edge_relay.mpps.journal import Journal
from shared.errors import Unavailable
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, complete, create


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def test_nothing_due_calls_nobody(journal: Journal) -> None:
    assert push_once(ScriptedCloud(), journal, 10) == NOTHING_DUE


def test_a_rejected_batch_is_sent_one_by_one_and_only_the_bad_event_is_parked(journal: Journal) -> None:
    for number in (1, 2, 3):
        journal.append(create(number, f"2.25.{number}"))
    cloud = ScriptedCloud()
    cloud.poison = {create(2).event_id}
    outcome = push_once(cloud, journal, 10)
    assert (outcome.delivered, outcome.parked) == (2, 1)
    (left,) = journal.open_events()
    assert (left.event_id, left.state, left.reason) == (create(2).event_id, "parked", "malformed")


def test_an_event_without_a_result_stays_pending_and_is_counted(journal: Journal) -> None:
    journal.append(create(1))
    journal.append(complete(2))
    cloud = ScriptedCloud()
    cloud.mode = "first unanswered"
    assert push_once(cloud, journal, 10).unanswered == 1
    assert [(e.state, e.attempts) for e in journal.open_events()] == [("pending", 1), ("pending", 0)]


def test_an_event_the_cloud_crashes_on_does_not_hold_up_the_others(journal: Journal) -> None:
    for number in (1, 2, 3):
        journal.append(create(number, f"2.25.{number}"))
    cloud = ScriptedCloud()
    cloud.crashes_on = {create(1).event_id}
    for _ in range(10):
        with suppress(Unavailable):
            push_once(cloud, journal, 10)
    assert [each.event_id for each in cloud.kept] == [create(2).event_id, create(3).event_id]
    assert [each.state for each in journal.open_events()] == ["pending"]
