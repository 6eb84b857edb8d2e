"""What the scanner did is in REDCap by itself: through the real handlers, with the events AWS sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.redcap_simulator.people import scenarios
from lambdas import sync_redcap, write_back
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY
from shared.worklist_item import Status
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data
from tests.rigs.write_back import (
    UID,
    WRITTEN,
    because,
    ended,
    imports,
    in_redcap,
    record,
    series,
    started,
    synced,
)


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return synced(stack)


def test_a_step_begun_is_in_redcap_with_status_start_and_station(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    assert rig.tick() == ([], [UID])
    assert rig.write_back(UID) == 0
    assert in_redcap(rig) == {
        "mri_status": "IN_PROGRESS",
        "mri_start": "2026-11-22 09:31:00",
        "mri_station": "MR1",
    }


def test_a_step_completed_adds_its_end_its_minutes_and_its_series(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    ended(rig, **series(7))
    rig.write_back(UID)
    assert in_redcap(rig) == {
        "mri_status": "COMPLETED",
        "mri_start": "2026-11-22 09:31:00",
        "mri_end": "2026-11-22 10:15:00",
        "mri_duration": "44",
        "mri_station": "MR1",
        "mri_series": "7",
    }


def test_no_field_but_the_configured_ones_is_touched(rig: Rig) -> None:
    before = rig.redcap_row("000001", 1)
    started(rig, rig.items()["000001", 1])
    ended(rig, "DISCONTINUED", **because("110513"))
    rig.write_back(UID)
    after = rig.redcap_row("000001", 1)
    assert {name: text for name, text in after.items() if name not in WRITTEN.values()} == before
    assert after["mri_discontinuation_reason"] == "110513"


def test_what_is_done_is_not_due_and_a_second_message_writes_nothing(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    assert rig.write_back(UID, UID) == 0
    assert imports(rig) == 1
    assert rig.tick() == ([], [])
    assert rig.write_back(UID) == 0
    assert imports(rig) == 1


def test_what_redcap_already_says_is_not_written_again(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    rig.simulator.add_fault("empty_500", content="record", skip=1, times=4, carry_out=True)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"
    tried = imports(rig)
    assert rig.write_back(UID) == 0  # the schedule's next message
    assert imports(rig) == tried
    assert rig.steps.pending(UID) is None


def test_its_own_write_makes_the_record_changed_and_the_next_sync_writes_no_item(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    head = rig.worklist.head("main")
    for _ in range(2):
        report = rig.sync()
        assert (report.outcome, report.written, report.withdrawn) == ("ok", 0, 0)
    # And as if somebody had saved the form: the Data Entry Trigger's message.
    one = sqs_event({"source_id": "classic", "record": "000001"})
    asked = rig.simulator.requests.count
    assert sync_redcap.handler(one, Context()) == {"batchItemFailures": []}
    assert rig.simulator.requests.count > asked
    assert rig.worklist.head("main") == head
    assert rig.tick()[1] == []
    assert rig.items()["000001", 1].performed_procedure_step_status is Status.IN_PROGRESS


@pytest.mark.parametrize("kind", ["html_200", "dropped", "revoked"])
def test_redcap_out_of_order_puts_it_off_and_loses_nothing(rig: Rig, kind: Any) -> None:
    started(rig, rig.items()["000001", 1])
    rig.simulator.add_fault(kind, times=None)
    assert rig.write_back(UID) == 0
    pending = rig.steps.pending(UID)
    assert pending is not None
    assert pending.attempts == 1
    assert rig.steps.due_write_backs(10) == []  # not before its pause is over
    rig.simulator.faults.clear()
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


def test_a_token_that_may_not_import_is_tried_again_later(rig: Rig) -> None:
    data = classic_data(url=rig.simulator.url, token_secret="reader")
    rig.register(definition_from(data), "reader")
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    assert rig.steps.pending(UID) is not None
    assert in_redcap(rig) == {}


def test_a_row_that_is_gone_is_not_created_anew(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    scenarios.deleted(rig.simulator.form_filler, rig.project, "000001")
    for _ in range(9):
        rig.write_back(UID)
    assert rig.steps.pending(UID) is None  # parked at last
    assert imports(rig) == 0
    assert rig.project.records.get("000001") is None


def test_a_newer_event_during_the_write_keeps_the_step_due(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    started(rig, rig.items()["000001", 1])
    write = RedcapProject.import_status

    def overtaken(self: RedcapProject, rows: Any) -> None:
        write(self, rows)
        monkeypatch.undo()
        ended(rig)

    monkeypatch.setattr(RedcapProject, "import_status", overtaken)
    rig.write_back(UID)
    assert rig.steps.pending(UID) is not None
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "COMPLETED"


def overtaken(rig: Rig, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """Let the next import reach REDCap only when its turn is over, and something else has been done."""
    write = RedcapProject.import_status

    def slow(self: RedcapProject, rows: Any) -> None:
        monkeypatch.undo()
        rig.set_run(lease_until=0)
        meanwhile()
        write(self, rows)

    monkeypatch.setattr(RedcapProject, "import_status", slow)


def test_a_write_that_comes_after_a_newer_one_of_the_same_step_is_made_good(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        ended(rig)
        rig.write_back(UID)

    started(rig, rig.items()["000001", 1])
    overtaken(rig, monkeypatch, meanwhile)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"  # the old one came last
    assert rig.tick()[1] == [UID]
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "COMPLETED"


def test_a_write_that_comes_after_a_newer_one_of_another_step_is_made_good(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        started(rig, item, "2.25.78")
        rig.write_back("2.25.78")

    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig)
    overtaken(rig, monkeypatch, meanwhile)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "COMPLETED"  # as above
    assert rig.tick()[1] == [UID]
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


def test_a_wrongly_selected_entry_is_given_back_and_a_late_word_of_it_does_not_undo_the_right_scan(
    rig: Rig,
) -> None:
    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig, "DISCONTINUED", **because(WRONG_WORKLIST_ENTRY))
    started(rig, item, "2.25.78")
    rig.write_back("2.25.78")
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


def test_a_second_scan_given_up_leaves_what_the_first_one_did(rig: Rig) -> None:
    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig)
    rig.write_back(UID)
    before = in_redcap(rig)
    assert before["mri_status"] == "COMPLETED"
    started(rig, item, "2.25.78")
    rig.write_back("2.25.78")
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"
    ended(rig, "DISCONTINUED", "2.25.78", **because("110513"))
    rig.write_back("2.25.78")
    assert in_redcap(rig) == before


def test_the_end_of_a_scan_told_only_while_another_runs_is_there_once_that_one_is_given_up(rig: Rig) -> None:
    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig)
    started(rig, item, "2.25.78")
    rig.write_back(UID, "2.25.78")
    assert "mri_end" not in in_redcap(rig)
    ended(rig, "DISCONTINUED", "2.25.78", **because("110513"))
    rig.write_back("2.25.78")
    told = in_redcap(rig)
    assert (told["mri_status"], told["mri_end"]) == ("COMPLETED", "2026-11-22 10:15:00")
    assert "mri_discontinuation_reason" not in told


def test_a_scan_completed_after_one_was_given_up_takes_the_reason_away(rig: Rig) -> None:
    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig, "DISCONTINUED", **because("110513"))
    rig.write_back(UID)
    assert in_redcap(rig)["mri_discontinuation_reason"] == "110513"
    started(rig, item, "2.25.78")
    ended(rig, uid="2.25.78")
    rig.write_back("2.25.78")
    told = in_redcap(rig)
    assert (told["mri_status"], "mri_discontinuation_reason" in told) == ("COMPLETED", False)


def test_what_a_person_set_is_left_to_that_person(rig: Rig) -> None:
    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig)
    rig.write_back(UID)
    before = in_redcap(rig)
    rig.worklist.edit(item.id, {"performed_procedure_step_status": "CANCELLED"})
    rig.steps.retry_write_back(UID)
    rig.write_back(UID)
    assert in_redcap(rig) == before | {"mri_status": "CANCELLED"}


def test_an_unscheduled_step_is_never_asked_about(rig: Rig) -> None:
    asked = rig.simulator.requests.count
    record(rig, an_event(None, UID))
    assert rig.tick() == ([], [])
    rig.write_back(UID)
    assert rig.simulator.requests.count == asked


def test_two_scans_of_one_item_leave_the_same_status_in_whatever_order_they_are_told(rig: Rig) -> None:
    for number, order in enumerate((("2.25.77", "2.25.78"), ("2.25.78", "2.25.77")), start=1):
        item = rig.items()[f"00000{number}", 1]
        uids = [f"{uid}{number}" for uid in order]
        started(rig, item, f"2.25.77{number}")
        ended(rig, uid=f"2.25.77{number}")
        started(rig, item, f"2.25.78{number}")
        for uid in uids:
            rig.write_back(uid)
        assert in_redcap(rig, f"00000{number}")["mri_status"] == "IN_PROGRESS"


def test_a_step_of_two_items_is_told_to_both_rows(rig: Rig) -> None:
    one, two = rig.items()["000001", 1], rig.items()["000002", 1]
    event = an_event(one, UID)
    event.dataset["00400270"]["Value"] += an_event(two).dataset["00400270"]["Value"]
    record(rig, event)
    rig.write_back(UID)
    for number in ("000001", "000002"):
        assert in_redcap(rig, number)["mri_status"] == "IN_PROGRESS"


def test_after_a_mix_up_redcap_shows_the_scan_as_still_to_be_done_and_why(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    before = rig.redcap_row("000001", 1)
    assert before["mri_start"] == "2026-11-22 09:31:00"
    ended(rig, "DISCONTINUED", **because(WRONG_WORKLIST_ENTRY), **series(2))
    rig.write_back(UID)
    told = {"mri_status": "SCHEDULED", "mri_discontinuation_reason": WRONG_WORKLIST_ENTRY}
    assert in_redcap(rig) == told
    written = set(WRITTEN.values())
    after = rig.redcap_row("000001", 1)
    assert {name: text for name, text in after.items() if name not in written} == {
        name: text for name, text in before.items() if name not in written
    }


def test_status_codes_are_the_projects_own(rig: Rig) -> None:
    data = classic_data(url=rig.simulator.url)
    data["write_back"] = {"status": "mri_status", "status_values": {"IN_PROGRESS": "2"}}
    rig.sources.put(definition_from(data))
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    assert in_redcap(rig) == {"mri_status": "2"}


def test_a_source_without_write_back_owes_nothing(rig: Rig) -> None:
    data = classic_data(url=rig.simulator.url)
    del data["write_back"]
    rig.sources.put(definition_from(data))
    started(rig, rig.items()["000001", 1])
    asked = rig.simulator.requests.count
    rig.write_back(UID)
    assert rig.simulator.requests.count == asked
    assert rig.tick() == (["classic"], []) or rig.tick() == ([], [])


def test_of_two_messages_the_bad_one_fails_alone(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    event = sqs_event({"sop_instance_uid": UID}, {"step": 1})
    assert write_back.handler(event, Context()) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert rig.steps.pending(UID) is None
