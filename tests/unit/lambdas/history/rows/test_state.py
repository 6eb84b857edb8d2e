from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from lambdas.history.rows.state import ExamState, SiteState, StepState, Study, utc, zone_of

OSLO, NEW_YORK = ZoneInfo("Europe/Oslo"), ZoneInfo("America/New_York")
STUDIES = {
    "b": Study(zone=NEW_YORK, sites=frozenset({"south"})),
    "a": Study(zone=OSLO, sites=frozenset({"north"})),
}


def test_an_exam_is_in_the_zone_of_its_study() -> None:
    assert zone_of(STUDIES, "b", "north") is NEW_YORK


def test_an_exam_made_by_hand_is_in_the_zone_of_a_study_at_its_site() -> None:
    assert zone_of(STUDIES, "", "north") is OSLO
    assert zone_of(STUDIES, "", "nowhere") is UTC


def test_an_instant_is_told_in_utc() -> None:
    there = datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=1)))
    assert utc(there) == datetime(2026, 11, 22, 8)
    assert utc(None) is None


def test_a_step_is_of_the_first_exam_that_is_known() -> None:
    known = ExamState()
    assert SiteState(exams={"e": known}).exam_of(StepState(exams=("x", "e"))) == known
    assert SiteState().exam_of(StepState(exams=("x",))) is None


def test_a_state_can_be_written_down_and_read_again() -> None:
    state = SiteState(through=3, latest=datetime(2026, 1, 1, tzinfo=UTC), exams={"e": ExamState(version=2)})
    assert SiteState.model_validate_json(state.model_dump_json()) == state
