"""Pulling and pushing against a cloud that is scripted in Python, and the loop around them."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge_relay.config import Settings
from edge_relay.exchange.cloud import PulledPage
from edge_relay.exchange.heartbeat import heartbeat_once
from edge_relay.exchange.loop import Backoff, Loop
from edge_relay.exchange.pull import pull_once
from edge_relay.exchange.push import NOTHING_DUE, push_once
from edge_relay.health.report import Health
from edge_relay.mpps.journal import Journal
from edge_relay.services.profiles import Profiles
from edge_relay.worklist.cache import Cache
from shared.errors import Forbidden, Rejected, Unavailable
from shared.feed import FeedItem, FeedPage
from shared.procedure_step import EventResult, LinkedItem
from shared.relay_health import HeartbeatAnswer, RelayHealth
from tests.rigs.relay import PATIENCE, item
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, complete, create


class State(NamedTuple):
    cache: Cache
    journal: Journal


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    both = State(Cache(tmp_path / "cache.db"), Journal(tmp_path / "journal.db"))
    yield both
    both.cache.close()
    both.journal.close()


class ScriptedFeed:
    """Hands out what it was given, and notes what it was asked."""

    def __init__(self, *answers: FeedPage | Exception | None) -> None:
        self.answers = deque(answers)
        self.asked: list[tuple[str, str]] = []

    def pull(self, cursor: str, etag: str, limit: int) -> PulledPage | None:
        self.asked.append((cursor, etag))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return PulledPage(answer, f"etag-{len(self.asked)}", ()) if answer else None


def page(*ids: str, seq: int = 1, **changes: Any) -> FeedPage:
    fields = {"epoch": "e1", "snapshot": False, "cursor": "kept", "next": "next", "more": False, **changes}
    items = tuple(FeedItem(feed_seq=seq + n, item=item(key)) for n, key in enumerate(ids))
    return FeedPage(items=items, tombstones=(), **fields)


def ids(state: State) -> list[str]:
    return [cached.item.id for cached in state.cache.select()]


def pull(state: State, *answers: FeedPage | Exception | None) -> ScriptedFeed:
    feed = ScriptedFeed(*answers)
    pull_once(feed, state.cache, state.journal, 500)
    return feed


def test_pages_are_asked_for_by_next_and_the_cursor_is_what_is_kept(state: State) -> None:
    first = pull(
        state,
        page("a", snapshot=True, more=True, cursor="c1", next="n1"),
        page("b", snapshot=True, cursor="c2"),
    )
    assert first.asked == [("", ""), ("n1", "")]
    assert ids(state) == ["a", "b"]
    second = pull(state, None)
    assert second.asked == [("c2", "etag-2")]


@pytest.mark.parametrize("odd", [{"epoch": "e2"}, {"snapshot": False}])
def test_a_feed_that_changes_in_the_middle_is_thrown_away(state: State, odd: dict[str, Any]) -> None:
    pull(state, page("a", snapshot=True))
    middle = page("c", **{"snapshot": True, **odd})
    with pytest.raises(Unavailable, match="middle of a pull"):
        pull(state, page("b", snapshot=True, more=True), middle)
    assert ids(state) == ["a"]
    pull(state, page("d", snapshot=True))
    assert ids(state) == ["d"]


def test_another_epoch_without_a_snapshot_starts_anew(state: State) -> None:
    pull(state, page("a", snapshot=True))
    with pytest.raises(Unavailable, match="epoch"):
        pull(state, page("b", epoch="e2"))
    assert ids(state) == ["a"]
    assert pull(state, page("b", epoch="e2", snapshot=True)).asked == [("", "")]
    assert ids(state) == ["b"]


def test_a_cursor_the_cloud_does_not_know_is_forgotten(state: State) -> None:
    pull(state, page("a", snapshot=True))
    with pytest.raises(Rejected):
        pull(state, Rejected("no cursor of ours"))
    assert pull(state, page("b", snapshot=True)).asked == [("", "")]


def confirm(state: State, *linked: LinkedItem) -> None:
    result = EventResult(event_id=create(1).event_id, outcome="recorded", items=linked)
    state.journal.record_result(result)


def test_the_overlay_stays_until_the_cache_shows_the_change(state: State) -> None:
    pull(state, page("a", snapshot=True))
    state.journal.append(create(1), ["a"])
    confirm(state, LinkedItem(item_id="a", feed_seq=9))
    pull(state, None)
    assert "a" in state.journal.overlay()
    pull(state, page("a", seq=9))
    assert state.journal.overlay() == {}


def test_a_confirmation_that_names_no_change_ends_with_the_next_pull(state: State) -> None:
    pull(state, page("a", snapshot=True))
    state.journal.append(create(1), ["a"])
    confirm(state)
    assert state.journal.overlay()["a"].covers(10**9)
    pull(state, None)
    assert state.journal.overlay() == {}


def test_what_the_cloud_does_not_have_yet_outlives_even_a_snapshot(state: State) -> None:
    state.journal.append(create(1), ["a"])
    pull(state, page("a", snapshot=True, epoch="e2"))
    assert "a" in state.journal.overlay()


def test_a_snapshot_ends_what_was_confirmed_in_another_life_of_the_table(state: State) -> None:
    pull(state, page("a", snapshot=True, seq=50))
    state.journal.append(create(1), ["a"])
    confirm(state, LinkedItem(item_id="a", feed_seq=60))
    pull(state, page("a", snapshot=True, epoch="e2", seq=3))
    assert state.journal.overlay() == {}


def test_nothing_due_calls_nobody(state: State) -> None:
    assert push_once(ScriptedCloud(), state.journal, 10) == NOTHING_DUE


def test_a_rejected_batch_is_sent_one_by_one_and_only_the_bad_event_is_parked(state: State) -> None:
    for number in (1, 2, 3):
        state.journal.append(create(number, f"2.25.{number}"))
    cloud = ScriptedCloud()
    cloud.poison = {create(2).event_id}
    outcome = push_once(cloud, state.journal, 10)
    assert (outcome.delivered, outcome.parked) == (2, 1)
    (left,) = state.journal.open_events()
    assert (left.event_id, left.state, left.reason) == (create(2).event_id, "parked", "malformed")


def test_an_event_without_a_result_stays_pending_and_is_counted(state: State) -> None:
    state.journal.append(create(1))
    state.journal.append(complete(2))
    cloud = ScriptedCloud()
    cloud.mode = "first unanswered"
    assert push_once(cloud, state.journal, 10).unanswered == 1
    assert [(e.state, e.attempts) for e in state.journal.open_events()] == [("pending", 1), ("pending", 0)]


def test_an_event_the_cloud_crashes_on_does_not_hold_up_the_others(state: State) -> None:
    for number in (1, 2, 3):
        state.journal.append(create(number, f"2.25.{number}"))
    cloud = ScriptedCloud()
    cloud.crashes_on = {create(1).event_id}
    for _ in range(10):
        with suppress(Unavailable):
            push_once(cloud, state.journal, 10)
    assert [each.event_id for each in cloud.kept] == [create(2).event_id, create(3).event_id]
    assert [each.state for each in state.journal.open_events()] == ["pending"]


class ScriptedCare:
    """Answers heartbeats as it was told, and notes what was said."""

    def __init__(self, *answers: HeartbeatAnswer | Exception | None) -> None:
        self.answers = deque(answers)
        self.told: list[RelayHealth] = []

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        self.told.append(health)
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_heartbeat_tells_of_the_profiles_and_takes_over_what_is_said_of_them(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"relay": {"cloud_url": "https://x.test"}, "scanners": [{"ae_title": "MR1"}]}
    profiles = Profiles(Settings(**tables), tmp_path, lambda _: None)
    health = RelayHealth(version="1", at=datetime(2026, 11, 22, tzinfo=UTC))
    said = ({"ae_title": "MR1", "days_back": 1}, {"ae_title": "MR2"})
    care = ScriptedCare(HeartbeatAnswer(scanners=said, version="4"), Unavailable("down"), None)
    assert heartbeat_once(care, profiles, health)
    assert profiles.all()[0].days_back == 1
    with pytest.raises(Unavailable, match="down"):
        heartbeat_once(care, profiles, health)
    assert not heartbeat_once(care, profiles, health)
    assert profiles.all()[0].days_back == 1
    assert [told.profiles_version for told in care.told] == ["", "4", "4"]
    assert [len(told.profile_problems) for told in care.told] == [0, 1, 1]


def test_pauses_double_up_to_the_ceiling_with_jitter_and_a_refusal_waits_longest() -> None:
    backoff = Backoff(60, 300, random.Random(1))
    down = [backoff.pause(failures, Unavailable("x")) for failures in (1, 2, 3, 10, 500)]
    for pause, ceiling in zip(down, (1, 2, 4, 60, 60), strict=True):
        assert ceiling / 2 <= pause <= ceiling
    assert backoff.pause(1, Forbidden("x")) >= 150


def test_the_loop_outlives_every_failure_and_reports_it() -> None:
    health = Health(lambda: datetime.now(UTC))
    passes = deque([Unavailable("down"), RuntimeError("surprise"), Forbidden("revoked")])
    failures = []
    worked = threading.Event()

    def exchange_once() -> bool:
        report = health.report("").pull
        failures.append((report.failure, report.forbidden))
        if passes:
            raise passes.popleft()
        worked.set()
        return False

    loop = Loop("pull", exchange_once, 60, Backoff(0.001, 0.001, random.Random(1)), health)
    loop.start()
    assert worked.wait(PATIENCE)
    assert loop.stop(PATIENCE)
    assert failures[1:] == [("down", False), ("internal fault: RuntimeError", False), ("revoked", True)]
    assert health.report("").pull.failure == ""


def test_waking_the_loop_ends_its_pause() -> None:
    calls = threading.Semaphore(0)

    def exchange_once() -> bool:
        calls.release()
        return False

    loop = Loop(
        "push", exchange_once, 3600, Backoff(1, 1, random.Random(1)), Health(lambda: datetime.now(UTC))
    )
    loop.start()
    assert calls.acquire(timeout=PATIENCE)
    loop.wake()
    assert calls.acquire(timeout=PATIENCE)
    assert loop.stop(PATIENCE)
