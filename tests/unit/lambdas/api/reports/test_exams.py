"""What a stored item and a step are to a report: in the site's zone, also when its clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lambdas.api.reports.exams import BY_HAND, NOT_KNOWN, Booking, booking_of, scan_of
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, Step, StepStatus
from shared.worklist_item import Status
from tests.rigs.builders import an_item

OSLO = ZoneInfo("Europe/Oslo")


def step(began: str = "2026-11-22T09:31", ended: str = "2026-11-22T10:15", **changes: Any) -> Step:
    fields: dict[str, Any] = {
        "sop_instance_uid": "2.25.7",
        "status": StepStatus.COMPLETED,
        "station_aetitle": "MR1",
        "started_at": began or None,
        "ended_at": ended or None,
        **changes,
    }
    return Step.model_validate(fields)


def booking(*steps: Step, **changes: Any) -> Booking:
    return booking_of(an_item(**changes).model_dump(mode="json"), steps, OSLO)


def test_a_plan_is_in_the_zone_of_the_site() -> None:
    found = booking()
    assert found.planned == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert (found.day, found.scanner, found.study) == (date(2026, 11, 22), "MR1", "study")


def test_a_time_without_seconds_and_one_with_fractions_are_read() -> None:
    minutes, fractions = (booking(scheduled_start_time=time).planned for time in ("0930", "093000.5"))
    assert minutes == fractions == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "minutes"),
    [
        ({"scheduled_end_time": "101500"}, 45),
        ({"scheduled_end_time": "0030", "scheduled_end_date": "20261123"}, 900),
        ({"scheduled_end_time": "080000"}, None),
        ({"scheduled_end_date": "20261122"}, None),
        ({}, None),
    ],
)
def test_a_planned_end_counts_if_it_is_after_the_start(end: dict[str, str], minutes: int | None) -> None:
    found = booking(**end)
    expected = None if minutes is None else found.planned + timedelta(minutes=minutes)
    assert found.planned_end == expected


def test_the_night_of_the_change_to_winter_time_has_an_hour_more() -> None:
    found = booking(scheduled_start_date="20261025", scheduled_start_time="0130", scheduled_end_time="0330")
    assert found.planned_end is not None
    assert found.planned_end - found.planned == timedelta(hours=3)


def test_a_booking_made_by_hand_says_so() -> None:
    assert booking(source="", source_record="").study == BY_HAND


def test_a_cancelled_status_is_a_cancellation() -> None:
    assert booking(performed_procedure_step_status=Status.CANCELLED).cancelled


def test_a_scan_begun_for_the_wrong_entry_is_not_of_the_booking() -> None:
    wrong = step(status=StepStatus.DISCONTINUED, discontinuation_reason=WRONG_WORKLIST_ENTRY)
    assert booking(wrong).scans == ()
    assert len(booking(step()).scans) == 1


def test_a_scan_without_a_begin_is_none() -> None:
    assert scan_of(step(began=""), "study", OSLO) is None


def test_a_scan_is_of_the_day_it_began_on_at_the_site() -> None:
    found = scan_of(step("2026-11-22T00:10", "2026-11-22T00:20"), "study", OSLO)
    assert found is not None
    assert (found.day, found.began) == (date(2026, 11, 22), datetime(2026, 11, 21, 23, 10, tzinfo=UTC))


@pytest.mark.parametrize("ended", ["", "2026-11-22T09:00", "2026-11-23T10:00"])
def test_a_scan_that_has_no_sensible_end_has_no_length(ended: str) -> None:
    found = scan_of(step(ended=ended), "study", OSLO)
    assert found is not None
    assert found.ended is None


@pytest.mark.parametrize(
    ("names", "scanner"),
    [({"station_aetitle": "", "station_name": "PRISMA"}, "PRISMA"), ({"station_aetitle": ""}, NOT_KNOWN)],
)
def test_a_scanner_goes_by_its_name_if_it_sent_no_ae_title(names: dict[str, str], scanner: str) -> None:
    found = scan_of(step(**names), "study", OSLO)
    assert found is not None
    assert found.scanner == scanner
