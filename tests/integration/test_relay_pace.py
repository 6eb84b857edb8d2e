"""At night a relay asks as seldom as the cloud says, until a scanner asks, and nobody is alarmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_relay.client import scu
from edge_relay.health import status
from edge_relay.relay import Relay
from tests.rigs.relay import FakeCloud, began, eventually, item, names, query, running_relay, scanner


@pytest.fixture
def night() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        running.put(item("a"))
        running.poll_interval = "3600"
        yield running


@pytest.fixture
def relay(tmp_path: Path, night: FakeCloud) -> Iterator[Relay]:
    """A relay that has pulled all there is, and pauses for an hour."""
    with running_relay(
        tmp_path, night, slowest_pull_seconds=3600, heartbeat_interval_seconds=0.05
    ) as running:
        eventually(lambda: running.report().pull_seconds > 3600)
        yield running


def a_few_heartbeats_later(night: FakeCloud) -> None:
    told = len(night.heartbeats)
    night.wait_for(lambda cloud: len(cloud.heartbeats) > told + 3)


def test_it_asks_no_more_for_as_long_as_the_cloud_says(night: FakeCloud, relay: Relay) -> None:
    asked = night.pulls
    a_few_heartbeats_later(night)
    assert night.pulls == asked


def test_a_scanner_that_finds_nothing_makes_it_ask_at_once(night: FakeCloud, relay: Relay) -> None:
    night.put(item("b", patient_id="NEW-1"))  # saved in the night, for somebody who is at the scanner now
    asked = query()
    asked.PatientID = "NEW-1"
    assert names(relay, asked) == []
    eventually(lambda: names(relay, asked))


def test_a_report_of_a_scan_makes_it_ask_at_once(night: FakeCloud, relay: Relay) -> None:
    night.put(item("b"))
    scu.create_step(scanner(relay), began(item("a")), "2.25.9")
    eventually(lambda: relay.cache.count() == 2)


def test_its_own_query_does_not_wake_it(night: FakeCloud, relay: Relay) -> None:
    asked = night.pulls
    scu.find(relay.own_peer(10), scu.worklist_query())
    a_few_heartbeats_later(night)
    assert night.pulls == asked


def test_nobody_is_told_that_the_worklist_is_old(
    relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_relay.health.judgement.cache_age", lambda *_: 3600.0)
    report = relay.report()
    assert status.look(tmp_path, report.written_at, report).problems == ()
    monkeypatch.setattr("edge_relay.health.judgement.cache_age", lambda *_: 3700.0)
    assert "the worklist is" in " ".join(status.look(tmp_path, report.written_at, report).problems)


def test_by_day_it_asks_as_often_as_it_is_set_to(tmp_path: Path, night: FakeCloud) -> None:
    night.poll_interval = "0"
    with running_relay(tmp_path, night, slowest_pull_seconds=3600):
        night.wait_for(lambda cloud: cloud.pulls > 5)


def test_a_cloud_that_says_nothing_of_it_is_asked_as_often(tmp_path: Path, night: FakeCloud) -> None:
    night.poll_interval = ""
    with running_relay(tmp_path, night, slowest_pull_seconds=3600):
        night.wait_for(lambda cloud: cloud.pulls > 5)
