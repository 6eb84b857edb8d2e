"""What scanners did, as relays bring it: each event judged by itself, recorded once, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

import pytest

from lambdas.access.role import Role
from lambdas.store.steps import StepStore
from shared.errors import Conflict, Unavailable
from shared.steps.procedure_step import EventKind, EventResult, ProcedureStepEvent
from shared.worklist_item import WorklistItem
from tests.rigs.api import ApiRig, api, log_lines
from tests.rigs.builders import an_event, an_item

ITEM = an_item()


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        running.services.worklist.put_if_changed([ITEM])
        yield running


def sent(*events: ProcedureStepEvent | dict[str, Any]) -> dict[str, Any]:
    return {
        "events": [event if isinstance(event, dict) else event.model_dump(mode="json") for event in events]
    }


def scan(item: WorklistItem = ITEM, uid: str = "2.25.77") -> tuple[ProcedureStepEvent, ProcedureStepEvent]:
    return an_event(item, uid), an_event(item, uid, EventKind.N_SET, "COMPLETED")


def outcomes(answer: Any) -> list[str]:
    assert answer.status == 200, answer.text
    return [result["outcome"] for result in answer.json()["results"]]


def status_of(rig: ApiRig) -> str:
    return str(rig.user(Role.READ).get(f"/worklist/{ITEM.id}").json()["performed_procedure_step_status"])


def test_a_scan_begun_and_ended_shows_in_the_worklist_and_wakes_the_write_back(rig: ApiRig) -> None:
    relay, (begun, ended) = rig.relay(), scan()
    answer = relay.http.post("/relay/mpps", json=sent(begun))
    result = EventResult.model_validate(answer.json()["results"][0])
    assert (result.event_id, result.outcome) == (begun.event_id, "recorded")
    assert [linked.item_id for linked in result.items] == [ITEM.id]
    assert status_of(rig) == "IN_PROGRESS"
    assert outcomes(relay.http.post("/relay/mpps", json=sent(ended))) == ["recorded"]
    assert status_of(rig) == "COMPLETED"
    messages = rig.cloud.received(rig.cloud.write_back_queue_url)
    assert messages == [{"sop_instance_uid": "2.25.77"}] * 2


def test_a_replay_is_recorded_once_and_as_good_as_the_first(rig: ApiRig) -> None:
    relay, events = rig.relay(), scan()
    assert outcomes(relay.http.post("/relay/mpps", json=sent(*events))) == ["recorded"] * 2
    assert outcomes(relay.http.post("/relay/mpps", json=sent(*events))) == ["already_recorded"] * 2
    assert len(rig.services.steps.events("2.25.77")) == 2


def test_events_of_one_request_give_one_hint_a_step(rig: ApiRig) -> None:
    rig.relay().http.post("/relay/mpps", json=sent(*scan(), *scan(uid="2.25.78")))
    messages = rig.cloud.received(rig.cloud.write_back_queue_url)
    assert sorted(message["sop_instance_uid"] for message in messages) == ["2.25.77", "2.25.78"]


def test_a_bad_event_is_refused_with_its_reason_and_the_others_go_on(rig: ApiRig) -> None:
    begun, ended = scan()
    bad = begun.model_dump(mode="json") | {
        "event_id": "bad",
        "sop_instance_uid": "1.2.840.10008.1",
        "received_at": "Doe^John",
    }
    answer = rig.relay().http.post("/relay/mpps", json=sent(bad, begun, ended))
    assert outcomes(answer) == ["refused", "recorded", "recorded"]
    refused = answer.json()["results"][0]
    assert refused["event_id"] == "bad"
    for field in ("event_id", "sop_instance_uid", "received_at"):
        assert field in refused["reason"]
    assert "Doe" not in refused["reason"]


def test_what_the_state_machine_forbids_is_refused_and_gives_no_hint(rig: ApiRig) -> None:
    _, ended = scan()
    assert outcomes(rig.relay().http.post("/relay/mpps", json=sent(ended))) == ["refused"]
    assert rig.cloud.received(rig.cloud.write_back_queue_url) == []


def test_a_step_of_another_site_is_refused(rig: ApiRig) -> None:
    begun, ended = scan()
    assert outcomes(rig.relay("north").http.post("/relay/mpps", json=sent(begun))) == ["recorded"]
    assert outcomes(rig.relay("south").http.post("/relay/mpps", json=sent(ended))) == ["refused"]
    assert status_of(rig) == "IN_PROGRESS"


def test_all_items_a_relay_linked_a_step_to_are_taken_from_the_event(rig: ApiRig) -> None:
    other = an_item("002")
    rig.services.worklist.put_if_changed([other])
    begun, _ = scan()
    by_accession = {"00080050": {"vr": "SH", "Value": [other.accession_number]}}
    begun.dataset["00400270"]["Value"].append(by_accession)
    begun = begun.model_copy(update={"item_ids": (ITEM.id, other.id)})
    answer = rig.relay().http.post("/relay/mpps", json=sent(begun))
    result = EventResult.model_validate(answer.json()["results"][0])
    assert {linked.item_id for linked in result.items} == {ITEM.id, other.id}


def test_an_event_of_a_megabyte_is_recorded(rig: ApiRig) -> None:
    begun, ended = scan()
    image = {"00081155": {"vr": "UI", "Value": ["1.3.12.2.1107.5.2.19.45152.20190912132401456789"]}}
    series = {"00081140": {"vr": "SQ", "Value": [image] * 12_000}}
    ended.dataset["00400340"] = {"vr": "SQ", "Value": [series]}
    relay = rig.relay()
    assert outcomes(relay.http.post("/relay/mpps", json=sent(begun, ended))) == ["recorded"] * 2
    assert status_of(rig) == "COMPLETED"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": {}},
        {"events": ["x"]},
        {"events": [{}]},
        {"events": [{"event_id": ""}]},
        {"events": [{"event_id": 5}]},
        {"events": [{"event_id": "x" * 65}]},
        {"events": [{"event_id": str(number)} for number in range(101)]},
    ],
)
def test_a_batch_whose_events_cannot_be_named_is_refused_whole(rig: ApiRig, body: Any) -> None:
    assert rig.relay().http.post("/relay/mpps", json=body).status == 422


def test_an_empty_batch_is_fine(rig: ApiRig) -> None:
    assert outcomes(rig.relay().http.post("/relay/mpps", json={"events": []})) == []


def test_a_queue_that_is_gone_does_not_fail_the_intake(rig: ApiRig) -> None:
    rig.cloud.sqs.delete_queue(QueueUrl=rig.cloud.write_back_queue_url)
    with log_lines() as lines:
        assert outcomes(rig.relay().http.post("/relay/mpps", json=sent(*scan()))) == ["recorded"] * 2
    assert rig.services.steps.due_write_backs(10) == ["2.25.77"]
    warned = [line for line in lines if line["levelname"] == "WARNING"]
    assert len(warned) == 1
    assert "2.25.77" not in str(warned)


class Faltering:
    """A step store that fails for some events, and takes its time."""

    def __init__(self, rig: ApiRig, error: Exception | None, *failing: str, seconds: float = 0.0) -> None:
        self.real, self.error, self.failing = rig.services.steps, error, failing
        self.clock, self.seconds = rig.clock, seconds
        object.__setattr__(rig.services, "steps", cast("StepStore", self))

    def record_event(self, event: ProcedureStepEvent, *, site: str, relay_id: str) -> EventResult:
        self.clock.advance(self.seconds)
        if self.error is not None and event.event_id in self.failing:
            raise self.error
        return self.real.record_event(event, site=site, relay_id=relay_id)


FAULTS = [Unavailable("DynamoDB is away"), Conflict("another was first"), RuntimeError("a surprise")]


def answered(answer: Any) -> list[str]:
    assert answer.status == 200, answer.text
    return [result["event_id"] for result in answer.json()["results"]]


@pytest.mark.parametrize("error", FAULTS)
def test_what_fails_in_the_middle_is_left_out_and_recorded_when_it_is_sent_again(
    rig: ApiRig, error: Exception
) -> None:
    relay, (begun, ended) = rig.relay(), scan()
    faltering = Faltering(rig, error, ended.event_id)
    assert answered(relay.http.post("/relay/mpps", json=sent(begun, ended))) == [begun.event_id]
    assert rig.cloud.received(rig.cloud.write_back_queue_url) == [{"sop_instance_uid": "2.25.77"}]
    faltering.failing = ()
    assert outcomes(relay.http.post("/relay/mpps", json=sent(begun, ended))) == [
        "already_recorded",
        "recorded",
    ]
    assert status_of(rig) == "COMPLETED"


@pytest.mark.parametrize("error", FAULTS)
def test_one_event_that_fails_holds_up_its_own_step_and_no_other(rig: ApiRig, error: Exception) -> None:
    (begun, ended), (other, other_ended) = scan(), scan(uid="2.25.78")
    Faltering(rig, error, begun.event_id)
    answer = rig.relay().http.post("/relay/mpps", json=sent(begun, ended, other, other_ended))
    assert answered(answer) == [other.event_id, other_ended.event_id]


@pytest.mark.parametrize(("error", "status"), list(zip(FAULTS, (503, 503, 500), strict=True)))
def test_a_request_of_which_nothing_can_be_judged_fails(rig: ApiRig, error: Exception, status: int) -> None:
    begun, ended = scan()
    Faltering(rig, error, begun.event_id)
    assert rig.relay().http.post("/relay/mpps", json=sent(begun, ended)).status == status


@pytest.mark.parametrize(
    ("prefer", "seconds", "count"),
    [("", 3, 3), ("wait=5", 2, 3), ("respond-async, wait=2", 1, 2), ("wait=1", 60, 1), ("wait=x", 3, 3)],
)
def test_the_answer_comes_in_time_with_what_was_managed(
    rig: ApiRig, prefer: str, seconds: float, count: int
) -> None:
    events = [scan(uid=f"2.25.{number}")[0] for number in range(10, 20)]
    Faltering(rig, None, seconds=seconds)
    answer = rig.relay().http.post("/relay/mpps", json=sent(*events), headers={"Prefer": prefer})
    assert answered(answer) == [event.event_id for event in events[:count]]


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(levels):
        inner = {"00081199": {"vr": "SQ", "Value": [inner]}}
    return inner


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": nested(70)},
        {"dataset": nested(100)},
        {"dataset": {"00100020": {"vr": "LO", "Value": ["\ud800"]}}},
        {"dataset": {"\udfff": {"vr": "LO"}}},
        {"warnings": ["\ud800"]},
        {"item_id": "\ud800"},
        {"item_ids": ["\ud800"]},
        {"calling_aetitle": "\ud800"},
        {"sop_instance_uid": "\ud800"},
        {"kind": "\ud800"},
    ],
)
def test_an_event_that_cannot_be_kept_is_refused_by_itself(rig: ApiRig, change: dict[str, Any]) -> None:
    (begun, _), (other, _) = scan(), scan(uid="2.25.78")
    bad = begun.model_dump(mode="json")
    bad |= {**change, "dataset": {**bad["dataset"], **change.get("dataset", {})}}
    answer = rig.relay().http.post("/relay/mpps", json=sent(bad, other))
    assert outcomes(answer) == ["refused", "recorded"]


def test_an_event_id_nobody_could_write_down_is_a_flaw_of_the_request(rig: ApiRig) -> None:
    bad = scan()[0].model_dump(mode="json") | {"event_id": "\ud800"}
    answer = rig.relay().http.post("/relay/mpps", json=sent(bad))
    assert (answer.status, answer.json()["where"]) == (422, "events.0.event_id")


def test_another_relay_of_the_site_is_told_of_a_step_and_of_its_events(rig: ApiRig) -> None:
    begun, ended = scan()
    relay, other = rig.relay(), rig.relay()
    relay.http.post("/relay/mpps", json=sent(begun))
    assert events_of(other.http.get("/relay/mpps/2.25.77")) == [begun]
    assert outcomes(other.http.post("/relay/mpps", json=sent(ended))) == ["recorded"]
    assert status_of(rig) == "COMPLETED"
    assert events_of(relay.http.get("/relay/mpps/2.25.77")) == [begun, ended]


def events_of(answer: Any) -> list[ProcedureStepEvent]:
    return [ProcedureStepEvent.model_validate(raw) for raw in answer.json()["events"]]


def test_nobody_is_told_of_a_step_of_another_site_or_of_none(rig: ApiRig) -> None:
    rig.relay().http.post("/relay/mpps", json=sent(scan()[0]))
    assert rig.relay("south").http.get("/relay/mpps/2.25.77").status == 404
    assert rig.relay().http.get("/relay/mpps/2.25.78").status == 404
    assert rig.user(Role.ADMIN).get("/relay/mpps/2.25.77").status == 401


def test_the_same_creation_sent_to_two_relays_is_one_and_a_different_one_is_refused(rig: ApiRig) -> None:
    begun, ended = scan()
    rig.relay().http.post("/relay/mpps", json=sent(begun))
    again = begun.model_copy(update={"event_id": uuid4().hex})
    assert outcomes(rig.relay().http.post("/relay/mpps", json=sent(again, ended))) == [
        "already_recorded",
        "recorded",
    ]
    other = {**begun.dataset, "00400241": {"vr": "AE", "Value": ["MR2"]}}
    different = begun.model_copy(update={"event_id": uuid4().hex, "dataset": other})
    assert outcomes(rig.relay().http.post("/relay/mpps", json=sent(different))) == ["refused"]
