"""Pulling from a feed that is scripted in Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge_relay.exchange.answers import Away
from edge_relay.exchange.cloud import PulledPage
from edge_relay.exchange.pull import pull_exchange, pull_once
from edge_relay.mpps.journal import Journal
from edge_relay.worklist.cache import Cache
from shared.errors import Rejected, Unavailable
from shared.feed import FeedItem, FeedPage
from shared.steps.procedure_step import EventReference, EventResult, LinkedItem, ProcedureStepEvent
from tests.rigs.relay import item
from tests.unit.edge_relay.mpps.test_journal import create


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

    def lacking(self, events: Sequence[EventReference]) -> list[str]:
        return []

    def recorded(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        return []


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


@pytest.mark.parametrize("size", [1, 10])
def test_a_page_that_does_not_come_in_time_is_asked_for_smaller(state: State, size: int) -> None:
    limits = []

    class SlowFeed(ScriptedFeed):
        def pull(self, cursor: str, etag: str, limit: int) -> PulledPage | None:
            limits.append(limit)
            if limit > size:
                raise Away("did not answer in time", too_much=True)
            return PulledPage(page("a", snapshot=True), "e", ())

    exchange_once = pull_exchange(SlowFeed(), state.cache, state.journal, 200)
    for _ in range(9):
        with suppress(Away):
            exchange_once()
    assert ids(state) == ["a"]
    assert limits[0] == 200
    assert min(limits) <= size
