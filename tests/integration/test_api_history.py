"""What becomes of an item, page by page and over time; and what of it is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from lambdas.store.models import audit_key
from shared.steps.procedure_step import EventKind
from tests.rigs.api import ApiRig
from tests.rigs.api_of_one_item import ITEM, WHERE, ticking_api_of_one_item
from tests.rigs.audit_records import last, records
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import LambdaClient

NEW = {"patient_name": "Doe^Jo", "patient_id": "P1", "modality": "MR"}
DAY = "20261118"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with ticking_api_of_one_item() as running:
        yield running


@pytest.fixture
def admin(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.ADMIN)


def test_what_changes_nothing_leaves_none(rig: ApiRig, admin: LambdaClient) -> None:
    before = records(admin, "?kind=item")
    admin.put(WHERE, json={"modality": "MR"})
    rig.services.worklist.put_if_changed([ITEM])
    assert records(admin, "?kind=item") == before


def test_no_entry_holds_a_password_or_a_name_typed_in_vain(rig: ApiRig, admin: LambdaClient) -> None:
    admin.put("/users/write-person", json={})
    rig.user(Role.WRITE)
    admin.put("/users/write-person", json={"password": "grey kettle moraine"})
    rig.anybody.post("/auth/login", json={"username": "my-secret-password", "password": "x"})
    told = admin.get("/audit").text
    assert "kettle" not in told
    assert "argon2" not in told
    assert "my-secret-password" not in told
    assert last(admin, "user")["after"] == {"password": "changed"}


def test_pages_neither_repeat_nor_miss(rig: ApiRig, admin: LambdaClient) -> None:
    for number in range(5):
        rig.clock.advance(40_000)
        admin = rig.user(Role.ADMIN)
        admin.put(WHERE, json={"allergies": f"a{number}"})
    url, seen = "/audit?kind=item&limit=2&action=changed", list[str]()
    while url:
        answer = admin.get(url)
        seen += [each["after"]["allergies"] for each in answer.json()]
        link = answer.headers.get("link", "")
        url = link[1 : link.index(">")] if link else ""
    assert seen == ["a4", "a3", "a2", "a1", "a0"]


def test_a_question_of_years_goes_on_by_its_link(rig: ApiRig, admin: LambdaClient) -> None:
    rig.clock.advance(40 * 86_400)
    answer = rig.user(Role.ADMIN).get("/audit?date_from=20260101&kind=item")
    assert answer.json() == []
    url = answer.headers["link"].split(">")[0][1:]
    assert [each["action"] for each in rig.user(Role.ADMIN).get(url).json()] == ["created"]


def test_the_trail_as_csv_has_a_line_for_each_field(rig: ApiRig, admin: LambdaClient) -> None:
    admin.put(WHERE, json={"allergies": "=1", "medical_alerts": "b"})
    answer = admin.get("/audit?kind=item&action=changed", headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert sorted((line["field"], line["after"]) for line in lines) == [
        ("allergies", "'=1"),
        ("edited", "['allergies', 'medical_alerts']"),
        ("medical_alerts", "b"),
    ]


def test_an_entry_taken_out_shows(rig: ApiRig, admin: LambdaClient) -> None:
    for number in range(3):
        admin.put(WHERE, json={"allergies": f"a{number}"})
    rows = [row for row in rig.cloud.tables.audit.query(audit_key(DAY)) if "site:north" in row.sk]
    rows[1].delete()
    flaws = admin.get("/audit/check", params={"day": DAY}).json()["flaws"]
    assert flaws == ["site:north 2 to 2: missing"]


def test_the_history_tells_source_person_scanner_and_write_back(rig: ApiRig) -> None:
    person = rig.user(Role.WRITE)
    person.put(WHERE, json={"allergies": "latex"})
    rig.services.steps.record_event(an_event(ITEM), site="north", relay_id="r1")
    ended = an_event(ITEM, kind=EventKind.N_SET, status="COMPLETED")
    rig.services.steps.record_event(ended, site="north", relay_id="r1")
    rig.services.steps.write_back_done("2.25.77", 2)
    told = rig.user(Role.READ).get(f"{WHERE}/history").json()
    assert [(each["actor_kind"], each["actor"], each["kind"], each["action"]) for each in told] == [
        ("source", "study", "item", "created"),
        ("person", "write-person", "item", "changed"),
        ("relay", "r1", "item", "changed"),
        ("relay", "r1", "step", "reported"),
        ("relay", "r1", "item", "changed"),
        ("relay", "r1", "step", "reported"),
        ("write-back", "north", "step", "told"),
    ]


def test_a_removed_item_still_has_its_history(rig: ApiRig) -> None:
    person = rig.user(Role.WRITE)
    person.delete(WHERE)
    assert [each["action"] for each in person.get(f"{WHERE}/history").json()] == ["created", "removed"]
    assert person.get("/worklist/none/history").status == 404


def test_an_item_of_an_earlier_build_has_a_history_from_now_on(rig: ApiRig) -> None:
    row = next(iter(rig.cloud.tables.item.query("SITE#north", rig.cloud.tables.item.sk.startswith("ITEM#"))))
    row.update(actions=[rig.cloud.tables.item.audited.remove()])
    head = rig.cloud.tables.head.get("SITE#north", "HEAD")
    head.update(actions=[rig.cloud.tables.head.audited.remove()])
    person = rig.user(Role.WRITE)
    assert person.get(f"{WHERE}/history").json() == []
    assert person.put(WHERE, json={"allergies": "latex"}).status == 200
    assert [each["action"] for each in person.get(f"{WHERE}/history").json()] == ["changed"]
