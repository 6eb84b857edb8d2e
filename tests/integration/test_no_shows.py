"""An exam whose day passed is off the scanners and in REDCap, and comes back when somebody says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from infra.redcap_simulator.people import scenarios
from lambdas import schedule
from lambdas.store.unfinished_write_backs import no_show_of
from shared.worklist_item import Status
from tests.rigs.builders import an_item
from tests.rigs.lambda_events import Context, schedule_event
from tests.rigs.redcap import Rig, Stack
from tests.rigs.write_back import classic_with_every_field, ended, in_redcap, started, status, the_item, whole

TELLS = {"write_back": {"status": "mri_status", "status_values": {"NO_SHOW": "missed"}}}


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return made(stack, **TELLS)


def made(stack: Stack, **changes: Any) -> Rig:
    rig = stack.fresh(classic_with_every_field(), whole(time_zone="UTC", **changes))
    rig.sync()
    return rig


def days_later(rig: Rig, days: int) -> int:
    """Run the function so many days after the day of the exam, at noon; return how many it marked."""
    day = datetime.strptime(the_item(rig).scheduled_start_date, "%Y%m%d").replace(hour=12, tzinfo=UTC)
    with patch("lambdas.schedule.time.time", (day + timedelta(days)).timestamp):
        return schedule.no_shows(schedule_event(), Context())["no_shows"]


def test_an_exam_is_missed_after_the_grace_and_marked_once(rig: Rig) -> None:
    days_later(rig, 2)
    assert status(rig) is Status.SCHEDULED
    assert days_later(rig, 3) > 0
    assert status(rig) is Status.NO_SHOW
    assert days_later(rig, 3) == 0


def test_a_source_has_a_grace_of_its_own(stack: Stack) -> None:
    rig = made(stack, no_show_days=0)
    days_later(rig, 0)
    assert status(rig) is Status.SCHEDULED
    days_later(rig, 1)
    assert status(rig) is Status.NO_SHOW


def test_the_next_sync_leaves_a_no_show_one(rig: Rig) -> None:
    days_later(rig, 3)
    scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000002")
    rig.sync()
    assert status(rig) is Status.NO_SHOW


def test_redcap_is_told_by_the_schedule_and_told_again_when_the_exam_is_moved(rig: Rig) -> None:
    key = no_show_of(the_item(rig).id)
    days_later(rig, 3)
    assert key in rig.tick()[1]
    rig.write_back(key)
    assert in_redcap(rig)["mri_status"] == "missed"
    assert key not in rig.tick()[1]
    scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000001", days=30)
    rig.sync()
    assert status(rig) is Status.SCHEDULED
    assert key in rig.tick()[1]
    rig.write_back(key)
    assert in_redcap(rig)["mri_status"] == "SCHEDULED"


def test_redcap_is_told_when_a_person_undoes_it_and_the_exam_stays(rig: Rig) -> None:
    days_later(rig, 3)
    rig.worklist.edit(the_item(rig).id, {"performed_procedure_step_status": "SCHEDULED"})
    rig.write_back(no_show_of(the_item(rig).id))
    assert in_redcap(rig)["mri_status"] == "SCHEDULED"
    days_later(rig, 30)
    assert status(rig) is Status.SCHEDULED


def test_a_scan_undoes_it_and_redcap_has_what_the_scanner_said(rig: Rig) -> None:
    item = the_item(rig)
    days_later(rig, 3)
    started(rig, item)
    ended(rig)
    rig.write_back(no_show_of(item.id), "2.25.77")
    assert status(rig) is Status.COMPLETED
    assert in_redcap(rig)["mri_status"] == "COMPLETED"
    rig.steps.retry_write_back(no_show_of(item.id))
    rig.write_back(no_show_of(item.id))
    assert in_redcap(rig)["mri_status"] == "COMPLETED"


def test_who_did_not_ask_for_it_is_not_told(stack: Stack) -> None:
    rig = made(stack)
    days_later(rig, 3)
    key = no_show_of(the_item(rig).id)
    assert rig.write_back(key) == 0
    assert "mri_status" not in in_redcap(rig)
    assert key not in rig.tick()[1]


def test_what_redcap_refuses_of_it_is_parked_and_listed(rig: Rig) -> None:
    item = the_item(rig)
    days_later(rig, 3)
    assert rig.steps.find(no_show_of(item.id)) is None
    pending = rig.steps.pending(no_show_of(item.id))
    assert pending is not None
    rig.steps.write_back_parked(no_show_of(item.id), pending.version, note="refused")
    (parked,) = [each for each in rig.steps.parked_write_backs() if each.items[0].id == item.id]
    assert (parked.sop_instance_uid, parked.reason) == (no_show_of(item.id), "refused")


def test_an_exam_made_by_hand_is_missed_too(rig: Rig) -> None:
    by_hand = an_item("by-hand", source="", source_record="", site=rig.site)
    rig.worklist.create(by_hand)
    after = datetime(2026, 11, 25, 13, tzinfo=UTC)
    with patch("lambdas.schedule.time.time", after.timestamp):
        schedule.no_shows(schedule_event(), Context())
    found = rig.worklist.find(by_hand.id)
    assert found is not None
    assert found.item.performed_procedure_step_status is Status.NO_SHOW
    assert rig.steps.pending(no_show_of(by_hand.id)) is None
