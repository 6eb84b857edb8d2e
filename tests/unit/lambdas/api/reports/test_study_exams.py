"""A study sees its exams without anything that says who they are of, in an order that says nothing either."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.api.reports.study_exams import View, page_of, study_exams
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.ownership import PerformedStep, StoredItem, from_images
from shared.steps.procedure_step import StepStatus
from tests.rigs.builders import an_item
from tests.rigs.images import images

NAMES: Final = Pseudonyms(b"a key of the tests, 32 bytes long" * 2)
PLAIN, SHIFTED = View(NAMES, shifted=False, named=False), View(NAMES, shifted=True, named=False)


def stored(name: str = "001", **changes: Any) -> StoredItem:
    return StoredItem(item=an_item(name, **changes), feed_seq=1)


def test_an_exam_says_when_where_and_how_it_stands() -> None:
    booked = stored(scheduled_start_date="20261122", scheduled_start_time="1015")
    (exam,) = study_exams([from_images(booked, images(booked.item))], PLAIN)
    assert exam.planned_at == datetime(2026, 11, 22, 10, 15)
    assert (exam.status, exam.status_owner, exam.series) == ("COMPLETED", "images", 3)
    assert (exam.site, exam.scanner) == (booked.item.site, booked.item.scheduled_station_aetitle)


def scan(status: StepStatus, began: int, ended: int | None = None) -> PerformedStep:
    day = (2026, 11, 22)
    return PerformedStep(
        sop_instance_uid=f"2.25.{began}",
        status=status,
        started_at=datetime(*day, began),
        ended_at=datetime(*day, ended) if ended else None,
        station_aetitle=f"MR{began}",
        series_count=4,
    )


def test_what_scanners_did_is_from_the_first_start_to_the_last_end() -> None:
    scans = (scan(StepStatus.DISCONTINUED, 9, 10), scan(StepStatus.COMPLETED, 11, 12))
    (exam,) = study_exams([stored().model_copy(update={"performed": scans})], PLAIN)
    assert exam.started_at == datetime(2026, 11, 22, 9)
    assert exam.ended_at == datetime(2026, 11, 22, 12)
    assert (exam.actual_scanner, exam.series) == ("MR11", 8)


def test_while_a_scan_runs_the_exam_has_not_ended() -> None:
    scans = (scan(StepStatus.COMPLETED, 9, 10), scan(StepStatus.IN_PROGRESS, 11))
    (exam,) = study_exams([stored().model_copy(update={"performed": scans})], PLAIN)
    assert (exam.ended_at, exam.actual_scanner) == (None, "MR11")


def test_nothing_in_it_says_who_it_is_of() -> None:
    item = an_item("r-77", patient_name="Secret^Name", patient_id="P-4711", patient_birth_date="19700131")
    (exam,) = study_exams([StoredItem(item=item, feed_seq=1)], PLAIN)
    said = exam.model_dump_json()
    for own in ("Secret", "P-4711", "19700131", "1970", "r-77", item.id, item.accession_number):
        assert own not in said
    assert item.study_instance_uid not in said


def test_with_names_it_says_whose_it_is_on_its_own_days() -> None:
    booked = stored(scheduled_start_date="20261122")
    (exam,) = study_exams([booked], View(NAMES, shifted=True, named=True))
    assert exam.named is not None
    assert (exam.named.patient_id, exam.named.item_id) == (booked.item.patient_id, booked.item.id)
    assert exam.planned_at is not None
    assert exam.planned_at.date() == date(2026, 11, 22)


def test_a_participant_is_the_same_at_every_visit_and_another_in_another_study() -> None:
    first, second = (
        stored("001", scheduled_start_date="20261122"),
        stored("001", scheduled_start_date="20261201"),
    )
    other = stored("001", source="other")
    keys = [study_exams([each], PLAIN)[0].participant for each in (first, second, other)]
    assert keys[0] == keys[1] != keys[2]


def test_moved_dates_keep_weekday_time_and_the_days_between_visits() -> None:
    days = ["20261122", "20261201"]
    plain = [study_exams([stored("001", scheduled_start_date=day)], PLAIN)[0].planned_at for day in days]
    moved = [study_exams([stored("001", scheduled_start_date=day)], SHIFTED)[0].planned_at for day in days]
    assert None not in {*plain, *moved}
    gone = [there - here for here, there in zip(plain, moved, strict=True) if here and there]
    assert gone[0] == gone[1]
    assert gone[0].days % 7 == 0
    assert gone[0].days != 0


@given(st.permutations(range(7)), st.integers(1, 8))
def test_every_exam_is_on_one_page_whatever_the_order_they_are_read_in(order: list[int], limit: int) -> None:
    exams = study_exams([stored(f"{number:03}") for number in order], PLAIN)
    seen: list[str] = []
    after = ""
    while True:
        page, after = page_of(exams, after, limit)
        seen += [each.exam for each in page]
        if not after:
            break
    assert seen == sorted(seen) == [each.exam for each in exams]


@pytest.mark.parametrize("limit", [1, 3])
def test_an_empty_study_has_an_empty_page(limit: int) -> None:
    assert page_of([], "", limit) == ([], "")
