"""The cache: pages applied whole and idempotently, snapshots swapped at once, any damage repaired."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_relay.cache import Cache, Unreadable
from edge_relay.mwl import Condition
from shared.feed import FeedItem, FeedPage, Tombstone
from shared.worklist_item import WorklistItem
from tests.relay_rig import item


def page(
    *items: tuple[int, WorklistItem], gone: tuple[tuple[int, str], ...] = (), **changes: Any
) -> FeedPage:
    fields = {"epoch": "e1", "snapshot": False, "cursor": "c", "next": "n", "more": False, **changes}
    return FeedPage(
        items=tuple(FeedItem(feed_seq=seq, item=each) for seq, each in items),
        tombstones=tuple(Tombstone(feed_seq=seq, id=key) for seq, key in gone),
        **fields,
    )


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    opened = Cache(tmp_path / "cache.db")
    yield opened
    opened.close()


def ids(cache: Cache) -> list[str]:
    return [cached.item.id for cached in cache.select()]


def test_rows_and_cursor_are_there_after_reopening(tmp_path: Path) -> None:
    first = Cache(tmp_path / "cache.db")
    first.apply_page(page((1, item("a")), cursor="c1"), "etag-1")
    first.close()
    again = Cache(tmp_path / "cache.db")
    assert again.bookmark() == ("c1", "etag-1", "e1")
    assert [cached.feed_seq for cached in again.select()] == [1]
    again.close()


def test_an_older_row_is_ignored_and_a_tombstone_stays(cache: Cache) -> None:
    cache.apply_page(page((5, item("a", patient_name="New"))), "")
    cache.apply_page(page((4, item("a", patient_name="Old"))), "")
    assert next(cache.select()).item.patient_name == "New"
    cache.apply_page(page(gone=((6, "a"),)), "")
    cache.apply_page(page((5, item("a"))), "")
    assert ids(cache) == []


def test_a_snapshot_answers_only_once_it_is_complete(cache: Cache) -> None:
    cache.apply_page(page((1, item("old"))), "")
    cache.begin_snapshot()
    cache.apply_page(page((1, item("a")), snapshot=True, more=True, epoch="e2", cursor="half"), "half")
    assert ids(cache) == ["old"]
    assert cache.bookmark().cursor == "c"
    cache.apply_page(page((2, item("b")), snapshot=True, epoch="e2", cursor="whole"), "etag")
    assert ids(cache) == ["a", "b"]
    assert cache.bookmark() == ("whole", "etag", "e2")


def test_an_unfinished_snapshot_leaves_nothing_in_the_next(cache: Cache) -> None:
    cache.begin_snapshot()
    cache.apply_page(page((1, item("ghost")), snapshot=True, more=True), "")
    cache.begin_snapshot()
    cache.apply_page(page((1, item("a")), snapshot=True), "")
    assert ids(cache) == ["a"]


def test_an_unreadable_item_is_shown_and_its_last_readable_form_kept(cache: Cache) -> None:
    cache.apply_page(page((3, item("a"))), "")
    cache.apply_page(page(), "", [Unreadable("a", 4, "status: unknown")])
    assert ids(cache) == ["a"]
    assert cache.unreadable() == [("a", 4, "status: unknown")]
    cache.begin_snapshot()
    cache.apply_page(page((1, item("b")), snapshot=True, epoch="e2"), "", [Unreadable("a", 2, "again")])
    assert sorted(ids(cache)) == ["a", "b"]
    cache.apply_page(page((1, item("a", patient_name="Readable")), epoch="e2"), "")
    assert cache.unreadable() == []
    assert {c.item.patient_name for c in cache.select()} == {"Readable", "Doe^Jane"}


@pytest.mark.parametrize("damage", ["garbage", "truncated", "foreign"])
def test_a_damaged_file_is_started_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "cache.db"
    first = Cache(path)
    first.apply_page(page(*((n, item(f"i{n}")) for n in range(1, 200))), "")
    first.close()
    content = path.read_bytes()
    path.write_bytes(
        {"garbage": b"not a database" * 100, "truncated": content[: len(content) // 2], "foreign": b"x"}[
            damage
        ]
    )
    again = Cache(path)
    assert ids(again) == []
    assert again.bookmark() == ("", "", "")
    again.close()


def test_damage_found_while_running_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    cache = Cache(path)
    cache.apply_page(page(*((n, item(f"i{n}")) for n in range(1, 200))), "")
    cache._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cache._db.execute("PRAGMA cache_size = 0")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    cache._db.close()
    cache._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    assert ids(cache) == []
    cache.apply_page(page((1, item("a"))), "")
    assert ids(cache) == ["a"]
    cache.close()


def test_a_deleted_file_is_made_again_at_the_next_pull(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.db")
    cache.apply_page(page((1, item("a"))), "")
    (tmp_path / "cache.db").unlink()
    assert ids(cache) == ["a"]
    cache.ensure_on_disk()
    assert cache.bookmark().cursor == ""
    cache.apply_page(page((1, item("b"))), "")
    assert ids(cache) == ["b"]
    cache.close()


def test_conditions_select_by_index_and_unknown_or_endless_ones_leave_nothing_out(cache: Cache) -> None:
    cache.apply_page(page((1, item("a")), (2, item("b", modality="CT", scheduled_start_date="20261123"))), "")

    def select(*conditions: Condition) -> list[str]:
        return [c.item.id for c in cache.select(conditions)]

    assert select(Condition("modality", values=("CT",))) == ["b"]
    assert select(Condition("scheduled_start_date", first="20261122", last="20261122")) == ["a"]
    assert select(Condition("modality", values=("CT", "MR")), Condition("patient_id", values=("x",))) == []
    assert select(Condition("allergies", values=("x",))) == ["a", "b"]
    assert select(Condition("study_instance_uid", values=tuple(map(str, range(50_000))))) == ["a", "b"]


CHANGES = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(changes=CHANGES, order=st.randoms())
def test_pages_in_any_order_and_repeated_end_with_the_newest_of_each(changes: Any, order: Any) -> None:
    newest = {}
    pages = []
    for seq, (key, gone) in enumerate(changes, start=1):
        newest[key] = None if gone else seq
        pages.append(page(gone=((seq, key),)) if gone else page((seq, item(key))))
    pages += pages[: len(pages) // 2]
    order.shuffle(pages)
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder) / "cache.db")
        for each in pages:
            cache.apply_page(each, "")
        held = {c.item.id: c.feed_seq for c in cache.select()}
        cache.close()
    assert held == {key: seq for key, seq in newest.items() if seq is not None}
