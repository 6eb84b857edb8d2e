"""When a plan is listed anew, when it is cancelled, and what of it is remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.store.plans.timing import Saved, Timing, timed
from shared.worklist_item import Status
from tests.rigs.builders import an_item

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=3)
LISTED = Timing(listed_at=BEFORE, known_at=BEFORE)
ITEM = an_item()


def after(**changes: Any) -> Timing:
    return timed(LISTED, ITEM, an_item(**changes), NOW, Saved())


def test_a_new_item_is_listed_now() -> None:
    saved = Saved(NOW - timedelta(seconds=2), exactly=True)
    found = timed(Timing(), None, ITEM, NOW, saved)
    assert found == Timing(listed_at=NOW, saved_at=saved.at, saved_exactly=True, known_at=saved.at)


def test_one_of_which_nothing_is_known_is_known_since_now() -> None:
    assert timed(Timing(), None, ITEM, NOW, Saved()) == Timing(listed_at=NOW, known_at=NOW)


def test_one_that_could_not_be_shown_before_is_known_since_then() -> None:
    saved = Saved(NOW - timedelta(seconds=2), seen_at=BEFORE)
    assert timed(Timing(), None, ITEM, NOW, saved).known_at == BEFORE


@pytest.mark.parametrize(
    "changes",
    [
        {"scheduled_start_date": "20261123"},
        {"scheduled_start_time": "094500"},
        {"scheduled_station_aetitle": "MR2"},
    ],
)
def test_another_day_time_or_scanner_is_another_plan(changes: dict[str, str]) -> None:
    assert after(**changes) == Timing(listed_at=NOW, known_at=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"patient_name": "Nunez^Zoe"},
        {"performed_procedure_step_status": Status.ARRIVED},
        {"performed_procedure_step_status": Status.COMPLETED},
        {"performed_procedure_step_status": Status.NO_SHOW},
        {"performed_procedure_step_status": Status.COMPLETED, "scheduled_start_time": "094500"},
    ],
)
def test_nothing_else_is(changes: dict[str, Any]) -> None:
    assert after(**changes) == LISTED


def test_a_booking_that_is_cancelled_remembers_when() -> None:
    cancelled = after(performed_procedure_step_status=Status.CANCELLED)
    assert cancelled == LISTED.model_copy(update={"cancelled_at": NOW})
    assert timed(LISTED, ITEM, None, NOW, Saved()) == cancelled


def test_a_cancelled_one_that_is_taken_off_was_cancelled_before() -> None:
    cancelled = an_item(performed_procedure_step_status=Status.CANCELLED)
    timing = LISTED.model_copy(update={"cancelled_at": BEFORE})
    assert timed(timing, cancelled, None, NOW, Saved()) == timing


def test_what_was_scanned_or_missed_is_not_cancelled_when_it_is_taken_off() -> None:
    for status in (Status.COMPLETED, Status.IN_PROGRESS, Status.NO_SHOW):
        item = an_item(performed_procedure_step_status=status)
        assert timed(LISTED, item, None, NOW, Saved()) == LISTED


def test_what_moved_to_another_site_is_not_cancelled() -> None:
    moved = LISTED.model_copy(update={"moved": True})
    assert timed(moved, ITEM, None, NOW, Saved()).cancelled_at is None


def test_one_that_comes_back_is_listed_anew() -> None:
    timing = Timing(listed_at=BEFORE, cancelled_at=BEFORE, moved=True)
    assert timed(timing, None, ITEM, NOW, Saved()) == Timing(listed_at=NOW, known_at=NOW)
