"""A record that REDCap lists and never returns is named; its scans stay as they are, and the rest goes on."""

from __future__ import annotations

import time

import pytest

from infra.redcap_simulator import classic, longitudinal
from lambdas.sources.state import SourceState
from lambdas.sync.status import SourceStatus, status_of
from tests.rigs.redcap import Rig, Stack, classic_data, longitudinal_data


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return stack.fresh(classic(10), classic_data(deletions_seconds=0))


def never_returned(rig: Rig, *records: str) -> None:
    rig.simulator.faults.clear()
    for record in records:
        rig.simulator.add_fault("left_out", content="record", record=record, times=None)


def book(rig: Rig, record: str, day: str) -> None:
    rig.simulator.save_form(11, record, "mri", {"mri_date": day}, instance=1)


def full_again(rig: Rig) -> None:
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))


@pytest.mark.parametrize("record", ["000001", "000005", "000010"])
def test_a_first_sync_names_it_and_brings_all_others(rig: Rig, record: str) -> None:
    never_returned(rig, record)
    assert rig.sync().outcome == "ok"
    state = rig.state()
    assert [(row.record, row.field) for row in state.rejected] == [
        (record, rig.sources.get("classic").record_id_field)
    ]
    assert "does not return it" in state.rejected[0].reason
    assert state.left_out == (record,)
    assert record not in {name for name, _ in rig.items()}
    assert status_of(rig.sources.find("classic"), time.time()) is SourceStatus.MISSING
    rig.simulator.faults.clear()
    assert rig.sync().outcome == "ok"
    assert (rig.state().rejected, rig.state().left_out) == ((), ())
    found = rig.items()
    full_again(rig)
    rig.sync()
    assert rig.items() == found


@pytest.mark.parametrize("record", ["000001", "000004"])
def test_its_scans_stay_while_others_change_and_are_read_as_a_whole(rig: Rig, record: str) -> None:
    rig.sync()
    before = {key: item for key, item in rig.items().items() if key[0] == record}
    never_returned(rig, record)
    book(rig, record, "2026-12-03")
    book(rig, "000010", "2026-12-04")
    for look in (rig.sync, rig.sync):
        report = look()
        assert (report.outcome, report.withdrawn) == ("ok", 0)
    assert rig.items()["000010", 1].scheduled_start_date == "20261204"
    full_again(rig)
    assert (rig.sync().withdrawn, rig.state().rejected_count) == (0, 1)
    assert {key: item for key, item in rig.items().items() if key[0] == record} == before


@pytest.mark.parametrize("record", ["000001", "000007"])
def test_it_is_asked_for_again_long_after_its_change_was_listed(rig: Rig, record: str) -> None:
    rig.sync()
    never_returned(rig, record)
    book(rig, record, "2026-12-05")
    rig.sync()
    rig.simulator.clock.advance(7200)
    rig.sync()
    rig.simulator.faults.clear()
    rig.sync()
    assert rig.items()[record, 1].scheduled_start_date == "20261205"
    assert rig.state().rejected_count == 0


@pytest.mark.parametrize("record", ["000001", "000008"])
def test_its_scan_stays_if_it_is_not_returned_when_asked_again_whether_it_has_vanished(
    rig: Rig, record: str
) -> None:
    rig.sync()
    before = rig.items()
    book(rig, record, "")
    rig.simulator.add_fault("left_out", content="record", record=record, times=None, skip=2)
    report = rig.sync()
    assert (report.outcome, report.withdrawn) == ("ok", 0)
    assert rig.items() == before
    assert [row.record for row in rig.state().rejected] == [record]
    rig.simulator.faults.clear()
    assert rig.sync().withdrawn == 1
    assert before.keys() - rig.items().keys() == {(record, 1)}


def test_deleted_in_redcap_it_is_withdrawn_and_named_no_longer(rig: Rig) -> None:
    rig.sync()
    never_returned(rig, "000001")
    book(rig, "000001", "2026-12-05")
    rig.sync()
    rig.simulator.form_filler.delete(rig.project, "000001")
    assert rig.sync().outcome == "ok"
    assert "000001" not in {name for name, _ in rig.items()}
    assert (rig.state().rejected, rig.state().left_out) == ((), ())


def test_moved_to_another_group_it_is_not_shown_at_the_old_site(stack: Stack) -> None:
    """Of its rows nothing is known, of its group all that is needed."""
    rig = stack.fresh(longitudinal(0), longitudinal_data({"montreal": "north", "quebec": "south"}))
    rig.simulator.save_form(22, "R1", "demographics", {"last_name": "Doe"}, event="enrolment_arm_1")
    rig.simulator.save_form(22, "R1", "mri", {"mri_date": "2026-12-01"}, event="mri_arm_1", instance=1)
    rig.simulator.form_filler.move_dag(rig.project, "R1", "montreal")
    rig.sync()
    assert rig.items("north")
    never_returned(rig, "R1")
    rig.simulator.form_filler.move_dag(rig.project, "R1", "quebec")
    assert rig.sync().outcome == "ok"
    assert (rig.items("north"), rig.items("south")) == ({}, {})
    rig.simulator.faults.clear()
    rig.sync()
    assert rig.items("south")


def test_a_state_of_an_earlier_build_has_none_left_out() -> None:
    assert SourceState.model_validate({"failures": 1}).left_out == ()
