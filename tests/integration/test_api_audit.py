"""The audit trail: every change and reading leaves an entry, in its own transaction, and none can vanish."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambdas.access.role import Role
from tests.rigs.api import PASSWORD, ApiRig
from tests.rigs.api_of_one_item import ITEM, WHERE, ticking_api_of_one_item
from tests.rigs.audit_records import last, records
from tests.rigs.lambda_events import LambdaClient

NEW = {"patient_name": "Doe^Jo", "patient_id": "P1", "modality": "MR"}
DAY = "20261118"


@pytest.fixture(scope="module")
def shared() -> Iterator[ApiRig]:
    """Return an API that several tests use, none of which minds what the others did."""
    with ticking_api_of_one_item() as running:
        yield running


def test_a_change_tells_who_what_when_and_from_where(shared: ApiRig) -> None:
    admin = shared.user(Role.ADMIN)
    answer = shared.user(Role.WRITE).put(WHERE, json={"allergies": "latex"})
    told = last(admin, "item")
    assert told.pop("at").startswith("2026-11-18T")
    assert told.pop("entry").startswith(DAY)
    assert len(told.pop("previous")) == 64
    assert told == {
        "actor_kind": "person",
        "actor": "write-person",
        "address": "192.0.2.1",
        "request_id": answer.headers["x-request-id"],
        "site": "north",
        "action": "changed",
        "kind": "item",
        "id": ITEM.id,
        "ids": [],
        "before": {},
        "after": {"allergies": "latex", "edited": ["allergies"]},
    }


Do = Callable[[ApiRig, LambdaClient], Any]


@pytest.mark.parametrize(
    ("do", "kind", "action"),
    [
        (lambda rig, admin: admin.post("/worklist", json=NEW), "item", "created"),
        (lambda rig, admin: admin.request("PATCH", WHERE, json={"allergies": "x"}), "item", "changed"),
        (
            lambda rig, admin: admin.delete(admin.post("/worklist", json=NEW).headers["location"]),
            "item",
            "removed",
        ),
        (lambda rig, admin: admin.get(WHERE), "item", "read"),
        (lambda rig, admin: admin.get("/worklist"), "list", "read"),
        (lambda rig, admin: admin.get(f"{WHERE}/history"), "history", "read"),
        (lambda rig, admin: admin.get("/missing"), "missing", "read"),
        (
            lambda rig, admin: admin.post(
                "/users", json={"username": "ben", "password": PASSWORD, "role": "read"}
            ),
            "user",
            "created",
        ),
        (
            lambda rig, admin: admin.put("/users/read-person", json={"password": "grey " + PASSWORD}),
            "user",
            "changed",
        ),
        (
            lambda rig, admin: admin.post("/relays/enrollments", json={"site": "north"}),
            "enrollment",
            "created",
        ),
        (lambda rig, admin: rig.relay(), "relay", "created"),
        (lambda rig, admin: admin.delete(f"/relays/{rig.relay().relay_id}"), "relay", "removed"),
        (
            lambda rig, admin: admin.put(
                f"/relays/{rig.relay().relay_id}/scanners",
                json={"scanners": [{"ae_title": "MR1", "days_back": 1}]},
            ),
            "scanners",
            "changed",
        ),
        (
            lambda rig, admin: rig.anybody.post(
                "/auth/login", json={"username": "admin-person", "password": PASSWORD}
            ),
            "login",
            "logged-in",
        ),
        (
            lambda rig, admin: rig.anybody.post(
                "/auth/login", json={"username": "admin-person", "password": "wrong"}
            ),
            "login",
            "login-failed",
        ),
    ],
)
def test_every_change_and_reading_leaves_an_entry(shared: ApiRig, do: Do, kind: str, action: str) -> None:
    admin = shared.user(Role.ADMIN)
    shared.user(Role.READ)
    do(shared, admin)
    assert last(admin, kind)["action"] == action
    assert admin.get("/audit/check", params={"day": DAY}).json()["flaws"] == []


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("?actor=write-person", {"actor": "write-person"}),
        ("?kind=list", {"kind": "list"}),
        ("?action=read", {"action": "read"}),
        ("?site=north&kind=item", {"site": "north", "kind": "item"}),
        (f"?date_from={DAY}&kind=item", {"kind": "item"}),
    ],
)
def test_the_trail_is_filtered(shared: ApiRig, query: str, fits: dict[str, str]) -> None:
    shared.user(Role.WRITE).put(WHERE, json={"allergies": "latex"})
    shared.user(Role.READ).get("/worklist")
    found = records(shared.user(Role.ADMIN), query)
    assert found != []
    assert all(each.items() >= fits.items() for each in found)


@pytest.mark.parametrize(
    "query", ["?site=south", "?date_to=20261117", "?actor=nobody", "?item=none&kind=item"]
)
def test_a_filter_that_fits_nothing_finds_nothing(shared: ApiRig, query: str) -> None:
    assert records(shared.user(Role.ADMIN), query) == []


def test_whoever_saw_an_item_is_found_by_the_item(shared: ApiRig) -> None:
    shared.user(Role.READ).get("/worklist")
    found = records(shared.user(Role.ADMIN), f"?item={ITEM.id}&action=read")
    assert (found[0]["actor"], found[0]["kind"]) == ("read-person", "list")


@pytest.mark.parametrize("query", ["?cursor=x", "?cursor=20269999/x", "?action=no", "?limit=0", "?what=x"])
def test_a_question_about_the_trail_that_is_none_is_refused(shared: ApiRig, query: str) -> None:
    assert shared.user(Role.ADMIN).get(f"/audit{query}").status == 422
