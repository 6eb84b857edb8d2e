"""Scans without a booking, or of the wrong one: found, linked, and the link undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lambdas.access.role import Role
from lambdas.api.pages.views.unmatched import step_row
from lambdas.api.schemas.steps import StepView
from shared.steps.procedure_step import EventKind
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.lambda_events import LambdaClient

ITEM, OTHER = an_item(), an_item("002", scheduled_start_time="1600")
WHERE = f"/worklist/{ITEM.id}"
STEP = "/procedure-steps/2.25.77"
DAYS = "?date_from=20261120&date_to=20261124"
STATUS = "performed_procedure_step_status"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        running.services.worklist.put_if_changed([ITEM, OTHER])
        yield running


@pytest.fixture
def person(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.WRITE)


def report(rig: ApiRig, item: Any = None, *, ended: bool = True, patient_id: str = "sub-001") -> None:
    begun = an_event(item)
    begun.dataset["00100020"] = {"vr": "LO", "Value": [patient_id]}
    rig.services.steps.record_event(begun, site="north", relay_id="r1")
    if ended:
        event = an_event(item, kind=EventKind.N_SET, status="COMPLETED")
        rig.services.steps.record_event(event, site="north", relay_id="r1")


def listed(client: LambdaClient, query: str = "") -> list[tuple[str, list[str]]]:
    answer = client.get(f"/procedure-steps{DAYS}{query}")
    assert answer.status == 200, answer.text
    return [(each["sop_instance_uid"], each["problems"]) for each in answer.json()]


def test_a_scan_without_a_booking_is_listed_with_whom_it_is_of(rig: ApiRig) -> None:
    report(rig)
    reader = rig.user(Role.READ)
    assert listed(reader) == [("2.25.77", ["unmatched"])]
    assert listed(reader, "&problem=mismatched") == []
    assert listed(reader, "&station=MR9") == []
    assert listed(reader, "&site=south") == []
    assert reader.get(f"/procedure-steps{DAYS}").json()[0]["patient_id"] == "sub-001"


def test_a_scan_of_somebody_elses_booking_and_one_left_open_are_listed(rig: ApiRig) -> None:
    report(rig, ITEM, ended=False, patient_id="sub-002")
    rig.clock.seconds = an_event(ITEM).received_at.timestamp() + 5 * 3600
    assert listed(rig.user(Role.READ)) == [("2.25.77", ["mismatched", "open"])]


def test_a_scan_that_nothing_is_wrong_with_is_listed_if_all_are(rig: ApiRig) -> None:
    report(rig, ITEM)
    reader = rig.user(Role.READ)
    assert (listed(reader), listed(reader, "&all=true")) == ([], [("2.25.77", [])])


def test_candidates_are_ranked_and_say_why(rig: ApiRig) -> None:
    report(rig)
    shown = rig.user(Role.READ).get(STEP).json()
    assert [each["item"]["id"] for each in shown["candidates"]] == [ITEM.id, OTHER.id]
    assert shown["candidates"][0]["why"] == [
        "same Patient ID",
        "planned on the same scanner",
        "began 1 min after its planned time",
    ]


def test_a_linked_item_has_its_status_and_times_and_redcap_is_told(rig: ApiRig, person: LambdaClient) -> None:
    report(rig)
    answer = person.post(f"{STEP}/link", json={"item_id": ITEM.id})
    assert (answer.status, answer.json()["items"], answer.json()["problems"]) == (200, [ITEM.id], [])
    item = person.get(WHERE).json()
    assert (item[STATUS], item["status_owner"]) == ("COMPLETED", "mpps")
    assert (item["actual_start"], item["actual_end"]) == ("2026-11-22T09:31:00", "2026-11-22T10:15:00")
    assert (item["actual_station_aetitle"], item["procedure_steps"]) == ("MR1", ["2.25.77"])
    assert rig.services.steps.due_write_backs(9) == ["2.25.77"]
    assert rig.cloud.received(rig.cloud.write_back_queue_url)
    told = person.get(f"{WHERE}/history").json()
    assert {(each["actor"], each["kind"], each["action"]) for each in told} >= {
        ("write-person", "step", "linked"),
        ("write-person", "item", "changed"),
    }


def test_a_link_is_undone_and_redcap_is_told_that_the_exam_is_to_be_done(
    rig: ApiRig, person: LambdaClient
) -> None:
    report(rig, ITEM)
    rig.services.steps.write_back_done("2.25.77", 2)
    assert person.post(f"{STEP}/unlink", json={"item_id": ITEM.id}).json()["problems"] == ["unmatched"]
    item = person.get(WHERE).json()
    assert (item[STATUS], item["status_owner"], item["actual_start"]) == ("SCHEDULED", "source", None)
    pending = rig.services.steps.pending("2.25.77")
    assert pending is not None
    (step,) = pending.performed[ITEM.id]
    assert (step.status, step.discontinuation_reason) == ("DISCONTINUED", "110514")


def test_unlinking_is_undone_by_linking(rig: ApiRig, person: LambdaClient) -> None:
    report(rig, ITEM)
    before = person.get(WHERE).json()
    person.post(f"{STEP}/unlink", json={"item_id": ITEM.id})
    person.post(f"{STEP}/link", json={"item_id": ITEM.id})
    after = person.get(WHERE).json()
    assert {**after, "version": ""} == {**before, "version": ""}


def test_a_scan_moved_to_another_exam_leaves_the_first_to_be_done(rig: ApiRig, person: LambdaClient) -> None:
    report(rig, ITEM)
    person.post(f"{STEP}/unlink", json={"item_id": ITEM.id})
    person.post(f"{STEP}/link", json={"item_id": OTHER.id})
    statuses = [person.get(f"/worklist/{each.id}").json()[STATUS] for each in (ITEM, OTHER)]
    assert statuses == ["SCHEDULED", "COMPLETED"]


def test_what_is_not_there_is_not_linked(rig: ApiRig, person: LambdaClient) -> None:
    report(rig)
    south = an_item("3", site="south")
    rig.services.worklist.put_if_changed([south])
    assert person.post(f"{STEP}/link", json={"item_id": "none"}).status == 404
    assert person.post(f"{STEP}/link", json={"item_id": south.id}).status == 404
    assert person.post(f"{STEP}/unlink", json={"item_id": ITEM.id}).status == 404
    assert person.post("/procedure-steps/1.2/link", json={"item_id": ITEM.id}).status == 404


def test_an_orphan_says_which_later_scan_counts_in_its_place(rig: ApiRig) -> None:
    report(rig, ITEM, ended=False)
    begun = an_event(ITEM, "2.25.78")
    later = begun.model_copy(update={"received_at": begun.received_at + timedelta(minutes=5)})
    rig.services.steps.record_event(later, site="north", relay_id="r1")
    done = an_event(None, "2.25.78", EventKind.N_SET, "COMPLETED")
    rig.services.steps.record_event(done, site="north", relay_id="r1")
    rig.clock.seconds = begun.received_at.timestamp() + 5 * 3600
    reader = rig.user(Role.READ)
    (shown,) = reader.get(f"/procedure-steps{DAYS}").json()
    assert (shown["sop_instance_uid"], shown["superseded_by"], shown["stale"]) == (
        "2.25.77",
        "2.25.78",
        False,
    )
    assert "superseded by a later scan" in step_row(StepView.model_validate(shown)).problems
    assert rig.user(Role.READ).get(WHERE).json()[STATUS] == "COMPLETED"
