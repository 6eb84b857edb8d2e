"""What the scanner did is in REDCap by itself: through the real handlers, with the events AWS sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.redcap_sim import classic, scenarios, single
from lambdas import write_back
from lambdas.source_file import definition_from
from shared.procedure_step import WRONG_WORKLIST_ENTRY, EventKind, ProcedureStepEvent
from shared.worklist_item import Status, WorklistItem
from tests.builders import an_event
from tests.lambda_events import Context, sqs_event
from tests.redcap_rig import Rig, Stack, classic_data, running_stack

UID = "2.25.77"
WRITTEN = ("mri_status", "mri_start", "mri_end", "mri_station", "mri_discontinuation_reason")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture
def rig(stack: Stack) -> Rig:
    fresh = stack.fresh(classic(2), classic_data())
    fresh.sync()
    return fresh


def record(rig: Rig, event: ProcedureStepEvent) -> None:
    assert rig.steps.record_event(event, site=rig.site, relay_id="relay-1").outcome == "recorded"


def started(rig: Rig, item: WorklistItem, uid: str = UID) -> None:
    record(rig, an_event(item, uid))


def ended(rig: Rig, status: str = "COMPLETED", uid: str = UID, **dataset: Any) -> None:
    event = an_event(None, uid, EventKind.N_SET, status)
    record(rig, event.model_copy(update={"dataset": {**event.dataset, **dataset}}))


def in_redcap(rig: Rig, record_id: str = "000001", instance: int = 1) -> dict[str, str]:
    row = rig.redcap_row(record_id, instance)
    return {name: row[name] for name in WRITTEN if name in row}


def imports(rig: Rig) -> int:
    return sum(seen.action == "import" for seen in rig.simulator.requests.seen())


def discontinued_because(code: str) -> dict[str, Any]:
    return {"00400281": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": [code]}}]}}


def test_a_step_begun_is_in_redcap_with_status_start_and_station(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    assert rig.tick() == ([], [UID])
    assert rig.write_back(UID) == 0
    assert in_redcap(rig) == {
        "mri_status": "IN_PROGRESS",
        "mri_start": "2026-11-22 09:31:00",
        "mri_station": "MR1",
    }


def test_a_step_completed_adds_its_end_in_whole_seconds(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    ended(rig)
    rig.write_back(UID)
    told = in_redcap(rig)
    assert (told["mri_status"], told["mri_end"]) == ("COMPLETED", "2026-11-22 10:15:00")


def test_no_field_but_the_configured_ones_is_touched(rig: Rig) -> None:
    before = rig.redcap_row("000001", 1)
    started(rig, rig.items()["000001", 1])
    ended(rig, "DISCONTINUED", **discontinued_because("110513"))
    rig.write_back(UID)
    after = rig.redcap_row("000001", 1)
    assert {name: text for name, text in after.items() if name not in WRITTEN} == before
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
    report = rig.sync()
    assert (report.outcome, report.written, report.withdrawn) == ("ok", 0, 0)
    assert rig.worklist.head("main") == head
    assert rig.items()["000001", 1].performed_procedure_step_status is Status.IN_PROGRESS


@pytest.mark.parametrize("kind", ["html_200", "dropped", "banned", "revoked"])
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


def test_what_redcap_refuses_is_parked_with_its_reason(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    data = classic_data(url=rig.simulator.url)
    data["write_back"] = {"status": "mri_wt_kg"}  # calculated: nobody may write it
    rig.sources.put(definition_from(data))
    started(rig, rig.items()["000001", 1])
    rig.write_back(UID)
    assert rig.steps.pending(UID) is None
    logged = [vars(entry) for entry in caplog.records if entry.message == "write-back"]
    assert [entry["outcome"] for entry in logged] == ["parked"]


def test_a_row_that_is_gone_is_not_created_anew(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    scenarios.deleted(rig.simulator.desk, rig.project, "000001")
    for _ in range(9):
        rig.write_back(UID)
    assert rig.steps.pending(UID) is None  # parked at last
    assert imports(rig) == 0
    assert rig.project.records.get("000001") is None


def test_a_newer_event_during_the_write_keeps_the_step_due(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from lambdas.redcap import RedcapProject  # noqa: PLC0415

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


def test_a_wrongly_selected_entry_is_given_back_and_a_late_word_of_it_does_not_undo_the_right_scan(
    rig: Rig,
) -> None:
    item = rig.items()["000001", 1]
    started(rig, item)
    ended(rig, "DISCONTINUED", **discontinued_because(WRONG_WORKLIST_ENTRY))
    started(rig, item, "2.25.78")
    rig.write_back("2.25.78")
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


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


def test_a_row_that_does_not_repeat_gets_no_instance(stack: Stack) -> None:
    data = classic_data(
        token_secret="single", record_id_field="participant", rows={"required": ["mri_date"]}, joins=[]
    )
    data["fields"] = {**data["fields"], "patient_id": "participant"}
    rig = stack.fresh(single(2), data)
    rig.sync()
    started(rig, rig.items()["0001", 1])
    rig.write_back(UID)
    assert in_redcap(rig, "0001")["mri_status"] == "IN_PROGRESS"


def test_of_two_messages_the_bad_one_fails_alone(rig: Rig) -> None:
    started(rig, rig.items()["000001", 1])
    event = sqs_event({"sop_instance_uid": UID}, {"step": 1})
    assert write_back.handler(event, Context()) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert rig.steps.pending(UID) is None
