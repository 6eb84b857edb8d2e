"""The worklist through the API: made, listed, changed and removed by people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.access.role import Role
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_item
from tests.rigs.lambda_events import Answer, LambdaClient

LEAST = {
    "patient_name": "Doe^Jo",
    "patient_id": "sub-1",
    "modality": "MR",
    "performed_procedure_step_status": "SCHEDULED",
}


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north", SITE_TIME_ZONE="America/New_York") as running:
        yield running


@pytest.fixture
def person(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.WRITE)


def listed(client: LambdaClient, query: str = "") -> list[str]:
    answer = client.get(f"/worklist{query}")
    assert answer.status == 200, answer.text
    return [item["patient_id"] for item in answer.json()]


def next_url(answer: Answer) -> str | None:
    link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
    return link.group(1) if link else None


def test_the_predecessors_example_makes_an_item_that_starts_now(person: LambdaClient) -> None:
    answer = person.post("/worklist", json=LEAST)
    assert answer.status == 201
    item = answer.json()
    assert item.items() >= LEAST.items()
    assert item["site"] == "north"
    assert (item["scheduled_start_date"], item["scheduled_start_time"]) == ("20261118", "060640")
    assert item["scheduled_station_aetitle"] == "UNASSIGNED"
    assert answer.headers["location"] == f"/worklist/{item['id']}"
    assert person.get(answer.headers["location"]).json() == item
    assert listed(person) == ["sub-1"]


def test_two_items_by_hand_share_no_identifier(person: LambdaClient) -> None:
    first, second = (person.post("/worklist", json=LEAST).json() for _ in range(2))
    for name in ("id", "study_instance_uid", "accession_number", "scheduled_procedure_step_id"):
        assert first[name] != second[name]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"patient_name": "a^b^c^d^e^f"}, "patient_name"),
        ({"patient_birth_date": "1990-02-30"}, "patient_birth_date"),
        ({"scheduled_start_time": "25:00"}, "scheduled_start_time"),
        ({"accession_number": "x" * 17}, "accession_number"),
        ({"study_instance_uid": "1.2.840.10008.1.1"}, "study_instance_uid"),
        ({"patient_weight_kg": "70", "patient_weight_lb": "70"}, "patient_weight_lb"),
        ({"patient_weight_lb": "-3"}, "patient_weight_lb"),
        ({"patient_sex": "Z"}, "patient_sex"),
        ({"performed_procedure_step_status": "DONE"}, "performed_procedure_step_status"),
        ({"scheduled_station_aetitle": "MR\\1"}, "scheduled_station_aetitle"),
        ({"patient_id": "AB*?"}, "patient_id"),
        ({"patient_id": "sub\u200b-1"}, "patient_id"),
        ({"patient_id": "sub\u00a0-1"}, "patient_id"),
        ({"accession_number": "A\uff11"}, "accession_number"),
        ({"issuer_of_patient_id": "LAB\u202e"}, "issuer_of_patient_id"),
        ({"site": "no such#site"}, "site"),
        ({"id": "mine"}, "id"),
    ],
)
def test_what_dicom_could_not_carry_is_refused_by_field(
    person: LambdaClient, changes: dict[str, str], where: str
) -> None:
    answer = person.post("/worklist", json={**LEAST, **changes})
    assert answer.status == 422
    assert answer.json()["where"].split(".")[0] == where
    assert listed(person) == []


def test_a_name_loses_what_nobody_sees_and_an_identifier_cannot_be_changed_to_have_it(
    person: LambdaClient,
) -> None:
    made = person.post("/worklist", json={**LEAST, "patient_name": "Do\u200be^\ufeffJo"}).json()
    assert made["patient_name"] == "Doe^Jo"
    where = f"/worklist/{made['id']}"
    assert (
        person.put(where, json={"referring_physician_name": "Cu\u00adrie"}).json()["referring_physician_name"]
        == "Curie"
    )
    refused = person.put(where, json={"patient_id": "sub-1?"})
    assert (refused.status, refused.json()["where"]) == (422, "patient_id")


def test_an_identifier_of_an_earlier_build_may_be_sent_back_as_it_is(
    rig: ApiRig, person: LambdaClient
) -> None:
    old = an_item(patient_id="sub\u200b-1", site="north")
    rig.services.worklist.create(old)
    shown = person.get(f"/worklist/{old.id}").json()
    answer = person.put(f"/worklist/{old.id}", json={**shown, "study_description": "seen"})
    assert (answer.status, answer.json()["edited"]) == (200, ["study_description"])


def test_without_a_default_the_only_site_is_meant() -> None:
    with api() as rig:
        person = rig.user(Role.WRITE)
        assert person.post("/worklist", json=LEAST).json()["where"] == "site"
        rig.services.worklist.put_if_changed([an_item(site="south")])
        assert person.post("/worklist", json=LEAST).json()["site"] == "south"
        rig.services.worklist.put_if_changed([an_item("002", site="north")])
        answer = person.post("/worklist", json=LEAST)
        assert answer.status == 422
        assert "2 sites" in answer.json()["detail"]
        assert person.post("/worklist", json=LEAST | {"site": "north"}).status == 201


@pytest.fixture
def filled(rig: ApiRig) -> LambdaClient:
    rig.services.worklist.put_if_changed(
        [
            an_item("1", scheduled_start_date="20261120"),
            an_item("2", scheduled_start_date="20261121", performed_procedure_step_status="IN_PROGRESS"),
            an_item("3", scheduled_start_date="20261122", performed_procedure_step_status="COMPLETED"),
            an_item("4", scheduled_start_date="20261123", modality="CT"),
            an_item("5", scheduled_start_date="20261124", site="south"),
        ]
    )
    return rig.user(Role.READ)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "1245"),
        ("?status=COMPLETED", "3"),
        ("?status=COMPLETED&status=SCHEDULED", "1345"),
        ("?status=CANCELLED", ""),
        ("?modality=ct", "4"),
        ("?site=south", "5"),
        ("?patient_id=sub-2", "2"),
        ("?patient_id=sub-9", ""),
        ("?patient_id=SUB", "1245"),
        ("?patient_id=B-4", "4"),
        ("?date_from=20261123", "45"),
        ("?date_to=2026-11-21", "12"),
        ("?date_from=2026-11-21&date_to=2026-11-23", "24"),
        ("?limit=2", "12"),
        ("?limit=2&offset=2", "45"),
        ("?offset=9", ""),
    ],
)
def test_the_list_shows_what_is_asked_for_by_start(filled: LambdaClient, query: str, found: str) -> None:
    assert listed(filled, query) == [f"sub-{name}" for name in found]


@pytest.mark.parametrize(
    "query",
    [
        "?limit=0",
        "?limit=1001",
        "?offset=-1",
        "?status=DONE",
        "?date_from=tomorrow",
        "?patientid=1",
        "?cursor=!!!",
        "?cursor=abc&offset=1",
    ],
)
def test_a_question_we_do_not_understand_is_refused(filled: LambdaClient, query: str) -> None:
    assert filled.get(f"/worklist{query}").status == 422


def test_the_link_leads_through_all_pages_and_ends(filled: LambdaClient) -> None:
    url: str | None = "/worklist?limit=1&offset=1&status=SCHEDULED&status=COMPLETED&site="
    pages: list[list[Any]] = []
    while url:
        answer = filled.get(url)
        pages.append([item["patient_id"] for item in answer.json()])
        url = next_url(answer)
        assert url is None or url.count("cursor=") == 1
        assert len(pages) < 9
    assert pages == [["sub-3"], ["sub-4"], ["sub-5"]]


def test_pages_neither_repeat_nor_miss_items_that_start_together(rig: ApiRig) -> None:
    rig.services.worklist.put_if_changed([an_item(str(number)) for number in range(7)])
    client, url, seen = rig.user(Role.READ), "/worklist?limit=2", list[str]()
    while url:
        answer = client.get(url)
        seen += [item["id"] for item in answer.json()]
        url = next_url(answer) or ""
    assert len(seen) == len(set(seen)) == 7


def test_a_change_belongs_to_the_person_and_survives_the_next_sync(rig: ApiRig, person: LambdaClient) -> None:
    item = an_item()
    rig.services.worklist.put_if_changed([item])
    answer = person.put(f"/worklist/{item.id}", json={"allergies": "latex", "patient_weight_lb": 150})
    assert answer.status == 200
    changed = answer.json()
    assert (changed["allergies"], changed["patient_weight_kg"], changed["patient_weight_lb"]) == (
        "latex",
        "68.039",
        "150",
    )
    assert changed["edited"] == ["allergies", "patient_weight_kg"]
    rig.services.worklist.put_if_changed([item.model_copy(update={"study_description": "NEW"})])
    after = person.get(f"/worklist/{item.id}").json()
    assert (after["allergies"], after["study_description"]) == ("latex", "NEW")


def test_sending_the_whole_item_back_owns_only_what_differs(rig: ApiRig, person: LambdaClient) -> None:
    item = an_item(patient_weight_kg="70")
    rig.services.worklist.put_if_changed([item])
    shown = person.get(f"/worklist/{item.id}").json()
    answer = person.put(f"/worklist/{item.id}", json=shown | {"patient_name": "New^Name"})
    assert answer.json()["edited"] == ["patient_name"]


def test_a_change_that_changes_nothing_writes_nothing(rig: ApiRig, person: LambdaClient) -> None:
    item = an_item()
    rig.services.worklist.put_if_changed([item])
    before = rig.services.worklist.find(item.id)
    assert person.put(f"/worklist/{item.id}", json={"modality": "MR"}).status == 200
    assert rig.services.worklist.find(item.id) == before


@pytest.mark.parametrize(
    "changes", [{"site": "south"}, {"source": "x"}, {"id": "y"}, {"patient_name": ""}, {"a": 1}]
)
def test_what_an_item_is_cannot_be_changed(
    rig: ApiRig, person: LambdaClient, changes: dict[str, object]
) -> None:
    item = an_item()
    rig.services.worklist.put_if_changed([item])
    answer = person.put(f"/worklist/{item.id}", json=changes)
    assert answer.status == 422
    assert answer.json()["where"] == next(iter(changes))


def test_a_removed_item_is_gone_and_no_sync_brings_it_back(rig: ApiRig, person: LambdaClient) -> None:
    item = an_item()
    rig.services.worklist.put_if_changed([item])
    assert person.delete(f"/worklist/{item.id}").json() == {
        "message": f"Worklist item {item.id} deleted successfully"
    }
    rig.services.worklist.put_if_changed([item])
    assert person.get(f"/worklist/{item.id}").status == 404
    assert listed(person) == []
    assert rig.services.worklist.changes_after("north", None, 10).items == ()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("item_id", ["none", "SITE%23north", "%00", "a" * 900])
def test_an_item_that_does_not_exist_is_not_found(person: LambdaClient, method: str, item_id: str) -> None:
    assert person.request(method, f"/worklist/{item_id}", json={} if method == "PUT" else None).status == 404


def test_what_names_participants_is_never_cached(filled: LambdaClient) -> None:
    assert filled.get("/worklist").headers["cache-control"] == "no-store"
