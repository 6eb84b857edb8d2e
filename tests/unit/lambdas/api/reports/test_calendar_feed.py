"""A scanner's calendar: right times, and nothing of a person, as two parsers read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from lambdas.api.reports.calendar_feed import calendar_of, names_somebody, summary_of
from shared.worklist_item import Status
from tests.rigs.builders import an_item

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
OSLO = ZoneInfo("Europe/Oslo")


def fields(name: str = "001", **changes: Any) -> dict[str, Any]:
    return an_item(name, **changes).model_dump(mode="json")


def text(*items: dict[str, Any], salt: str = "salt") -> str:
    return calendar_of("MR1", items, salt=salt, zone=OSLO, now=NOW).decode()


def events(*items: dict[str, Any]) -> list[Any]:
    return list(vobject.readOne(text(*items)).contents.get("vevent", []))


def test_an_event_begins_when_the_exam_is_planned_whatever_the_season() -> None:
    winter = events(fields(scheduled_start_date="20261124", scheduled_end_time="101500"))[0]
    summer = events(fields(scheduled_start_date="20260624"))[0]
    assert winter.dtstart.value == datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    assert winter.dtend.value - winter.dtstart.value == timedelta(minutes=45)
    assert summer.dtstart.value == datetime(2026, 6, 24, 7, 30, tzinfo=UTC)
    assert summer.dtend.value - summer.dtstart.value == timedelta(hours=1)


def test_it_says_the_study_and_what_is_to_be_done_and_nobodys_name() -> None:
    (event,) = events(fields(protocol_name="fMRI rest"))
    assert event.summary.value == "study: fMRI rest"
    found = text(fields(name="rec-77"))
    item = an_item("rec-77")
    for secret in ("Núñez", "Zoë", "sub-", "rec-77", item.id, item.accession_number, item.study_instance_uid):
        assert secret not in found


@pytest.mark.parametrize(
    "said",
    ["MRI of Núñez", "MRI of NÚÑEZ", "Brain (Zoë)", "sub-001", "sub - 001", "Brain 001", "ZoëNúñez brain"],
)
def test_what_names_the_participant_is_left_out(said: str) -> None:
    assert summary_of(fields(protocol_name=said)) == "study"


@pytest.mark.parametrize("said", ["Brain MRI", "fMRI rest", "DTI 64 directions"])
def test_what_names_nobody_is_said(said: str) -> None:
    assert summary_of(fields(protocol_name=said)) == f"study: {said}"


@given(st.text(max_size=20), st.text(max_size=20), st.text("abcdefgh", min_size=2, max_size=12))
def test_no_text_around_a_name_hides_it(before: str, after: str, name: str) -> None:
    assert names_somebody(f"{before}{name}{after}", {"patient_name": f"{name}^X"})


def test_exams_of_other_scanners_and_those_that_take_no_time_are_not_in_it() -> None:
    others = [
        fields("2", scheduled_station_aetitle="MR2"),
        fields("3", performed_procedure_step_status=Status.CANCELLED),
        fields("4", performed_procedure_step_status=Status.NO_SHOW),
    ]
    assert len(events(fields("1"), *others)) == 1
    assert events(*others) == []


def test_an_event_keeps_its_uid_and_only_who_has_the_salt_can_make_it() -> None:
    uids = {
        str(event["uid"])
        for salt in ("salt", "salt", "other")
        for event in Calendar.from_ical(text(fields(), salt=salt)).walk("VEVENT")
    }
    assert len(uids) == 2


def test_the_lines_are_as_the_standard_wants_them() -> None:
    lines = text(fields(protocol_name="Kernspin ä; eins, zwei " * 2)).split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert max(len(line.encode()) for line in lines) <= 75
    (event,) = events(fields(protocol_name="a; b, c"))
    assert event.summary.value == "study: a; b, c"


def test_a_calendar_without_exams_is_one_all_the_same() -> None:
    assert str(Calendar.from_ical(text())["x-wr-calname"]) == "MR1"
