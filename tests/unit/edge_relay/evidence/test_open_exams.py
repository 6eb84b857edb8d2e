"""An archive is asked about exams whose time has come, that are open, and whose scanner reports nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.evidence.open_exams import Times, check_archives, questions
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item

NOW: Final = datetime(2026, 11, 22, 12)
TIMES: Final = Times(after=timedelta(minutes=15), again=timedelta(minutes=10), longest=timedelta(days=7))


def scanner(**changes: Any) -> ScannerProfile:
    return ScannerProfile.model_validate({"ae_title": "MR1", "images_from": "PACS", **changes})


def exam(name: str = "001", minutes_ago: float = 60, **changes: Any) -> WorklistItem:
    start = NOW - timedelta(minutes=minutes_ago)
    times = {"scheduled_start_date": f"{start:%Y%m%d}", "scheduled_start_time": f"{start:%H%M%S}"}
    return an_item(name, **{"scheduled_station_aetitle": "MR1", **times, **changes})


def asked_about(
    *items: WorklistItem, scanners: tuple[ScannerProfile, ...] = (), asked: dict[str, datetime] | None = None
) -> list[str]:
    found = questions(items, scanners or (scanner(),), asked or {}, NOW, TIMES)
    return [each.item.id for each in found]


@pytest.mark.parametrize(
    ("minutes", "due"), [(-60, False), (14, False), (15, True), (7 * 1440, True), (7 * 1440 + 1, False)]
)
def test_an_exam_is_asked_about_from_a_while_after_its_start_for_some_days(minutes: float, due: bool) -> None:
    assert bool(asked_about(exam(minutes_ago=minutes))) is due


@pytest.mark.parametrize("status", Status)
def test_only_an_exam_that_is_still_to_be_scanned_is_asked_about(status: Status) -> None:
    waiting = status in {Status.SCHEDULED, Status.ARRIVED, Status.READY}
    assert bool(asked_about(exam(performed_procedure_step_status=status))) is waiting


def test_a_scanner_that_reports_by_itself_needs_no_archive() -> None:
    assert asked_about(exam(), scanners=(scanner(images_from=None),)) == []
    assert asked_about(exam(), scanners=(scanner(ae_title="MR2"),)) == []


@pytest.mark.parametrize(
    ("profile", "booked"),
    [
        ({"station_ae_titles": ["MR1B"]}, {"scheduled_station_aetitle": "MR1B"}),
        ({"station_names": ["ROOM1"]}, {"scheduled_station_aetitle": "ANY", "station_name": "ROOM1"}),
        ({"ignore_ae_title_case": True}, {"scheduled_station_aetitle": "mr1"}),
    ],
)
def test_an_exam_is_of_a_scanner_under_each_of_its_names(profile: Any, booked: Any) -> None:
    assert asked_about(exam(**booked), scanners=(scanner(**profile),))


def test_who_was_not_asked_about_for_longest_comes_first() -> None:
    recently, long_ago, never, too_soon = (exam(name) for name in ("001", "002", "003", "004"))
    times = {
        recently.id: NOW - timedelta(minutes=11),
        long_ago.id: NOW - timedelta(minutes=30),
        too_soon.id: NOW - timedelta(minutes=9),
    }
    order = asked_about(recently, long_ago, never, too_soon, asked=times)
    assert order == [never.id, long_ago.id, recently.id]


def test_an_archive_that_is_not_listed_is_named() -> None:
    check_archives([scanner(), scanner(images_from=None)], ["PACS"])
    with pytest.raises(Rejected, match="images_from of scanner MR1 is PACS"):
        check_archives([scanner()], ["OTHER"])


@given(st.lists(st.floats(-3000, 20_000), max_size=6), st.lists(st.floats(0, 40), max_size=6))
def test_nobody_is_asked_about_twice_in_a_round_or_too_soon(starts: list[float], asked: list[float]) -> None:
    items = [exam(f"{number:03}", minutes_ago=start) for number, start in enumerate(starts)]
    times = {each.id: NOW - timedelta(minutes=ago) for each, ago in zip(items, asked, strict=False)}
    found = asked_about(*items, asked=times)
    assert len(found) == len(set(found))
    assert all(times.get(each, datetime.min) <= NOW - timedelta(minutes=10) for each in found)  # noqa: DTZ901
