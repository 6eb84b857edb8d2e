"""A step that no scanner ends does not hold its exam in progress for good, and people see why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from lambdas import schedule
from lambdas.store.linking.step_links import StepLinks
from lambdas.store.linking.unended_exams import unended_exams
from lambdas.store.ownership import without_stale
from shared.steps.procedure_step import EventKind
from shared.worklist_item import Status
from tests.rigs.builders import an_event, an_item
from tests.rigs.lambda_events import Context, schedule_event
from tests.rigs.redcap import Rig, Stack
from tests.rigs.write_back import (
    UID,
    classic_with_every_field,
    ended,
    in_redcap,
    record,
    started,
    status,
    the_item,
    whole,
)

BEGAN = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
"""When the relay heard of the step; see `an_event`."""


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return made(stack)


def made(stack: Stack, **changes: Any) -> Rig:
    rig = stack.fresh(classic_with_every_field(), whole(time_zone="UTC", no_show_days=3650, **changes))
    rig.sync()
    return rig


def hours_later(hours: float) -> int:
    """Run the function so long after the step began; return how many steps it set aside."""
    with patch("lambdas.schedule.time.time", (BEGAN + timedelta(hours=hours)).timestamp):
        return schedule.no_shows(schedule_event(), Context())["stale_steps"]


def test_a_step_is_stale_after_twelve_silent_hours_and_once(rig: Rig) -> None:
    started(rig, the_item(rig))
    assert hours_later(11.9) == 0
    assert status(rig) is Status.IN_PROGRESS
    assert hours_later(12.1) == 1
    assert status(rig) is Status.SCHEDULED
    assert hours_later(13) == 0


@pytest.mark.parametrize("hours", [1, 30])
def test_a_source_has_a_patience_of_its_own(stack: Stack, hours: int) -> None:
    rig = made(stack, step_patience_hours=hours)
    started(rig, the_item(rig))
    assert (hours_later(hours - 0.1), hours_later(hours + 0.1)) == (0, 1)


def test_every_report_of_the_step_begins_the_wait_anew(rig: Rig) -> None:
    started(rig, the_item(rig))
    again = an_event(None, UID, EventKind.N_SET, received_at=BEGAN + timedelta(hours=8))
    record(rig, again)
    assert hours_later(19) == 0
    assert hours_later(21) == 1


def test_a_late_n_set_undoes_it(rig: Rig) -> None:
    started(rig, the_item(rig))
    hours_later(13)
    ended(rig)
    rig.write_back(UID)
    assert status(rig) is Status.COMPLETED
    assert in_redcap(rig)["mri_status"] == "COMPLETED"


def test_redcap_is_told_by_the_schedule_and_keeps_when_it_began(rig: Rig) -> None:
    started(rig, the_item(rig))
    rig.write_back(UID)
    told = in_redcap(rig)
    assert told["mri_status"] == "IN_PROGRESS"
    assert UID not in rig.tick()[1]
    hours_later(13)
    rig.write_back(UID)
    assert in_redcap(rig) == {**told, "mri_status": "SCHEDULED"}


def test_the_next_syncs_and_a_persons_word_are_not_contradicted(rig: Rig) -> None:
    item = the_item(rig)
    started(rig, item)
    hours_later(13)
    rig.sync()
    assert status(rig) is Status.SCHEDULED
    rig.worklist.edit(item.id, {"performed_procedure_step_status": "COMPLETED"})
    assert hours_later(30) == 0
    assert status(rig) is Status.COMPLETED


def test_the_status_goes_down_the_feed_to_the_relays(rig: Rig) -> None:
    started(rig, the_item(rig))
    before = rig.worklist.find(the_item(rig).id)
    hours_later(13)
    after = rig.worklist.find(the_item(rig).id)
    assert before is not None
    assert after is not None
    assert after.feed_seq > before.feed_seq


def test_a_step_of_an_earlier_build_and_an_exam_made_by_hand_are_no_exceptions(rig: Rig) -> None:
    by_hand = an_item("by-hand", source="", source_record="", site=rig.site)
    rig.worklist.create(by_hand)
    started(rig, by_hand)

    def forget(stored: Any) -> Any:
        progress = stored.progress.model_copy(update={"open_steps": ()})
        return stored.model_copy(update={"progress": progress})

    rig.worklist.writer.change(rig.site, {by_hand.id: forget})
    assert (hours_later(11), hours_later(13)) == (0, 1)
    found = rig.worklist.find(by_hand.id)
    assert found is not None
    assert (found.item.performed_procedure_step_status, found.status_owner) == (Status.SCHEDULED, "clock")


def test_a_report_at_that_very_moment_wins(rig: Rig) -> None:
    started(rig, the_item(rig))

    def overtaken(*given: Any) -> Any:
        with patch("lambdas.sync.scans.stale_steps.ownership.without_stale", without_stale):
            if status(rig) is Status.IN_PROGRESS:
                ended(rig)
        return without_stale(*given)

    with patch("lambdas.sync.scans.stale_steps.ownership.without_stale", overtaken):
        assert hours_later(13) == 0
    assert status(rig) is Status.COMPLETED


def asked_about(rig: Rig, today: date = date(2026, 11, 23)) -> list[tuple[str, str, str]]:
    """Return what people are asked about: step, day and scanner."""
    found = unended_exams(rig.worklist, StepLinks(rig.cloud.tables, rig.worklist, rig.steps), rig.site, today)
    assert all(each.item_id == the_item(rig).id for each in found)
    return [(each.sop_instance_uid, each.day, each.scanner) for each in found]


def test_people_are_asked_about_it_until_they_have_said_whether_it_was_done(rig: Rig) -> None:
    item = the_item(rig)
    started(rig, item)
    assert asked_about(rig) == []
    hours_later(13)
    assert asked_about(rig) == [(UID, "20261122", item.scheduled_station_aetitle)]
    rig.worklist.edit(item.id, {"performed_procedure_step_status": "COMPLETED"})
    assert asked_about(rig) == []


def test_people_are_not_asked_once_the_scanner_has_ended_it_after_all(rig: Rig) -> None:
    started(rig, the_item(rig))
    hours_later(13)
    ended(rig, "DISCONTINUED")
    assert asked_about(rig) == []


@pytest.mark.parametrize(("today", "asked"), [(date(2026, 11, 29), 1), (date(2026, 11, 30), 0)])
def test_people_are_asked_for_a_week(rig: Rig, today: date, asked: int) -> None:
    started(rig, the_item(rig))
    hours_later(13)
    assert len(asked_about(rig, today)) == asked
