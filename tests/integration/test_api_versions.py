"""No update is lost: entity tags, If-Match, and what a whole item sent back may replace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from tests.rigs.api import ApiRig
from tests.rigs.api_of_one_item import ITEM, WHERE, api_of_one_item
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import LambdaClient

STATUS = "performed_procedure_step_status"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api_of_one_item() as running:
        yield running


@pytest.fixture
def person(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.WRITE)


def test_every_answer_with_an_item_carries_its_version(person: LambdaClient) -> None:
    shown = person.get(WHERE)
    assert shown.headers["etag"] == f'"{shown.json()["version"]}"'
    changed = person.put(WHERE, json={"allergies": "latex"})
    assert changed.headers["etag"] not in {"", shown.headers["etag"]}
    assert person.get(WHERE).headers["etag"] == changed.headers["etag"]
    made = person.post("/worklist", json={"patient_name": "A", "patient_id": "B", "modality": "MR"})
    assert person.get(made.headers["location"]).headers["etag"] == made.headers["etag"]
    assert {item["version"] for item in person.get("/worklist").json()} == {
        changed.json()["version"],
        made.json()["version"],
    }


def test_who_has_the_version_gets_304(person: LambdaClient) -> None:
    tag = person.get(WHERE).headers["etag"]
    answer = person.get(WHERE, headers={"if-none-match": tag})
    assert (answer.status, answer.text, answer.headers["etag"]) == (304, "", tag)


@pytest.mark.parametrize(("method", "body"), [("PUT", {"allergies": "b"}), ("PATCH", {"allergies": "b"})])
def test_a_change_of_another_version_is_refused_with_what_changed(
    person: LambdaClient, method: str, body: dict[str, str]
) -> None:
    old = person.get(WHERE).headers["etag"]
    new = person.put(WHERE, json={"allergies": "a"}, headers={"if-match": old}).headers["etag"]
    answer = person.request(method, WHERE, json=body, headers={"if-match": old})
    assert answer.status == 412
    assert answer.json()["type"].endswith("precondition-failed")
    assert {flaw["where"] for flaw in answer.json()["errors"]} == {"allergies", "edited"}
    assert person.get(WHERE).headers["etag"] == new
    assert person.request(method, WHERE, json=body, headers={"if-match": new}).status == 200


def test_an_item_is_removed_only_in_the_version_looked_at(person: LambdaClient) -> None:
    old = person.get(WHERE).headers["etag"]
    person.put(WHERE, json={"allergies": "a"})
    assert person.delete(WHERE, headers={"if-match": old}).status == 412
    assert person.get(WHERE).status == 200
    assert person.delete(WHERE, headers={"if-match": "*"}).status == 200


def test_a_stale_item_sent_back_changes_only_what_its_sender_changed(
    rig: ApiRig, person: LambdaClient
) -> None:
    stale = person.get(WHERE).json()
    person.put(WHERE, json={"patient_name": "Right^Name"})
    rig.services.steps.record_event(an_event(ITEM), site="north", relay_id="r")
    answer = person.put(WHERE, json={**stale, "allergies": "latex"})
    assert answer.status == 200, answer.text
    now = answer.json()
    assert (now["patient_name"], now["allergies"], now[STATUS]) == ("Right^Name", "latex", "IN_PROGRESS")
    assert (now["status_owner"], now["edited"]) == ("mpps", ["allergies", "patient_name"])


def test_a_field_that_two_people_change_is_changed_by_the_first(person: LambdaClient) -> None:
    stale = person.get(WHERE).json()
    person.put(WHERE, json={"patient_name": "Right^Name"})
    answer = person.put(WHERE, json={**stale, "patient_name": "Wrong^Name"})
    assert answer.status == 412
    assert [flaw["where"] for flaw in answer.json()["errors"]] == ["patient_name"]
    assert answer.json()["errors"][0]["detail"].startswith("changed by person write-person, 2026-11-18")
    assert person.get(WHERE).json()["patient_name"] == "Right^Name"


@pytest.fixture
def reported(rig: ApiRig) -> ApiRig:
    rig.services.steps.record_event(an_event(ITEM), site="north", relay_id="r")
    return rig


def test_a_whole_item_without_its_version_does_not_undo_a_scanners_report(
    reported: ApiRig, person: LambdaClient
) -> None:
    body = {"allergies": "latex", STATUS: "SCHEDULED"}
    answer = person.put(WHERE, json=body)
    assert (answer.status, answer.json()["where"]) == (428, STATUS)
    assert person.get(WHERE).json()["allergies"] == ""
    tag = person.get(WHERE).headers["etag"]
    assert person.put(WHERE, json=body, headers={"if-match": tag}).json()[STATUS] == "SCHEDULED"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_status_named_alone_is_meant(reported: ApiRig, person: LambdaClient, method: str) -> None:
    answer = person.request(method, WHERE, json={STATUS: "COMPLETED"})
    assert (answer.status, answer.json()[STATUS], answer.json()["status_owner"]) == (
        200,
        "COMPLETED",
        "person",
    )


def test_a_merge_patch_changes_what_it_names_and_null_empties(person: LambdaClient) -> None:
    person.put(WHERE, json={"allergies": "latex", "medical_alerts": "pacemaker"})
    answer = person.request(
        "PATCH",
        WHERE,
        body=b'{"allergies": null}',
        headers={"content-type": "application/merge-patch+json"},
    )
    assert answer.status == 200
    assert (answer.json()["allergies"], answer.json()["medical_alerts"]) == ("", "pacemaker")


@pytest.mark.parametrize(
    ("sent", "kilograms"), [({"patient_weight_lb": "200"}, "90.718"), ({"patient_weight_kg": "80"}, "80")]
)
def test_of_two_units_the_one_that_changed_wins(
    person: LambdaClient, sent: dict[str, str], kilograms: str
) -> None:
    shown = person.put(WHERE, json={"patient_weight_kg": "68.039"}).json()
    answer = person.put(WHERE, json={**shown, **sent})
    assert (answer.status, answer.json()["patient_weight_kg"]) == (200, kilograms)
