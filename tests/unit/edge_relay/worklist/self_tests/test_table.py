from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from edge_relay.worklist.cache import Cache
from edge_relay.worklist.self_tests import table
from shared.feed import FeedItem, FeedPage, Tombstone
from shared.steps.self_test import FeedSelfTest, exam_of, id_of
from shared.worklist_item import Status
from tests.rigs.relay import item

NOW = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)


def a_test(number: int, seq: int = 1, status: Status = Status.SCHEDULED) -> FeedSelfTest:
    exam = exam_of(id_of(UUID(int=number)), "oslo", NOW)
    exam = exam.model_copy(update={"performed_procedure_step_status": status})
    return FeedSelfTest(feed_seq=seq, relay_id="r", expires_at=NOW + timedelta(minutes=3), item=exam)


def a_page(*tests: FeedSelfTest, **changes: Any) -> FeedPage:
    fields: dict[str, Any] = {"epoch": "e", "snapshot": False, "items": (), "tombstones": ()}
    rest = {"cursor": "c", "next": "n", "more": False, "self_tests": tests}
    return FeedPage.model_validate({**fields, **rest, **changes})


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with closing(Cache(tmp_path / "cache.db")) as cache:
        yield cache


def ids(cache: Cache) -> list[str]:
    return [held.item.id for held in cache.self_tests()]


def test_a_test_is_held_with_its_end(cache: Cache) -> None:
    test = a_test(1)
    cache.apply_page(a_page(test), "")
    assert cache.self_tests() == [table.HeldSelfTest(test.item, test.expires_at)]


def test_it_is_no_item_of_the_worklist(cache: Cache) -> None:
    cache.apply_page(a_page(a_test(1), items=(FeedItem(feed_seq=2, item=item()),)), "")
    assert cache.count() == 1
    assert [held.item.id for held in cache.select()] == [item().id]


def test_it_changes_with_the_feed(cache: Cache) -> None:
    cache.apply_page(a_page(a_test(1)), "")
    cache.apply_page(a_page(a_test(1, 2, Status.COMPLETED)), "")
    assert [held.item.performed_procedure_step_status for held in cache.self_tests()] == [Status.COMPLETED]


def test_an_older_page_does_not_take_it_back(cache: Cache) -> None:
    cache.apply_page(a_page(a_test(1, 2, Status.COMPLETED)), "")
    cache.apply_page(a_page(a_test(1)), "")
    assert [held.item.performed_procedure_step_status for held in cache.self_tests()] == [Status.COMPLETED]


def test_a_new_one_takes_the_place_of_the_last(cache: Cache) -> None:
    cache.apply_page(a_page(a_test(1)), "")
    cache.apply_page(a_page(a_test(2, 2)), "")
    assert ids(cache) == [a_test(2).item.id]


def test_a_tombstone_ends_it(cache: Cache) -> None:
    cache.apply_page(a_page(a_test(1)), "")
    cache.apply_page(a_page(tombstones=(Tombstone(feed_seq=2, id=a_test(1).item.id),)), "")
    assert ids(cache) == []


def test_a_snapshot_that_does_not_mention_it_ends_it(cache: Cache) -> None:
    cache.apply_page(a_page(a_test(1)), "")
    cache.begin_snapshot()
    cache.apply_page(a_page(snapshot=True), "")
    assert ids(cache) == []


def test_a_file_of_an_earlier_build_gets_the_table(cache: Cache, tmp_path: Path) -> None:
    cache.close()
    with closing(sqlite3.connect(tmp_path / "cache.db")) as db, db:
        db.execute("DROP TABLE self_tests")
    with closing(Cache(tmp_path / "cache.db")) as again:
        again.apply_page(a_page(a_test(1)), "")
        assert ids(again) == [a_test(1).item.id]


def test_a_file_without_the_table_holds_none(cache: Cache, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cache.db")) as db, db:
        db.execute("DROP TABLE self_tests")
    assert cache.self_tests() == []
