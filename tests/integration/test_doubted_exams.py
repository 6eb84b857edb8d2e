"""Exams with images under another Patient ID, as the tables hold them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.linking.doubted_exams import DoubtedExam, doubted_exams
from shared.worklist_item import WorklistItem
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_item
from tests.rigs.images import images

ITEM = an_item()
DAY = date.fromisoformat(ITEM.scheduled_start_date)


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        running.services.worklist.put_if_changed([ITEM, an_item("002")])
        yield running


def found(rig: ApiRig, today: date = DAY, site: str = ITEM.site) -> list[str]:
    services = rig.services
    return [each.item_id for each in doubted_exams(services.worklist, services.doubted_images, site, today)]


def doubt(rig: ApiRig, item: WorklistItem) -> None:
    rig.services.completions.images_found(item.site, images(item, patient_id="P-OTHER"))


def test_it_says_which_exam_and_whose_archive(rig: ApiRig) -> None:
    doubt(rig, ITEM)
    services = rig.services
    [exam] = doubted_exams(services.worklist, services.doubted_images, ITEM.site, DAY)
    planned = ITEM.scheduled_start_date, ITEM.scheduled_station_aetitle
    assert exam == DoubtedExam(ITEM.site, ITEM.id, *planned, "PACS")


def test_people_are_asked_for_a_week(rig: ApiRig) -> None:
    doubt(rig, ITEM)
    assert found(rig, DAY + timedelta(days=7)) == [ITEM.id]
    assert found(rig, DAY + timedelta(days=8)) == []


def test_an_exam_is_doubted_at_its_own_site_only(rig: ApiRig) -> None:
    doubt(rig, ITEM)
    assert found(rig, site="south") == []


def test_an_exam_that_is_told_twice_is_there_once(rig: ApiRig) -> None:
    doubt(rig, ITEM)
    doubt(rig, ITEM)
    assert found(rig) == [ITEM.id]


def test_an_exam_that_a_person_marked_as_done_is_not_noted_at_all(rig: ApiRig) -> None:
    rig.services.completions.complete(ITEM.id)
    doubt(rig, ITEM)
    assert rig.services.doubted_images.item_ids(ITEM.site) == []


def test_a_note_of_an_exam_that_is_gone_does_no_harm(rig: ApiRig) -> None:
    DoubtedImageStore(rig.cloud.tables, now=rig.clock).note(ITEM.site, "nobody")
    assert found(rig) == []


def test_a_note_that_was_lost_is_written_when_the_relay_tells_again(
    rig: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_store: DoubtedImageStore, _site: str, _item_id: str) -> None:
        raise ConnectionError

    with monkeypatch.context() as fault:
        fault.setattr(DoubtedImageStore, "note", lost)
        with pytest.raises(ConnectionError):
            doubt(rig, ITEM)
    doubt(rig, ITEM)
    assert found(rig) == [ITEM.id]
