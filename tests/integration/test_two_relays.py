"""Two relays of one site: a scanner fails over in mid-exam, and what a relay does not know, it asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_relay.client import scu
from edge_relay.mpps.journal_file import backup
from edge_relay.relay import Relay
from shared.errors import MwlError
from shared.steps.procedure_step import ProcedureStepEvent, StepStatus
from tests.rigs.relay import FakeCloud, began, completed, eventually, item, running_relay, scanner

ACCEPTORS = pytest.mark.parametrize("acceptor", ["asyncio", "pynetdicom"])
UID = "2.25.4001"


@contextmanager
def two(tmp_path: Path, cloud: FakeCloud, acceptor: str = "asyncio") -> Iterator[tuple[Relay, Relay]]:
    cloud.put(item())
    with (
        running_relay(tmp_path / "a", cloud, acceptor=acceptor) as first,
        running_relay(tmp_path / "b", cloud, acceptor=acceptor) as second,
    ):
        eventually(lambda: first.cache.count() and second.cache.count())
        yield first, second


def begin(relay: Relay, cloud: FakeCloud, uid: str = UID) -> None:
    known = len(cloud.recorded)
    assert scu.create_step(scanner(relay), began(item()), uid) == uid
    cloud.wait_for(lambda cloud: len(cloud.recorded) > known)


def progress_of(relay: Relay, uid: str = UID) -> StepStatus | None:
    step = relay.journal.step(uid)
    return step.status if step else None


@ACCEPTORS
def test_an_exam_begun_at_one_relay_ends_at_the_other(
    tmp_path: Path, cloud: FakeCloud, acceptor: str
) -> None:
    with two(tmp_path, cloud, acceptor) as (first, second):
        begin(first, cloud)
        scu.set_step(scanner(second), completed(), UID)
        assert progress_of(second) is StepStatus.COMPLETED
        cloud.wait_for(lambda cloud: len(cloud.recorded) == 2)
    assert cloud.recorded_kinds() == [(UID, "N-CREATE"), (UID, "N-SET")]
    assert cloud.recorded[1]["item_id"] == item().id


def test_a_step_nobody_knows_is_still_refused(tmp_path: Path, cloud: FakeCloud) -> None:
    with two(tmp_path, cloud) as (_, second), pytest.raises(MwlError, match="0112"):
        scu.set_step(scanner(second), completed(), "2.25.4002")


def test_while_the_cloud_is_away_an_unknown_step_is_refused_without_waiting_each_time(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    with two(tmp_path, cloud) as (first, second):
        begin(first, cloud)
        cloud.always = "500"
        asked = len(cloud.paths)
        for _ in range(5):
            with pytest.raises(MwlError, match="0112"):
                scu.set_step(scanner(second), completed(), UID)
        assert sum(path.startswith("/relay/mpps/2") for path in cloud.paths[asked:]) == 1


def test_a_relay_that_starts_again_learns_what_became_of_its_unfinished_steps(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.put(item())
    with two(tmp_path, cloud) as (first, second):
        begin(first, cloud)
        scu.set_step(scanner(second), completed(), UID)
        cloud.wait_for(lambda cloud: len(cloud.recorded) == 2)
    with running_relay(tmp_path / "a", cloud) as first:
        eventually(lambda: progress_of(first) is StepStatus.COMPLETED)
        with pytest.raises(MwlError, match="0110"):
            scu.set_step(scanner(first), completed(), UID)


def test_a_journal_restored_to_an_older_state_knows_what_the_cloud_knows(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.put(item())
    folder, copy = tmp_path / "a", tmp_path / "copy.db"
    with running_relay(folder, cloud) as relay:
        eventually(relay.cache.count)
        begin(relay, cloud, "2.25.1")
        backup(folder / "journal.db", copy)
        scu.set_step(scanner(relay), completed(), "2.25.1")
        begin(relay, cloud, "2.25.2")
        cloud.wait_for(lambda cloud: len(cloud.recorded) == 3)
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(copy, folder / "journal.db")
    with running_relay(folder, cloud) as relay:
        eventually(lambda: progress_of(relay, "2.25.1") is StepStatus.COMPLETED)
        scu.set_step(scanner(relay), completed(), "2.25.2")
        cloud.wait_for(lambda cloud: len(cloud.recorded) == 4)
        eventually(lambda: not relay.journal.open_events())


def test_what_waits_here_is_not_overwritten_by_what_the_cloud_knows(tmp_path: Path, cloud: FakeCloud) -> None:
    with two(tmp_path, cloud) as (first, _):
        begin(first, cloud)
        known = [ProcedureStepEvent.model_validate(each) for each in cloud.recorded]
        cloud.always = "500"
        scu.set_step(scanner(first), completed(), UID)
        first.journal.give_back(known)
        assert progress_of(first) is StepStatus.COMPLETED


def test_a_copied_identity_is_told_to_the_people_of_both_machines(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.identity_shared = True
    with running_relay(tmp_path, cloud, heartbeat_interval_seconds=0.05) as relay:
        cloud.wait_for(lambda cloud: len(cloud.heartbeats) > 2)
        eventually(lambda: relay.report().identity.failure)
        cloud.identity_shared = False
        eventually(lambda: not relay.report().identity.failure)
    assert len({each["run"] for each in cloud.heartbeats}) == 1
    assert cloud.heartbeats[0]["run"]
