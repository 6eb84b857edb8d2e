"""Fields given back to REDCap, and items brought back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from tests.rigs.api import ApiRig
from tests.rigs.api_of_one_item import ITEM, WHERE, api_of_one_item
from tests.rigs.lambda_events import LambdaClient


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api_of_one_item() as running:
        yield running


@pytest.fixture
def person(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.WRITE)


def test_a_released_field_is_redcaps_and_its_record_is_read_anew(rig: ApiRig, person: LambdaClient) -> None:
    person.put(WHERE, json={"patient_id": "P9", "allergies": "latex"})
    answer = person.post(f"{WHERE}/release", json={"fields": ["patient_id"]})
    assert (answer.status, answer.json()["edited"]) == (200, ["allergies"])
    assert answer.headers["etag"] == person.get(WHERE).headers["etag"]
    (message,) = rig.cloud.received(rig.cloud.sync_queue_url)
    assert (message["source_id"], message["record"]) == ("study", "001")
    rig.services.worklist.put_if_changed([ITEM])
    now = person.get(WHERE).json()
    assert (now["patient_id"], now["allergies"]) == (ITEM.patient_id, "latex")


def test_a_release_needs_the_version_if_one_is_named(person: LambdaClient) -> None:
    old = person.get(WHERE).headers["etag"]
    person.put(WHERE, json={"patient_id": "P9"})
    assert person.post(f"{WHERE}/release", headers={"if-match": old}).status == 412
    assert person.post(f"{WHERE}/release").json()["edited"] == []


def test_what_is_nobodys_cannot_be_released(person: LambdaClient) -> None:
    answer = person.post(f"{WHERE}/release", json={"fields": ["patient_id"]})
    assert (answer.status, answer.json()["where"]) == (422, "patient_id")
    assert person.post("/worklist/none/release").status == 404


def test_a_deletion_is_undone(rig: ApiRig, person: LambdaClient) -> None:
    person.delete(WHERE)
    assert person.get(WHERE).status == 404
    answer = person.post(f"{WHERE}/restore")
    assert (answer.status, answer.json()["id"]) == (200, ITEM.id)
    assert person.get(WHERE).headers["etag"] == answer.headers["etag"]
    assert [row.item.id for row in rig.services.worklist.changes_after("north", None, 10).items] == [ITEM.id]
    assert {each["action"] for each in person.get(f"{WHERE}/history").json()} >= {"removed", "restored"}
    assert len(rig.cloud.received(rig.cloud.sync_queue_url)) == 1


def test_what_redcap_took_back_or_never_was_is_not_restored(rig: ApiRig, person: LambdaClient) -> None:
    rig.services.worklist.withdraw("north", [ITEM.id])
    assert person.post(f"{WHERE}/restore").status == 422
    assert person.post("/worklist/none/restore").status == 404
