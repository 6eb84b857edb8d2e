"""One exam an exchange; whoever could not answer is asked again, and others have their turn first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from edge_relay.config import ArchiveSettings, ImagesSettings
from edge_relay.evidence.asking import ImagesSearch
from shared.errors import Rejected, Unavailable
from shared.scanners.scanner_profile import ScannerProfile
from shared.steps.study_images import ImagesOutcome, ImagesResult, StudyImages
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.images import images

START = datetime(2026, 11, 22, 9)
EXAMS = tuple(
    an_item(name, scheduled_station_aetitle="MR1", scheduled_start_date="20261122", scheduled_start_time=time)
    for name, time in (("001", "080000"), ("002", "083000"))
)


class Bench:
    """A search whose archive, cloud and clock are at hand."""

    def __init__(self, *, archive: str = "PACS", cloud_is_old: bool = False) -> None:
        self.now, self.asked, self.told = START, list[str](), list[str]()
        self.down, self.cloud_is_old, self.outcome = False, cloud_is_old, ImagesOutcome.COMPLETED
        scanners = (ScannerProfile.model_validate({"ae_title": "MR1", "images_from": archive}),)
        self.search = ImagesSearch(
            [ArchiveSettings(ae_title="PACS", host="pacs", port=104)],
            ImagesSettings(settle_minutes=0),
            self,
            items=lambda: EXAMS,
            scanners=lambda: scanners,
            ask=self.ask,
            now=lambda: self.now,
        )

    def ask(self, archive: ArchiveSettings, item: WorklistItem) -> StudyImages | None:
        self.asked.append(item.source_record)
        if self.down:
            raise Unavailable("cannot be reached", where=archive.host)
        return images(item)

    def images(self, studies: Sequence[StudyImages]) -> list[ImagesResult] | None:
        if self.cloud_is_old:
            return None
        self.told += [each.item_id for each in studies]
        return [ImagesResult(item_id=each.item_id, outcome=self.outcome) for each in studies]

    def later(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


def test_an_exchange_asks_about_one_exam_and_never_hurries_on() -> None:
    bench = Bench()
    assert bench.search.exchange_once() is False
    assert bench.asked == ["001"]
    assert bench.search.exchange_once() is False
    assert bench.asked == ["001", "002"]
    assert bench.told == [each.id for each in EXAMS]


def test_after_a_round_nobody_is_asked_about_until_it_is_time_again() -> None:
    bench = Bench()
    for _ in range(10):
        bench.search.exchange_once()
    assert bench.asked == ["001", "002"]
    bench.later(10)
    bench.search.exchange_once()
    assert bench.asked == ["001", "002", "001"]


def test_an_archive_that_is_down_is_asked_about_another_exam_next() -> None:
    bench = Bench()
    bench.down = True
    for _ in EXAMS:
        with pytest.raises(Unavailable):
            bench.search.exchange_once()
    assert bench.asked == ["001", "002"]
    assert bench.told == []


def test_what_the_cloud_was_told_it_is_not_told_again() -> None:
    bench = Bench()
    bench.outcome = ImagesOutcome.OTHER_PATIENT
    for _ in range(4):
        bench.search.exchange_once()
        bench.later(10)
    assert len(bench.asked) > len(bench.told) == len(set(bench.told)) > 0


def test_a_cloud_that_is_too_old_is_told_later(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(cloud_is_old=True)
    bench.search.exchange_once()
    assert "too old" in caplog.text
    bench.cloud_is_old = False
    for _ in range(3):
        bench.later(10)
        bench.search.exchange_once()
    assert EXAMS[0].id in bench.told


def test_images_under_another_patient_id_are_logged_without_one(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.outcome = ImagesOutcome.OTHER_PATIENT
    bench.search.exchange_once()
    assert "under another Patient ID" in caplog.text
    assert EXAMS[0].patient_id not in caplog.text.replace(EXAMS[0].id, "")


def test_an_archive_that_relay_toml_does_not_list_is_said() -> None:
    bench = Bench(archive="ELSEWHERE")
    with pytest.raises(Rejected, match="ELSEWHERE"):
        bench.search.exchange_once()
