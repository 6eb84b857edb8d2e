"""What scanners did, as relays bring it: each event judged by itself, recorded once, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from lambdas.store.accounts.people import Role
from lambdas.store.steps import StepStore
from shared.errors import Conflict, Unavailable
from shared.procedure_step import EventKind, EventResult, ProcedureStepEvent
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
    """A step store that fails once, at the second event."""

    def __init__(self, real: StepStore, error: Exception) -> None:
        self.real, self.error, self.calls = real, error, 0

    def record_event(self, event: ProcedureStepEvent, *, site: str, relay_id: str) -> EventResult:
        self.calls += 1
        if self.calls == 2:
            raise self.error
        return self.real.record_event(event, site=site, relay_id=relay_id)


@pytest.mark.parametrize("error", [Unavailable("DynamoDB is away"), Conflict("another was first")])
def test_a_store_that_fails_in_the_middle_loses_nothing(rig: ApiRig, error: Exception) -> None:
    faltering = Faltering(rig.services.steps, error)
    object.__setattr__(rig.services, "steps", cast("StepStore", faltering))
    relay, events = rig.relay(), scan()
    answer = relay.http.post("/relay/mpps", json=sent(*events))
    assert answer.status == 503
    assert rig.cloud.received(rig.cloud.write_back_queue_url) == [{"sop_instance_uid": "2.25.77"}]
    assert outcomes(relay.http.post("/relay/mpps", json=sent(*events))) == ["already_recorded", "recorded"]
    assert status_of(rig) == "COMPLETED"
