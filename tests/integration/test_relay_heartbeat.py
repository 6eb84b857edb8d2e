"""Heartbeats over real HTTP: whatever the cloud answers, or does not, the profiles in force are good ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from edge_relay.clock.cloud_clock import Clock
from edge_relay.exchange.cloud import Cloud
from edge_relay.exchange.heartbeat import heartbeat_once
from edge_relay.exchange.loop import Backoff, Loop
from edge_relay.exchange.transport import make_client
from edge_relay.health.report import Health
from edge_relay.services.profiles import Profiles
from edge_relay.worklist.scanner_attributes import check_profile
from shared.errors import Forbidden, Rejected, Unavailable
from shared.relay_health import LoopState, RelayHealth
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import SCANNER, FakeCloud, enrolled, settings_for

FAULTS = {
    "500": Unavailable,
    "503": Unavailable,
    "html": Unavailable,
    "truncated": Unavailable,
    "shape": Unavailable,
    "forget": Unavailable,
    "drop": Unavailable,
    "bad-request-html": Unavailable,
    "400": Rejected,
    "403": Forbidden,
}


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        yield running


class Rig:
    """An enrolled relay without its DICOM side."""

    def __init__(self, folder: Path, fake: FakeCloud, client: Cloud) -> None:
        self.cloud = client
        self.profiles = Profiles(settings_for(fake), folder, check_profile)

    def beat(self) -> bool:
        return heartbeat_once(self.cloud, self.profiles, health())

    @property
    def days_back(self) -> int | None:
        profile = self.profiles.get(SCANNER)
        assert profile is not None
        return profile.days_back


def health() -> RelayHealth:
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    return RelayHealth(version="0.2.0", at=at, pull=LoopState(succeeded_at=at), items=12)


@contextmanager
def rig(folder: Path, cloud: FakeCloud) -> Iterator[Rig]:
    me = enrolled(folder, cloud)
    with make_client(cloud.url, 5) as client:
        yield Rig(folder, cloud, Cloud(client, me, Clock(), lambda: uuid4().hex))


def override(cloud: FakeCloud, version: str, **fields: object) -> None:
    cloud.overrides, cloud.version = [{"ae_title": SCANNER, **fields}], version


def test_health_goes_up_and_overrides_come_down(tmp_path: Path, cloud: FakeCloud) -> None:
    override(cloud, "3", days_back=1)
    with rig(tmp_path, cloud) as relay:
        assert relay.beat()
        assert relay.days_back == 1
        assert relay.beat()
    first, second = cloud.heartbeats
    assert (first["items"], first["profiles_version"]) == (12, "")
    assert second["profiles_version"] == "3"
    assert RelayHealth.model_validate(second).pull == health().pull


def test_what_could_not_be_taken_is_told_with_the_next_heartbeat(tmp_path: Path, cloud: FakeCloud) -> None:
    override(cloud, "1", suppressed_attributes=["PatientID"])
    with rig(tmp_path, cloud) as relay:
        relay.beat()
        relay.beat()
        override(cloud, "2", suppressed_attributes=["MedicalAlerts"])
        relay.beat()
        relay.beat()
    told = [beat["profile_problems"] for beat in cloud.heartbeats]
    assert told[0] == told[3] == []
    assert told[1] == told[2]
    assert told[1][0].startswith(f"{SCANNER}: suppressed_attributes: PatientID")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_none_changes_nothing(tmp_path: Path, cloud: FakeCloud, fault: str) -> None:
    override(cloud, "1", days_back=1)
    with rig(tmp_path, cloud) as relay:
        relay.beat()
        override(cloud, "2", days_back=2)
        cloud.heartbeat_faults.append(fault)
        with pytest.raises(FAULTS[fault]):
            relay.beat()
        assert (relay.days_back, relay.profiles.version) == (1, "1")
        assert relay.beat()
        assert (relay.days_back, relay.profiles.version) == (2, "2")


def test_a_cloud_without_heartbeats_does_no_harm(tmp_path: Path, cloud: FakeCloud) -> None:
    override(cloud, "1", days_back=1)
    with rig(tmp_path, cloud) as relay:
        relay.beat()
        cloud.heartbeat_faults.append("404")
        assert not relay.beat()
        assert (relay.days_back, relay.profiles.version) == (1, "1")


def test_a_wrong_clock_does_not_keep_the_relay_from_being_heard(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.clock_skew_seconds = 7200
    with rig(tmp_path, cloud) as relay:
        assert relay.beat()


def test_the_cloud_being_away_is_shown_and_outlived(tmp_path: Path, cloud: FakeCloud) -> None:
    override(cloud, "1", days_back=1)
    cloud.heartbeat_faults.extend(["500", "html", "drop", "403"])
    found = Health(lambda: datetime.now(UTC))
    with rig(tmp_path, cloud) as relay:

        def exchange_once() -> bool:
            relay.beat()
            return False

        loop = Loop("heartbeat", exchange_once, 0.01, Backoff(0.01, 0.01, random.Random(1)), found)
        loop.start()
        cloud.wait_for(lambda seen: len(seen.heartbeats) >= 2)
        assert loop.stop(PATIENCE)
        assert relay.days_back == 1
    assert not cloud.heartbeat_faults
    assert found.report("").heartbeat.failure == ""
