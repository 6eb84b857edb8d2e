"""A relay asks a real archive whether images have arrived: the exam is completed in the cloud, or not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_relay.client.scu import Peer
from edge_relay.config import Settings
from edge_relay.evidence.archive import ask
from edge_relay.evidence.asking import ImagesSearch, images_search
from shared.errors import Rejected, Unavailable
from shared.scanners.scanner_profile import ScannerProfile
from shared.steps.study_images import StudyImages
from shared.worklist_item import Status, WorklistItem
from tests.rigs.api import ApiRig, api
from tests.rigs.archive import AE_TITLE, PROGRAMS, Archive, running_archive
from tests.rigs.builders import an_event, an_item
from tests.rigs.exchanging_relay import ExchangingRelay, exchanging_relay
from tests.rigs.relay import FakeCloud, item, running_relay, scanner


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    if shutil.which(PROGRAMS[request.param]) is None:
        pytest.skip(f"{request.param} is not installed")
    with running_archive(request.param, tmp_path_factory.mktemp("archive")) as running:
        yield running


class Site:
    """A relay, its cloud and its archive, driven call by call.

    :param settle: minutes without a new image until they are believed.
    """

    def __init__(self, rig: ApiRig, relay: ExchangingRelay, archive: Archive, settle: float = 0) -> None:
        self.rig, self.relay, self.archive = rig, relay, archive
        settings = Settings.model_validate(
            {
                "relay": {"cloud_url": "https://api.example.org"},
                "archives": [archive.settings()],
                "images": {"settle_minutes": settle, "again_after_minutes": 10, "first_after_minutes": 15},
                "scanners": [{"ae_title": "MR1", "images_from": AE_TITLE}, {"ae_title": "MR2"}],
            }
        )
        self.search: ImagesSearch = images_search(
            settings, relay.cloud, relay.cache, relay.journal.overlay, lambda: settings.scanners, self.now
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.rig.clock(), UTC)

    def book(self, name: str, *, minutes_ago: int = 60, **changes: Any) -> WorklistItem:
        """Book an exam, and have the relay hear of it."""
        start = self.now() - timedelta(minutes=minutes_ago)
        times = {"scheduled_start_date": f"{start:%Y%m%d}", "scheduled_start_time": f"{start:%H%M%S}"}
        booked = an_item(name, **{"scheduled_station_aetitle": "MR1", **times, **changes})
        self.rig.services.worklist.put_if_changed([booked])
        self.relay.pull()
        return booked

    def scanned(self, booked: WorklistItem, **changes: Any) -> None:
        """Have a scanner store what it made of an exam."""
        given = {"patient_id": booked.patient_id, "series": 2, "images": 3, **changes}
        self.archive.store(booked.study_instance_uid, **given)

    def look(self, minutes: float = 11, times: int = 3) -> None:
        """Let time pass, and let the relay ask whatever it wants to."""
        self.rig.clock.advance(minutes * 60)
        for _ in range(times):
            self.search.exchange_once()
        self.relay.pull()

    def status(self, booked: WorklistItem) -> tuple[Status, str]:
        found = self.rig.services.worklist.find(booked.id)
        assert found is not None
        return found.item.performed_procedure_step_status, found.status_owner


@pytest.fixture
def site(archive: Archive, tmp_path: Path) -> Iterator[Site]:
    with api() as rig, exchanging_relay(rig, tmp_path / "relay") as relay:
        rig.clock.advance(0)
        yield Site(rig, relay, archive)


DONE = (Status.COMPLETED, "images")
OPEN = (Status.SCHEDULED, "source")


def test_an_exam_whose_images_have_arrived_is_completed_and_leaves_the_list(site: Site) -> None:
    booked, not_come = site.book("001"), site.book("002")
    site.scanned(booked)
    site.look()
    assert (site.status(booked), site.status(not_come)) == (DONE, OPEN)
    assert site.relay.shown()[booked.id] is Status.COMPLETED
    found = site.rig.services.worklist.find(booked.id)
    assert found is not None
    assert found.images is not None
    assert (found.images.archive, found.images.series_count, found.images.image_count) == ("PACS", 2, 6)


def test_images_under_another_patient_id_complete_nothing_and_are_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    booked = site.book("003")
    site.scanned(booked, patient_id="P-OTHER")
    site.look()
    assert site.status(booked) == OPEN
    found = site.rig.services.worklist.find(booked.id)
    assert found is not None
    assert found.images is not None
    assert found.images.other_patient
    assert "under another Patient ID" in caplog.text
    assert "P-OTHER" not in caplog.text


def test_a_report_in_the_study_is_no_scan(site: Site) -> None:
    booked = site.book("004")
    site.scanned(booked, modality="OT")
    site.look()
    assert site.status(booked) == OPEN


@pytest.mark.slow
def test_images_are_believed_once_no_more_arrive(archive: Archive, tmp_path: Path) -> None:
    with api() as rig, exchanging_relay(rig, tmp_path / "relay") as relay:
        site = Site(rig, relay, archive, settle=20)
        booked = site.book("005")
        site.scanned(booked)
        site.look()
        site.look()
        site.scanned(booked)  # the exam goes on
        site.look()
        site.look()
        assert site.status(booked) == OPEN
        site.look()
        assert site.status(booked) == DONE


@pytest.mark.parametrize(
    "changes", [{"minutes_ago": 5}, {"minutes_ago": 9 * 1440}, {"scheduled_station_aetitle": "MR2"}]
)
def test_it_is_not_asked_about_what_is_still_to_come_long_over_or_reported_by_its_scanner(
    site: Site, changes: dict[str, Any]
) -> None:
    booked = site.book("006", **changes)
    site.scanned(booked)
    site.look(minutes=1)
    assert site.status(booked) == OPEN


def test_a_scanner_that_reports_after_all_has_the_last_word(site: Site) -> None:
    booked = site.book("007")
    site.scanned(booked)
    site.look()
    site.relay.report(an_event(booked))
    site.relay.push()
    assert site.status(booked) == (Status.IN_PROGRESS, "mpps")
    site.look()
    assert site.status(booked) == (Status.IN_PROGRESS, "mpps")


def peer(archive: Archive) -> Peer:
    return Peer("127.0.0.1", archive.port, AE_TITLE, "R")


def test_it_says_how_many_images_there_are_and_when_the_last_series_began(archive: Archive) -> None:
    booked = an_item("008")
    archive.store(booked.study_instance_uid, booked.patient_id, series=2, images=2)
    archive.store(booked.study_instance_uid, booked.patient_id, images=4, at="20261122104500")
    found = ask(peer(archive), booked)
    assert found is not None
    assert (found.series_count, found.image_count) == (3, 8)
    assert found.last_at in {None, datetime(2026, 11, 22, 10, 45)}
    assert ask(peer(archive), an_item("009")) is None


def test_an_archive_that_cannot_be_reached_is_asked_again_later() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        ask(Peer("127.0.0.1", 1, AE_TITLE, "R", 1), an_item())


def test_a_server_that_is_no_archive_is_told_apart(tmp_path: Path) -> None:
    with FakeCloud() as cloud, running_relay(tmp_path, cloud) as relay:
        stranger = scanner(relay)
        with pytest.raises(Rejected, match="does not offer this service"):
            ask(stranger, an_item())


@pytest.mark.slow
def test_a_running_relay_asks_by_itself_and_says_how_that_goes(archive: Archive, tmp_path: Path) -> None:
    start = datetime.now() - timedelta(hours=2)  # noqa: DTZ005 - the scanners' clock is this machine's
    booked = item(
        "item-9", scheduled_start_date=f"{start:%Y%m%d}", scheduled_start_time=f"{start:%H%M%S}"
    ).model_copy(update={"study_instance_uid": "2.25.4711"})
    archive.store(booked.study_instance_uid, booked.patient_id, images=2)
    profile = {"ae_title": booked.scheduled_station_aetitle, "images_from": AE_TITLE}
    tables = {"archives": [archive.settings()], "images": {"settle_minutes": 0, "pause_seconds": 0.05}}
    with FakeCloud() as cloud:
        cloud.put(booked)
        with running_relay(tmp_path, cloud, scanners=[profile], **tables) as relay:
            cloud.wait_for(lambda told: told.images)
            assert StudyImages.model_validate(cloud.images[0]).image_count == 2
            assert relay.report().images.failure == ""
    assert ScannerProfile.model_validate(profile).images_from == AE_TITLE
