"""Names as people write them, times in the site's zone, and states that need no glossary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.api.pages.views.words import ago, at, clock_time, day_of, duration, person, state_of
from shared.worklist_item import Status
from tests.rigs.site_state import performed, stored

NOON = datetime(2026, 11, 22, 12, 0)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Núñez^Zoë", "Zoë Núñez"),
        ("García Márquez^Renée^^Dr", "Dr Renée García Márquez"),
        ("Adams^John^Robert Quincy^^B.A.", "John Robert Quincy Adams B.A."),
        ("Yamada^Tarou=山田^太郎", "Tarou Yamada (太郎 山田)"),
        ("=山田^太郎", "太郎 山田"),
        ("PHANTOM", "PHANTOM"),
        ("^", "^"),
    ],
)
def test_a_name_is_shown_as_people_write_it(name: str, written: str) -> None:
    assert person(name) == written


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Núñez^Zoë", "Z. N."), ("=山田^太郎", "太. 山."), ("^", "-"), ("PHANTOM", "P.")],
)
def test_a_hidden_name_is_initials(name: str, initials: str) -> None:
    assert person(name, hidden=True) == initials


@given(st.text(st.characters(exclude_characters="\\"), min_size=1, max_size=40))
def test_no_name_makes_a_page_fail(name: str) -> None:
    assert person(name) or not name.strip(" ^=")
    assert person(name, hidden=True)


@pytest.mark.parametrize(("text", "said"), [("0930", "09:30"), ("093000.5", "09:30"), ("09", "09")])
def test_a_time_is_shown_as_on_a_clock(text: str, said: str) -> None:
    assert clock_time(text) == said


def test_a_day_is_written_out() -> None:
    assert day_of("20261127") == "27 November 2026"
    assert day_of("soon") == "soon"


def test_a_moment_is_shown_in_the_zone_of_the_site() -> None:
    now, oslo = datetime(2026, 11, 22, 11, 0, tzinfo=UTC), ZoneInfo("Europe/Oslo")
    assert at(datetime(2026, 11, 22, 10, 20, tzinfo=UTC), now, oslo) == "11:20"
    assert at(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), now, oslo) == "00:30"
    assert at(datetime(2026, 11, 20, 10, 20, tzinfo=UTC), now, oslo) == "20 November 11:20"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (40, "40 s"), (60, "1 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_a_duration_has_one_unit(seconds: int, said: str) -> None:
    assert duration(timedelta(seconds=seconds)) == said
    assert ago(NOON - timedelta(seconds=seconds), NOON) == f"{said} ago"


@pytest.mark.parametrize(
    ("status", "time", "kind", "words"),
    [
        (Status.SCHEDULED, "1300", "waiting", "booked"),
        (Status.SCHEDULED, "1156", "waiting", "booked"),
        (Status.SCHEDULED, "1135", "late", "not started, 25 min late"),
        (Status.ARRIVED, "1300", "here", "arrived"),
        (Status.ARRIVED, "1135", "late", "arrived, not started, 25 min late"),
        (Status.READY, "1300", "here", "ready"),
        (Status.IN_PROGRESS, "1135", "running", "on the scanner"),
        (Status.COMPLETED, "1135", "done", "done"),
        (Status.DISCONTINUED, "1135", "off", "stopped"),
        (Status.CANCELLED, "1135", "off", "cancelled"),
        (Status.NO_SHOW, "1135", "off", "did not come"),
    ],
)
def test_a_state_without_a_report_of_a_scanner(status: Status, time: str, kind: str, words: str) -> None:
    item = stored(status=status, scheduled_start_time=time).item
    assert state_of(item, [], NOON)[:2] == (kind, words)


def test_an_exam_that_runs_says_since_when() -> None:
    item = stored(status=Status.IN_PROGRESS, scheduled_start_time="1100").item
    state = state_of(item, [performed(started="11:06").step], NOON)
    assert state == ("running", "on the scanner, 54 min", "started 11:06 (+6 min)")


def test_an_exam_that_is_done_says_from_when_to_when() -> None:
    item = stored(status=Status.COMPLETED, scheduled_start_time="0900").item
    state = state_of(item, [performed(started="08:58", ended="09:52").step], NOON)
    assert state == ("done", "done 08:58-09:52", "started 08:58 (-2 min)")


def test_a_scan_on_another_day_names_the_day() -> None:
    item = stored(status=Status.COMPLETED, scheduled_start_date="20261120").item
    state = state_of(item, [performed(started="08:58", ended="09:52").step], NOON)
    assert state.note == "started 22 November 08:58"


def test_an_exam_that_was_stopped_says_why() -> None:
    item = stored(status=Status.DISCONTINUED).item
    step = performed(started="09:31", ended="09:40", status="DISCONTINUED", discontinuation_reason="110500")
    assert state_of(item, [step.step], NOON) == ("off", "stopped 09:40", "reason code 110500")
