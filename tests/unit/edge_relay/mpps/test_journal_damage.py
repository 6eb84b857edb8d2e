"""One damaged row stops nothing but itself, and what it holds is told to nobody."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import push_once
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_checks import check
from edge_relay.mpps.journal_reader import JournalReader
from edge_relay.services.scanner_view import _overlay
from shared.errors import MwlError, Rejected
from shared.steps.procedure_step import EventResult, LinkedItem, Step, StepStatus
from shared.worklist_item import Status
from tests.rigs.mpps import ITEM, again, event, progress
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, complete, create

SECRET = ITEM.patient_name
DAMAGES = {
    "a letter changed": ("body", "replace(body, '2026', '2027')"),
    "bytes that are no text": ("body", "CAST(X'FFFE' || CAST(body AS BLOB) AS TEXT)"),
    "cut off": ("body", "substr(body, 1, 200)"),
    "emptied": ("body", "''"),
    "no longer a text": ("body", "zeroblob(20)"),
    "another time": ("received_at", "'1970-01-01T00:00:00+00:00'"),
    "no time": ("received_at", "CAST(X'FF00' AS TEXT)"),
    "another name": ("event_id", "'ffffffffffffffffffffffffffffffff'"),
    "another kind": ("kind", "'N-GET'"),
    "another step": ("sop_instance_uid", "'2.25.999'"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    assert SECRET in create(1).model_dump_json()
    for number in (1, 2, 3):
        opened.append(create(number, f"2.25.{number}"), [f"item-{number}"])
    yield opened
    opened.close()


def spoil(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(sql).rowcount > 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_event_is_set_apart_and_the_rest_is_delivered(
    journal: Journal, path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    column, value = DAMAGES[damage]
    spoil(path, f"UPDATE events SET {column} = {value} WHERE seq = 1")
    cloud = ScriptedCloud()
    with caplog.at_level(logging.INFO):
        assert push_once(cloud, journal, Portion(10)) == (2, 0, 0)
    assert [each.event_id for each in cloud.kept] == [create(2).event_id, create(3).event_id]
    (apart,) = journal.open_events()
    assert (apart.state, "damaged" in apart.reason) == ("parked", True)
    assert journal.problem == ""
    assert isinstance(journal.append(create(4, "2.25.4")), Step)
    assert "damaged" in caplog.text
    assert SECRET.partition("^")[0] not in caplog.text
    with closing(JournalReader(path)) as reader:
        assert len(reader.open_events()) == 2
        assert SECRET not in str(reader.open_events())
    assert set(_overlay(path)) == {"item-1", "item-2", "item-3"}


def test_a_damaged_n_set_holds_nothing_back_but_a_damaged_n_create_does(journal: Journal, path: Path) -> None:
    for uid in ("2.25.1", "2.25.2"):
        journal.append(again(event(0, progress()), 10 + int(uid[-1]), uid))
        journal.append(complete(20 + int(uid[-1]), uid))
    spoil(path, "UPDATE events SET body = 'x' WHERE seq IN (1, 6)")  # 2.25.1's N-CREATE, 2.25.2's first N-SET
    cloud = ScriptedCloud()
    while push_once(cloud, journal, Portion(10)).delivered:
        pass
    assert {each.event_id for each in cloud.kept} == {
        create(2).event_id,
        create(3).event_id,
        complete(22).event_id,
    }
    held = {each.sop_instance_uid: each.held for each in journal.open_events() if each.state == "pending"}
    assert held == {"2.25.1": True}


def test_a_damaged_event_cannot_be_retried(journal: Journal, path: Path) -> None:
    spoil(path, "UPDATE events SET body = 'x' WHERE seq = 1")
    push_once(ScriptedCloud(), journal, Portion(10))
    with pytest.raises(Rejected, match="damaged"):
        journal.retry(create(1).event_id)


@pytest.mark.parametrize("damage", ["replace(body, 'IN_PROGRESS', 'COMPLETED')", "'x'", "X'FF'"])
def test_a_damaged_step_is_folded_again_from_its_events(journal: Journal, path: Path, damage: str) -> None:
    spoil(path, f"UPDATE steps SET body = {damage} WHERE sop_instance_uid = '2.25.1'")
    step = journal.step("2.25.1")
    assert step is not None
    assert (step.status, step.item_ids) == (StepStatus.IN_PROGRESS, ("item-1",))
    result = EventResult(
        event_id=create(1).event_id, outcome="recorded", items=(LinkedItem(item_id="item-1", feed_seq=3),)
    )
    journal.record_result(result)
    assert len(journal.open_events()) == 2
    after = journal.append(complete(9, "2.25.1"))
    assert isinstance(after, Step)
    assert after.status is StepStatus.COMPLETED


def test_a_step_that_is_lost_whole_does_not_stop_the_answers_of_others(journal: Journal, path: Path) -> None:
    spoil(path, "UPDATE steps SET body = 'x' WHERE sop_instance_uid = '2.25.1'")
    spoil(path, "DELETE FROM events WHERE seq = 1")
    journal.record_results([EventResult(event_id=create(n).event_id, outcome="recorded") for n in (1, 2, 3)])
    assert journal.open_events() == []
    with pytest.raises(MwlError, match="damaged"):
        journal.append(complete(9, "2.25.1"))


@pytest.mark.parametrize("column", ["status", "confirmed_seq"])
def test_a_damaged_overlay_is_told_again_by_what_the_steps_amount_to(
    journal: Journal, path: Path, column: str
) -> None:
    spoil(path, f"UPDATE overlay SET {column} = 'IN_PRXGRESS' WHERE item_id = 'item-1'")
    opened = Journal(path)
    assert opened.overlay()["item-1"] == (Status.IN_PROGRESS, create(1).event_id, None)
    opened.close()


def test_damaged_progress_is_counted_again(journal: Journal, path: Path) -> None:
    spoil(path, "UPDATE items SET progress = replace(progress, 'false', 'true')")
    journal.append(again(event(0, progress()), 9, "2.25.1"))
    assert journal.overlay()["item-1"].status is Status.IN_PROGRESS
    journal.append(create(10, "2.25.10"), ["item-2"])
    journal.append(complete(11, "2.25.2"))
    assert journal.overlay()["item-2"].status is Status.IN_PROGRESS


def test_pruning_leaves_a_damaged_step_and_goes_on(journal: Journal, path: Path) -> None:
    journal.append(complete(9, "2.25.2"))
    cloud = ScriptedCloud()
    while push_once(cloud, journal, Portion(10)).delivered:
        pass
    spoil(path, "UPDATE steps SET body = '{' WHERE sop_instance_uid = '2.25.1'")
    assert journal.prune(create(1).received_at.replace(year=2027)) == 2


def test_a_warned_event_that_is_damaged_is_listed_without_its_content(journal: Journal, path: Path) -> None:
    spoil(path, "UPDATE events SET warned = 1, body = 'what a scanner said' WHERE seq = 1")
    with closing(JournalReader(path)) as reader:
        (warned,) = reader.warned_events(10)
    assert warned.warnings == ("its record in the journal is damaged",)
    assert "scanner said" not in str(warned)


def test_a_check_names_what_is_damaged_and_what_is_missing_and_changes_nothing(path: Path) -> None:
    first = Journal(path)
    for number in (1, 2, 3):
        first.append(create(number, f"2.25.{number}"))
    first.close()
    assert check(path).good
    spoil(path, "UPDATE events SET body = replace(body, '2026', '2027') WHERE seq = 2")
    spoil(path, "DELETE FROM events WHERE seq = 3")
    spoil(path, "UPDATE sqlite_sequence SET seq = 2")
    for _ in range(2):
        found = check(path)
        assert (found.damaged, [each.event_id for each in found.missing]) == ((2,), [create(3).event_id])
        assert (found.events, found.unsound, found.good) == ({"pending": 2}, (), False)


def empty_index(path: Path, name: str) -> None:
    """Make an index of a closed journal lead to no row."""
    with closing(sqlite3.connect(path)) as db:
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    start = (page - 1) * size
    content[start : start + size] = b"\x0a\0\0\0\0" + size.to_bytes(2, "big") + bytes(size - 7)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["events_open", "events_by_step", "sqlite_autoindex_events_1"])
def test_an_index_that_leads_to_no_row_hides_no_event(
    path: Path, journal: Journal, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal.close()
    empty_index(path, name)
    cloud = ScriptedCloud()
    with closing(Journal(path)) as again:
        assert again.problem == ""
        while push_once(cloud, again, Portion(10)).delivered:
            pass
    assert len(cloud.kept) == 3
    assert "made anew" in caplog.text
