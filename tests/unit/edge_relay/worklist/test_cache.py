"""The cache: pages applied whole and idempotently, snapshots swapped at once, any damage repaired."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_relay.worklist import cache_schema
from edge_relay.worklist import row as worklist_row
from edge_relay.worklist.cache import Cache, Unreadable
from edge_relay.worklist.cache_schema import FIELDS
from edge_relay.worklist.query import CONDITION_FIELDS, Condition
from shared.feed import FeedItem
from tests.rigs.relay import item
from tests.rigs.worklist import Worklist, asking, page


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


def test_a_reader_that_finds_damage_has_the_next_pull_start_anew(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.db")
    cache.apply_page(page((1, item("a"))), "")
    before = cache.generation
    cache.report_damage()
    cache.ensure_on_disk()
    assert (ids(cache), cache.bookmark().cursor) == ([], "")
    assert cache.generation > before
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


def test_every_condition_a_query_makes_is_on_a_field_of_the_cache() -> None:
    assert set(CONDITION_FIELDS.values()) <= set(FIELDS)


VERSION_1 = """
    CREATE TABLE items (item_id TEXT PRIMARY KEY, feed_seq INTEGER NOT NULL, study_instance_uid,
        accession_number, patient_id, modality, scheduled_station_aetitle, scheduled_start_date,
        scheduled_start_time, body TEXT) WITHOUT ROWID;
    CREATE TABLE staged (item_id TEXT PRIMARY KEY, feed_seq INTEGER NOT NULL, study_instance_uid,
        accession_number, patient_id, modality, scheduled_station_aetitle, scheduled_start_date,
        scheduled_start_time, body TEXT) WITHOUT ROWID;
    CREATE TABLE unreadable (item_id TEXT PRIMARY KEY, feed_seq INTEGER NOT NULL, reason TEXT NOT NULL);
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE INDEX items_by_patient_id ON items (patient_id);
    CREATE INDEX items_by_modality ON items (modality);
    PRAGMA user_version = 1;
"""


def test_a_file_of_the_first_version_keeps_its_worklist(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(VERSION_1)
        rows = [("a", 3, item("a").model_dump_json()), ("gone", 9, None), ("bad", 4, "{}")]
        old.executemany("INSERT INTO items (item_id, feed_seq, body) VALUES (?, ?, ?)", rows)
        state = {"cursor": "c", "etag": "e", "epoch": "e1"}
        old.executemany("INSERT INTO state VALUES (?, ?)", state.items())
    cache = Cache(path)
    assert [(c.item, c.feed_seq) for c in cache.select()] == [(item("a"), 3)]
    assert cache.bookmark() == ("", "", "")  # what that program did not read, it left out
    assert [each.item_id for each in cache.unreadable()] == ["bad"]
    cache.apply_page(page((8, item("gone"))), "")
    assert ids(cache) == ["a"]
    with closing(cache.reader()) as reader:
        assert next(reader.chunks("SELECT item_id FROM items WHERE elements IS NOT NULL")) == [("a",)]
    cache.close()


@pytest.mark.slow
def test_rows_made_by_another_version_of_the_program_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worklist = Worklist(tmp_path, *(item(f"i{number}") for number in range(1200)))
    with sqlite3.connect(worklist.path) as db:
        db.execute("UPDATE items SET elements = x'00', accession_number = 'old'")
        db.execute("UPDATE state SET value = 'another' WHERE key = 'elements'")
    db.close()
    worklist.close()
    with closing(Cache(tmp_path / "cache.db")) as cache:
        assert cache.bookmark() == ("", "", "")  # the next pull brings what that program left out
        assert cache.count() == 1200
        rows = cache._db.execute("SELECT item_id, accession_number, elements FROM items").fetchall()
        assert all(
            row[1:] == (item(row[0]).accession_number, worklist_row.blob_of(item(row[0]))[0]) for row in rows
        )
        assert cache._db.execute("SELECT value FROM state WHERE key = 'elements'").fetchone() == (
            worklist_row.FINGERPRINT,
        )


def test_a_file_of_a_newer_version_is_started_anew_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.db"
    with closing(Cache(path)) as cache:
        cache.apply_page(page((1, item("a"))), "")
        cache._db.execute(f"PRAGMA user_version = {cache_schema.VERSION + 1}")
    with closing(Cache(path)) as cache:
        assert ids(cache) == []
    assert "a new cache.db is made" in caplog.text


def test_the_blob_of_a_row_has_a_piece_for_every_attribute_with_a_source() -> None:
    full = item(pregnancy_status=4, patient_name="Ä^B", medical_alerts="x" * 64)
    blob, is_ascii = worklist_row.blob_of(full)
    assert not is_ascii
    pieces = worklist_row.pieces_of(blob)
    assert len(pieces) == len(worklist_row.COLUMNS)
    for attribute, piece in zip(worklist_row.COLUMNS, pieces, strict=True):
        if attribute.vr != "US" and piece:
            assert worklist_row.text_of(piece) == str(attribute.value(full) or "")
    tags = b"".join(each.tag.to_bytes(4, "little") for each in worklist_row.COLUMNS)
    assert not {0x1D, 0x1F} & set(tags)
    row = cache_schema.row_of(FeedItem(feed_seq=1, item=full))
    assert row[-4] == blob


def plan(worklist: Worklist, **keys: Any) -> str:
    wanted = worklist.search(asking(**keys))
    with closing(sqlite3.connect(worklist.path)) as db:
        rows = db.execute(f"EXPLAIN QUERY PLAN {wanted.sql}", wanted.values).fetchall()
    return "; ".join(row[3] for row in rows)


@pytest.mark.parametrize(
    ("top", "inner", "index"),
    [
        ({"PatientID": "P-001"}, {}, "patient_id"),
        ({}, {}, "start"),
        ({}, {"ScheduledProcedureStepStartDate": "20261122"}, "start"),
        ({}, {"ScheduledStationAETitle": "MR1"}, "scheduled_station_aetitle"),
        (
            {},
            {"ScheduledStationAETitle": "MR1", "ScheduledProcedureStepStartDate": "20261122-"},
            "scheduled_station_aetitle",
        ),
        ({}, {"ScheduledStationAETitle": ["MR1", "MR2"]}, "scheduled_station_aetitle"),
        ({}, {"Modality": ["CT", "MR"]}, "modality"),
        ({"PatientName": "D*"}, {"Modality": "MR"}, "modality"),
    ],
)
def test_lists_come_out_of_an_index_in_their_order(
    tmp_path: Path, top: dict[str, str], inner: dict[str, Any], index: str
) -> None:
    worklist = Worklist(tmp_path, item())
    said = plan(worklist, **top, ScheduledProcedureStepSequence=[asking(**inner)])
    worklist.close()
    assert f"USING INDEX items_by_{index} " in said
    assert "SCAN" not in said
    assert "TEMP B-TREE" not in said


@pytest.mark.parametrize(
    ("key", "index"),
    [
        ("AccessionNumber", "accession_number"),
        ("StudyInstanceUID", "study_instance_uid"),
        ("RequestedProcedureID", "requested_procedure_id"),
    ],
)
def test_a_single_match_is_looked_up(tmp_path: Path, key: str, index: str) -> None:
    worklist = Worklist(tmp_path, item())
    said = plan(worklist, **{key: "1.2", "PatientName": "D*"})
    worklist.close()
    assert said.startswith(f"SEARCH items USING INDEX items_by_{index} ({index}=?)")


CHANGES = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=12)


@pytest.mark.slow
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


def harmed(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


HARM = {
    "the name that is answered": "UPDATE items SET elements = CAST(replace(elements, 'Doe', 'Dof') AS BLOB) "
    "WHERE item_id = 'a'",
    "the status": "UPDATE items SET status = 'COMPLETED' WHERE item_id = 'a'",
    "whose it is": "UPDATE items SET item_id = 'c' WHERE item_id = 'a'",
    "what it is selected by": "UPDATE items SET patient_id = 'P-002' WHERE item_id = 'a'",
    "the item": "UPDATE items SET body = replace(body, 'Doe', 'Dof') WHERE item_id = 'a'",
    "letters that are none": "UPDATE items SET body = CAST(x'ff' || body AS TEXT) WHERE item_id = 'a'",
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_an_item_that_is_not_as_it_was_written_is_set_apart_and_pulled_anew(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.db"
    with closing(Cache(path)) as cache:
        cache.apply_page(page((1, item("a")), (2, item("b")), snapshot=True), "etag")
    harmed(path, harm)
    with closing(Cache(path)) as again:
        again.ensure_on_disk()
        assert [held.item.id for held in again.select()] == ["b"]
        assert again.bookmark() == ("", "", "")
        assert [each.reason for each in again.unreadable()] == ["its record in cache.db is damaged"]
        again.begin_snapshot()
        again.apply_page(page((1, item("a")), (2, item("b")), snapshot=True), "etag")
        assert [held.item.id for held in again.select()] == ["a", "b"]
        assert again.unreadable() == []
    assert "Do" not in caplog.text


def test_a_row_that_is_damaged_while_the_relay_runs_is_set_apart_by_the_next_pull(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    with closing(Cache(path)) as cache:
        cache.apply_page(page((1, item("a")), (2, item("b")), snapshot=True), "etag")
        harmed(path, HARM["the name that is answered"])
        cache.report_damaged_row()  # as a reader does that finds it
        cache.ensure_on_disk()
        assert [held.item.id for held in cache.select()] == ["b"]


def test_a_row_that_is_damaged_is_not_answered_and_its_owner_is_told(tmp_path: Path) -> None:
    with closing(Worklist(tmp_path, item("a"), item("b"))) as worklist:
        harmed(worklist.path, HARM["the name that is answered"])
        assert worklist.ids(asking(PatientName="")) == ["b"]
        assert [each.id for each in worklist.visible()] == ["b"]
        worklist.cache.ensure_on_disk()
        assert [each.item_id for each in worklist.cache.unreadable()] == ["a"]


def test_a_file_without_checksums_keeps_its_worklist_and_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    with closing(Cache(path)) as cache:
        cache.apply_page(page((3, item("a")), gone=((9, "gone"),), cursor="c"), "e")
    with closing(sqlite3.connect(path, isolation_level=None)) as old:  # version 2 was the same, but for those
        for name in cache_schema.INDEXES:
            old.execute(f"DROP INDEX {name}")
        for table in ("items", "staged"):
            old.execute(f"ALTER TABLE {table} DROP COLUMN seal")
            old.execute(f"ALTER TABLE {table} DROP COLUMN whole")
        old.execute("PRAGMA user_version = 2")
    with closing(Cache(path)) as cache:
        assert [(c.item, c.feed_seq) for c in cache.select()] == [(item("a"), 3)]
        assert cache.bookmark() == ("", "", "")  # the next pull brings what the older program left out
        cache.apply_page(page((8, item("gone"))), "")
        assert ids(cache) == ["a"]
    harmed(path, HARM["the item"])
    with closing(Cache(path)) as cache:
        cache.ensure_on_disk()
        assert ids(cache) == []


@pytest.mark.parametrize("place", range(3))
def test_wherever_an_identifier_changes_on_the_disk_nobody_is_shown_for_it(
    tmp_path: Path, place: int
) -> None:
    path = tmp_path / "cache.db"
    with closing(Cache(path)) as cache:
        cache.apply_page(page((1, item("a", patient_id="P-7")), (2, item("b", patient_id="P-8"))), "etag")
    content = path.read_bytes()
    places = [at for at in range(len(content)) if content[at : at + 3] == b"P-7"]
    assert len(places) == 4  # the row's field, its blob and its JSON, and the index
    for at in places[place : place + 2]:
        path.write_bytes(content[:at] + b"P-8" + content[at + 3 :])
        with closing(Cache(path)) as cache:
            cache.ensure_on_disk()
            found = list(cache.select([Condition("patient_id", ("P-8",))]))
            assert [held.item.id for held in found] in (["b"], [])
