"""MPPS through a running relay: on the worklist at once, at the cloud in order and once, whatever fails."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import ModalityPerformedProcedureStep  # type: ignore[attr-defined]
from typer.testing import CliRunner

from edge_relay.cli import app
from edge_relay.client import scu
from edge_relay.mpps.journal_reader import JournalReader
from edge_relay.relay import Relay
from shared.errors import Rejected
from shared.worklist_item import Status
from tests.rigs.relay import (
    RELAY_AET,
    SCANNER,
    FakeCloud,
    RelayProcess,
    began,
    completed,
    discontinued,
    eventually,
    item,
    query,
    running_relay,
    scanner,
    shown,
    statuses,
)

UID = "2.25.1001"


def create(relay: Relay, uid: str | None = UID, dataset: Dataset | None = None) -> str:
    return scu.create_step(scanner(relay), dataset or began(item()), uid)


def delivered(relay: Relay) -> None:
    eventually(lambda: not relay.journal.open_events())


def test_the_story_of_a_scan(relay: Relay, cloud: FakeCloud) -> None:
    assert statuses(relay) == ["SCHEDULED"]
    create(relay)
    assert statuses(relay) == ["STARTED"]
    scu.set_step(scanner(relay), completed(), UID)
    assert statuses(relay) == []
    cloud.wait_for(lambda c: len(c.recorded) == 2)
    assert cloud.recorded_kinds() == [(UID, "N-CREATE"), (UID, "N-SET")]
    assert cloud.recorded[0]["item_id"] == cloud.recorded[1]["item_id"] == "item-1"
    assert cloud.recorded[0]["calling_aetitle"] == SCANNER
    eventually(lambda: not relay.journal.overlay())
    assert statuses(relay) == []


def test_a_step_given_up_leaves_the_list_and_a_wrong_entry_comes_back(relay: Relay) -> None:
    create(relay)
    scu.set_step(scanner(relay), discontinued(), UID)
    assert statuses(relay) == []
    create(relay, "2.25.1002")
    scu.set_step(scanner(relay), discontinued(wrong_entry=True), "2.25.1002")
    assert statuses(relay) == ["SCHEDULED"]


def test_the_worklist_shows_the_step_while_the_cloud_is_away_and_after_a_restart(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    with running_relay(tmp_path, cloud) as relay:
        eventually(relay.cache.count)
        cloud.stop()
        create(relay)
        assert statuses(relay) == ["STARTED"]
    with running_relay(tmp_path, cloud) as relay:
        assert statuses(relay) == ["STARTED"]
        scu.set_step(scanner(relay), completed(), UID)
        assert statuses(relay) == []
        cloud.start()
        delivered(relay)
        assert cloud.recorded_kinds() == [(UID, "N-CREATE"), (UID, "N-SET")]
        eventually(lambda: not relay.journal.overlay())
        assert statuses(relay) == []


@pytest.mark.parametrize(
    "fault", ["500", "html", "truncated", "drop", "shape", "forget", "bad-request-html", "403"]
)
def test_a_push_that_fails_is_repeated_until_it_is_recorded_once(
    relay: Relay, cloud: FakeCloud, fault: str
) -> None:
    cloud.mpps_faults.extend([fault] * 3)
    create(relay)
    scu.set_step(scanner(relay), completed(), UID)
    delivered(relay)
    assert cloud.recorded_kinds() == [(UID, "N-CREATE"), (UID, "N-SET")]
    assert not cloud.mpps_faults


def test_a_refused_event_is_parked_with_what_follows_and_can_be_retried(
    relay: Relay, cloud: FakeCloud
) -> None:
    cloud.stop()
    create(relay)
    scu.set_step(scanner(relay), completed(), UID)
    create(relay, "2.25.1002")
    first = relay.journal.open_events()[0].event_id
    cloud.refuse[first] = "site is closed"
    cloud.start()
    eventually(lambda: [e.state for e in relay.journal.open_events()] == ["parked", "pending"])
    assert relay.journal.open_events()[0].reason == "site is closed"
    assert cloud.recorded_kinds() == [("2.25.1002", "N-CREATE")]
    cloud.refuse.clear()
    relay.journal.retry(first)
    delivered(relay)
    assert cloud.recorded_kinds()[1:] == [(UID, "N-CREATE"), (UID, "N-SET")]


def test_a_batch_refused_as_a_whole_loses_only_its_bad_event(relay: Relay, cloud: FakeCloud) -> None:
    cloud.stop()
    for number in range(3):
        create(relay, f"2.25.{number + 1}")
    bad = relay.journal.open_events()[1].event_id
    cloud.poison.add(bad)
    cloud.start()
    eventually(lambda: [(e.event_id, e.state) for e in relay.journal.open_events()] == [(bad, "parked")])
    assert sorted(uid for uid, _ in cloud.recorded_kinds()) == ["2.25.1", "2.25.3"]


def test_a_step_without_a_worklist_item_is_journaled_all_the_same(relay: Relay, cloud: FakeCloud) -> None:
    create(relay, dataset=began(item("walk-in")))
    delivered(relay)
    assert cloud.recorded[0]["item_id"] is None
    assert statuses(relay) == ["SCHEDULED"]


def test_a_uid_left_to_the_relay_is_made_and_returned(relay: Relay, cloud: FakeCloud) -> None:
    uid = create(relay, None)
    assert uid.startswith("2.25.")
    scu.set_step(scanner(relay), completed(), uid)
    delivered(relay)
    assert cloud.recorded_kinds() == [(uid, "N-CREATE"), (uid, "N-SET")]


def raw_status(relay: Relay, service: str, dataset: Dataset, uid: str) -> Dataset:
    ae = ApplicationEntity(SCANNER)
    ae.add_requested_context(ModalityPerformedProcedureStep)
    association = ae.associate(*relay.address, ae_title=RELAY_AET)
    send = association.send_n_create if service == "N-CREATE" else association.send_n_set
    status, _ = send(dataset, ModalityPerformedProcedureStep, uid)
    association.release()
    return status


def test_each_refusal_has_the_standards_status(tmp_path: Path, cloud: FakeCloud) -> None:
    strict = [{"ae_title": SCANNER, "mpps": "strict"}]
    with running_relay(tmp_path, cloud, scanners=strict) as relay:
        refused_as_the_standard_says(relay)


def refused_as_the_standard_says(relay: Relay) -> None:
    lacking = began(item())
    del lacking.Modality
    wrong = began(item())
    wrong.PerformedProcedureStepStatus = "COMPLETED"
    assert raw_status(relay, "N-SET", completed(), UID).Status == 0x0112
    assert raw_status(relay, "N-CREATE", wrong, UID).Status == 0x0106
    assert raw_status(relay, "N-CREATE", lacking, UID).Status == 0x0120
    assert raw_status(relay, "N-CREATE", began(item()), "1.2.840.10008.3.1.2.3.3").Status == 0x0117
    assert raw_status(relay, "N-CREATE", began(item()), UID).Status == 0x0000
    assert raw_status(relay, "N-CREATE", began(item()), UID).Status == 0x0111
    assert raw_status(relay, "N-SET", completed(), UID).Status == 0x0000
    late = raw_status(relay, "N-SET", completed(), UID)
    assert (late.Status, late.ErrorID) == (0x0110, 0xA710)


def test_progress_may_be_reported_again_and_again(relay: Relay, cloud: FakeCloud) -> None:
    create(relay)
    again = Dataset()
    again.PerformedProcedureStepStatus = "IN PROGRESS"
    for _ in range(3):
        scu.set_step(scanner(relay), again, UID)
    scu.set_step(scanner(relay), completed(), UID)
    delivered(relay)
    assert [kind for _, kind in cloud.recorded_kinds()] == ["N-CREATE"] + ["N-SET"] * 4


def test_a_full_disk_fails_the_step_and_not_the_worklist(relay: Relay) -> None:
    db = relay.journal._file.db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    big = began(item())
    big.CommentsOnThePerformedProcedureStep = "x" * 60_000
    failed = raw_status(relay, "N-CREATE", big, UID)
    assert failed.Status == 0x0213
    assert "send it again" in failed.ErrorComment
    assert statuses(relay) == ["SCHEDULED"]
    db.execute("PRAGMA max_page_count = 1000000")
    assert raw_status(relay, "N-CREATE", big, UID).Status == 0x0000
    assert statuses(relay) == ["STARTED"]


def test_a_journal_that_cannot_be_written_fails_the_step_and_not_the_worklist(relay: Relay) -> None:
    relay.journal._file.db.execute("PRAGMA query_only = ON")
    with pytest.raises(Rejected, match="0213"):
        create(relay)
    assert statuses(relay) == ["SCHEDULED"]
    relay.journal._file.db.execute("PRAGMA query_only = OFF")
    create(relay)


def test_killed_between_success_and_push_the_events_arrive_in_order_and_once(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    process = RelayProcess(tmp_path, cloud)
    peer = process.start()
    eventually(lambda: shown(peer))
    cloud.stop()
    scu.create_step(peer, began(item()), UID)
    scu.set_step(peer, completed(), UID)
    process.end(kill=True)
    cloud.start()
    peer = process.start()
    cloud.wait_for(lambda c: len(c.recorded) == 2)
    assert cloud.recorded_kinds() == [(UID, "N-CREATE"), (UID, "N-SET")]
    assert scu.find(peer, query()) == []
    assert process.end() == 0


def refused_end(relay: Relay, cloud: FakeCloud) -> str:
    """Let the cloud refuse a step's end; return the event's id."""
    uid = scu.create_step(scanner(relay), began(item()), "2.25.88")
    cloud.wait_for(lambda cloud: len(cloud.recorded) == 1)
    eventually(lambda: not relay.journal.open_events())
    cloud.refuse_all = "the site is unknown"
    scu.set_step(scanner(relay), completed(), uid)
    eventually(lambda: [each.state for each in relay.journal.open_events()] == ["parked"])
    return relay.journal.open_events()[0].event_id


def test_a_later_change_in_the_cloud_wins_over_a_parked_event(relay: Relay, cloud: FakeCloud) -> None:
    refused_end(relay, cloud)
    pulls = cloud.pulls
    cloud.wait_for(lambda cloud: cloud.pulls > pulls + 2)
    assert relay.journal.overlay()[item().id].status is Status.COMPLETED
    edited = item(patient_name="Edited^Name", performed_procedure_step_status=Status.SCHEDULED)
    cloud.put(edited)
    eventually(lambda: not relay.journal.overlay())
    assert statuses(relay) == ["SCHEDULED"]


def test_a_parked_event_is_discarded_by_command_and_the_running_relay_follows(
    relay: Relay, cloud: FakeCloud, tmp_path: Path
) -> None:
    event_id = refused_end(relay, cloud)
    answer = CliRunner().invoke(
        app, ["discard", event_id, "--because", "scanned twice", "--state-dir", str(tmp_path)]
    )
    assert answer.exit_code == 0, answer.output
    assert event_id in answer.output
    eventually(lambda: not relay.journal.overlay())
    assert relay.journal.open_events() == []
    listed = CliRunner().invoke(app, ["journal", "discarded", "--json", "--state-dir", str(tmp_path)])
    (kept,) = json.loads(listed.output)
    assert (kept["event_id"], kept["because"]) == (event_id, "scanned twice")
    again = CliRunner().invoke(app, ["discard", event_id, "--because", "x", "--state-dir", str(tmp_path)])
    assert again.exit_code != 0


def test_a_parked_event_that_people_give_up_in_the_cloud_is_discarded(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    with running_relay(tmp_path, cloud, heartbeat_interval_seconds=0.05) as relay:
        eventually(relay.cache.count)
        event_id = refused_end(relay, cloud)
        cloud.wait_for(lambda cloud: cloud.heartbeats[-1]["parked_events"])
        assert cloud.heartbeats[-1]["parked_events"][0]["event_id"] == event_id
        cloud.discards = [{"event_id": event_id, "by": "anna", "because": "scanned twice"}]
        eventually(lambda: not relay.journal.open_events())
        eventually(lambda: not relay.journal.overlay())
    with closing(JournalReader(tmp_path / "journal.db")) as reader:
        (kept,) = reader.discarded()
    assert (kept.event_id, kept.discarded_by, kept.because) == (event_id, "anna", "scanned twice")
