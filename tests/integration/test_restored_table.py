"""The worklist table restored to an earlier point, while a relay knows more: real API, exchange and files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from edge_relay.storage.sqlite_file import connect
from infra.cli import app
from shared.errors import Unavailable
from shared.steps.procedure_step import EventKind, EventReference, ProcedureStepEvent
from shared.worklist_item import Status, WorklistItem
from tests.rigs.api import ApiRig, api, log_lines
from tests.rigs.builders import an_event, an_item
from tests.rigs.exchanging_relay import ExchangingRelay, exchanging_relay
from tests.rigs.table_backup import Rows, export, restore

ITEMS = [an_item(f"{n:03}") for n in range(1, 8)]


class Site(NamedTuple):
    rig: ApiRig
    relay: ExchangingRelay


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[ApiRig]:
    with api() as rig:
        yield rig


@pytest.fixture
def site(shared_rig: ApiRig, tmp_path: Path) -> Iterator[Site]:
    restore(shared_rig.cloud, [])
    put(shared_rig, *ITEMS[:3])
    with exchanging_relay(shared_rig, tmp_path) as relay:
        relay.pull()
        yield Site(shared_rig, relay)


def put(rig: ApiRig, *items: WorklistItem) -> None:
    rig.services.worklist.put_if_changed(items)


def begun(item: WorklistItem | None, uid: str) -> ProcedureStepEvent:
    return an_event(item, uid)


def ended(uid: str) -> ProcedureStepEvent:
    return an_event(None, uid, EventKind.N_SET, "COMPLETED")


def recorded(rig: ApiRig, uid: str) -> list[EventKind]:
    return [event.kind for event in rig.services.steps.events(uid)]


def listed(rig: ApiRig) -> dict[str, Status]:
    found = rig.services.worklist.rows_after("north", 0, 500)[0]
    return {row.item.id: row.item.performed_procedure_step_status for row in found if hasattr(row, "item")}


def scan(relay: ExchangingRelay, item: WorklistItem | None, uid: str) -> None:
    for event in (begun(item, uid), ended(uid)):
        relay.report(event)
        relay.push()


def nothing(rig: ApiRig) -> None:
    """Nothing is written after the restore."""


def seven_new_items(rig: ApiRig) -> None:
    """As many changes as the relay had seen, and more."""
    put(rig, *[an_item(f"9{n}") for n in range(7)])


def the_same_number_of_changes(rig: ApiRig) -> None:
    put(rig, an_item("90"), an_item("91"))


@pytest.mark.parametrize("since", [nothing, seven_new_items, the_same_number_of_changes])
def test_a_relay_shows_what_the_restored_table_holds_and_sends_again_what_it_lost(
    site: Site, since: Callable[[ApiRig], None]
) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    scan(relay, ITEMS[0], "2.25.1")
    put(rig, ITEMS[3], ITEMS[4])  # gone with the restore: ghosts, if the relay keeps them
    relay.pull()
    assert len(relay.shown()) == 5

    restore(rig.cloud, backup)
    since(rig)
    assert recorded(rig, "2.25.1") == []
    relay.pull()
    relay.push()
    relay.pull()

    assert recorded(rig, "2.25.1") == [EventKind.N_CREATE, EventKind.N_SET]
    assert relay.shown() == listed(rig)
    assert relay.shown()[ITEMS[0].id] is Status.COMPLETED
    assert not {ITEMS[3].id, ITEMS[4].id} & set(relay.shown())


def test_no_scanner_is_shown_a_scanned_exam_as_to_be_done_meanwhile(site: Site) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    scan(relay, ITEMS[0], "2.25.1")
    relay.pull()
    restore(rig.cloud, backup)
    relay.pull()
    assert relay.shown()[ITEMS[0].id] is Status.COMPLETED
    assert listed(rig)[ITEMS[0].id] is Status.SCHEDULED
    assert [event.kind for event in relay.journal.open_events()] == ["N-CREATE", "N-SET"]


def test_what_was_confirmed_just_before_stays_laid_over_until_it_is_sent_again(site: Site) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    put(rig, ITEMS[3])
    relay.pull()
    scan(relay, ITEMS[0], "2.25.12")  # confirmed, and not pulled yet
    restore(rig.cloud, backup)
    relay.pull()
    assert relay.shown()[ITEMS[0].id] is Status.COMPLETED


def test_what_was_recorded_after_the_last_pull_is_sent_again_within_a_day(site: Site) -> None:
    rig, relay = site
    relay.push()
    backup = export(rig.cloud)
    scan(relay, ITEMS[0], "2.25.13")
    restore(rig.cloud, backup)
    relay.pull()  # nothing tells: all that this relay ever saw is still there
    relay.push()
    assert recorded(rig, "2.25.13") == []
    rig.clock.advance(24 * 3600)
    relay.push()
    assert recorded(rig, "2.25.13") == [EventKind.N_CREATE, EventKind.N_SET]


def test_a_report_of_no_exam_is_sent_again_though_no_item_changed(site: Site) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    scan(relay, None, "2.25.2")
    relay.pull()
    restore(rig.cloud, backup)
    relay.pull()
    relay.push()
    assert recorded(rig, "2.25.2") == [EventKind.N_CREATE, EventKind.N_SET]


def test_what_the_cloud_refused_because_it_no_longer_knew_the_step_follows_its_beginning(site: Site) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    relay.report(begun(ITEMS[0], "2.25.3"))
    relay.push()
    relay.pull()
    restore(rig.cloud, backup)
    relay.report(ended("2.25.3"))
    relay.push()  # before the pull has noticed
    assert [(event.kind, event.state) for event in relay.journal.open_events()] == [("N-SET", "parked")]
    relay.pull()
    relay.push()
    assert recorded(rig, "2.25.3") == [EventKind.N_CREATE, EventKind.N_SET]
    assert relay.journal.open_events() == []


def test_only_what_was_recorded_since_the_point_restored_to_is_sent_again(site: Site) -> None:
    rig, relay = site
    scan(relay, ITEMS[0], "2.25.4")
    backup = export(rig.cloud)
    scan(relay, ITEMS[1], "2.25.5")
    relay.pull()
    restore(rig.cloud, backup)
    relay.pull()
    assert {event.sop_instance_uid for event in relay.journal.open_events()} == {"2.25.5"}


def test_a_cloud_that_cannot_say_what_it_lacks_does_not_keep_the_worklist_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    scan(relay, ITEMS[0], "2.25.6")
    put(rig, ITEMS[3])
    relay.pull()
    restore(rig.cloud, backup)

    def unavailable(*_: object, **__: object) -> list[str]:
        raise Unavailable("looking for events: DynamoDB answered ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(type(rig.services.steps), "lacking", unavailable)
        relay.pull()
        assert ITEMS[3].id not in relay.shown()
        with pytest.raises(Unavailable):  # so the status says that pushing fails
            relay.push()
    relay.push()
    assert recorded(rig, "2.25.6") == [EventKind.N_CREATE, EventKind.N_SET]


def test_a_relay_that_is_current_is_answered_304_for_one_read_of_the_head(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, relay = site
    held = relay.cache.bookmark()
    monkeypatch.setattr(rig.services.worklist, "is_in_history", None)
    monkeypatch.setattr(rig.services.worklist, "rows_after", None)
    assert relay.cloud.pull(held.cursor, held.etag, 500) is None


def test_another_sites_steps_are_neither_told_nor_counted_as_there(site: Site, tmp_path: Path) -> None:
    rig, relay = site
    event = begun(None, "2.25.7")
    relay.report(event)
    relay.push()
    with exchanging_relay(rig, tmp_path / "south", "south") as other:
        named = EventReference(event_id=event.event_id, sop_instance_uid="2.25.7")
        assert other.cloud.lacking([named]) == [event.event_id]
        assert other.cloud.recorded("2.25.7") == []
    assert relay.cloud.lacking([named]) == []
    assert relay.cloud.recorded("2.25.7") == [event]


def test_the_log_says_that_the_table_was_restored_and_names_nobody(site: Site) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    scan(relay, ITEMS[0], "2.25.8")
    relay.pull()
    restore(rig.cloud, backup)
    with log_lines() as lines:
        relay.pull()
    told = " ".join(line["text"] for line in lines)
    assert "restored" in told
    assert "2.25.8" not in json.dumps(lines, default=str)


def test_a_journal_that_lost_a_step_gets_it_back_from_the_cloud(site: Site, tmp_path: Path) -> None:
    rig, relay = site
    relay.report(begun(ITEMS[0], "2.25.9"))
    relay.push()
    lose(tmp_path / "journal.db", relay, "2.25.9")
    assert relay.journal.step("2.25.9") is None
    assert len(relay.journal.missing()) == 1
    relay.push()
    assert relay.journal.missing() == []
    step = relay.journal.step("2.25.9")
    assert step is not None
    assert step.item_ids == (ITEMS[0].id,)
    relay.report(ended("2.25.9"))  # what the scanner says next is understood
    relay.push()
    assert recorded(rig, "2.25.9") == [EventKind.N_CREATE, EventKind.N_SET]


def lose(path: Path, relay: ExchangingRelay, uid: str) -> None:
    """Make a journal miss a step, as one does whose ``-wal`` was lost: noted by name, and nothing else."""
    db = connect(path, synchronous="FULL")
    row = db.execute("SELECT seq, event_id, kind FROM events WHERE sop_instance_uid = ?", (uid,)).fetchone()
    noted = {
        "seq": row[0],
        "event_id": row[1],
        "sop_instance_uid": uid,
        "kind": row[2],
        "calling_aetitle": "MR1",
        "received_at": "2026-11-22T09:31:00+00:00",
    }
    db.execute("INSERT INTO missing VALUES (?, ?)", (row[0], json.dumps(noted)))
    for table in ("events", "steps", "links"):
        db.execute(f"DELETE FROM {table} WHERE sop_instance_uid = ?", (uid,))
    db.close()


def mwl_cloud(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300"})
    return done.exit_code, done.output


def protect(rig: ApiRig, *, protected: bool) -> None:
    """Give the table the settings that a restore leaves out, or take them away."""
    rig.cloud.dynamodb.update_continuous_backups(
        TableName="WorklistTable",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": protected},
    )
    rig.cloud.dynamodb.update_table(TableName="WorklistTable", DeletionProtectionEnabled=protected)
    rig.cloud.dynamodb.update_time_to_live(
        TableName="WorklistTable",
        TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": protected},
    )


def test_the_check_names_what_a_restored_table_lacks_and_who_knows_more(site: Site) -> None:
    rig, relay = site
    backup = export(rig.cloud)
    protect(rig, protected=True)
    relay.beat()
    assert mwl_cloud("restore", "check")[0] == 0
    scan(relay, ITEMS[0], "2.25.10")
    relay.pull()
    relay.beat()
    restore(rig.cloud, backup)
    protect(rig, protected=False)
    code, said = mwl_cloud("restore", "check")
    assert code == 1
    for words in ("later state", "time to live is off", "recovery is off", "protection is off"):
        assert words in said


def test_an_announced_restore_reaches_a_relay_whose_history_says_nothing(site: Site) -> None:
    rig, relay = site
    scan(relay, ITEMS[0], "2.25.11")
    relay.pull()
    # A table put together by hand: the head as it was, the events gone.
    rows: Rows = [row for row in export(rig.cloud) if not row["pk"]["S"].startswith("MPPS#")]
    restore(rig.cloud, rows)
    relay.pull()
    assert relay.journal.open_events() == []
    code, said = mwl_cloud("restore", "announce")
    assert code == 0, said
    assert "north" in said
    relay.pull()
    relay.push()
    assert recorded(rig, "2.25.11") == [EventKind.N_CREATE, EventKind.N_SET]


def test_the_moment_of_the_last_change_is_told(site: Site) -> None:
    moment = datetime.fromtimestamp(site.rig.clock(), UTC)
    assert f"{moment:%Y-%m-%d}" in mwl_cloud("restore", "check")[1]
