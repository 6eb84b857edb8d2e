"""Text that no encoding has (half a character, ``"\\ud800"``) is the caller's mistake wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.access.role import Role
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_item

HALF = "\ud800"
HEARTBEAT = {"version": "1", "at": "2026-11-22T09:00:00Z"}
USER = {"username": "somebody", "password": "long enough a password", "role": "read"}
ITEM = an_item()


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api() as running:
        running.services.worklist.put_if_changed([ITEM])
        yield running


NOTICE = {"site": "north", "channel": "email", "target": "a@example.org"}

SHOWN = {
    "ae_title": "A",
    "first_at": "2026-11-22T09:00:00Z",
    "last_at": "2026-11-22T09:00:00Z",
    "times": 1,
}

PEOPLE: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/auth/login", {"username": HALF, "password": "x"}),
    ("POST", "/auth/login", {"username": "x", "password": HALF}),
    ("POST", "/auth/exchange", {"id_token": HALF}),
    ("POST", "/users", USER | {"username": HALF}),
    ("POST", "/users", USER | {"password": HALF}),
    ("POST", "/users", USER | {"role": HALF}),
    ("PUT", "/users/admin-person", {"password": HALF}),
    ("POST", "/users", USER | {"full_name": HALF}),
    ("POST", "/users", USER | {"sites": [HALF]}),
    ("PUT", "/users/me/password", {"current_password": HALF, "new_password": "x"}),
    ("PUT", "/users/me/password", {"current_password": "x", "new_password": HALF}),
    ("POST", f"/worklist/{ITEM.id}/release", {"fields": [HALF]}),
    ("POST", "/procedure-steps/1.2/link", {"item_id": HALF}),
    ("POST", "/procedure-steps/1.2/unlink", {"item_id": HALF}),
    ("POST", "/notices", NOTICE | {"target": HALF}),
    ("POST", "/notices", NOTICE | {"site": HALF}),
    ("PUT", "/notices/n", NOTICE | {"digest_at": HALF}),
    ("POST", "/calendars", {"site": "north", "scanner": HALF}),
    ("POST", "/relays/enrollments", {"site": HALF}),
    ("POST", "/relays/r/parked-events/e/discard", {"because": HALF}),
    ("PUT", "/relays/r/scanners", {"scanners": [{"ae_title": HALF}]}),
    ("PUT", "/relays/r/scanners", {"scanners": [{"ae_title": "A", "fixed_values": {"PatientName": HALF}}]}),
    ("PUT", "/relays/r/scanners", {"scanners": [{"ae_title": "A", "fixed_values": {HALF: "x"}}]}),
    ("PUT", "/relays/r/scanners", {"scanners": [{"ae_title": "A", "modalities": [HALF]}]}),
    ("PUT", "/sources/x", {"site": HALF}),
    ("PUT", "/sources/x", {HALF: "x"}),
    ("POST", "/sources/x/preview", {"record": HALF}),
    ("POST", "/sources/x/preview", {"definition": {"site": HALF}}),
    ("POST", "/sources/x/sync", {"record": HALF}),
]
IMAGES = {"item_id": "i", "study_instance_uid": "1.2", "series_count": 1}
RELAYS: list[tuple[str, dict[str, Any]]] = [
    ("/relay/shown", {"items": [{"item_id": HALF, "scanners": [SHOWN]}]}),
    ("/relay/shown", {"items": [{"item_id": "i", "scanners": [SHOWN | {"ae_title": HALF}]}]}),
    ("/relay/images", {"studies": [IMAGES | {"item_id": HALF}]}),
    ("/relay/images", {"studies": [IMAGES | {"patient_id": HALF}]}),
    ("/relay/images", {"studies": [IMAGES | {"archive": HALF}]}),
    ("/relay/self-tests/t", {"hops": [{"hop": "FOUND", "at": "2026-11-22T09:00:00Z", "failure": HALF}]}),
    ("/relay/enroll", {"code": HALF, "public_key": "x", "name": "x"}),
    ("/relay/enroll", {"code": "x", "public_key": HALF, "name": "x"}),
    ("/relay/enroll", {"code": "x", "public_key": "x", "name": HALF}),
    ("/relay/mpps/lacking", {"events": [{"event_id": HALF, "sop_instance_uid": "1.2"}]}),
    ("/relay/mpps/lacking", {"events": [{"event_id": "0" * 32, "sop_instance_uid": HALF}]}),
    ("/relay/heartbeat", HEARTBEAT | {"version": HALF}),
    ("/relay/heartbeat", HEARTBEAT | {"problems": [HALF]}),
    ("/relay/heartbeat", HEARTBEAT | {"pull": {"failure": HALF}}),
    ("/relay/heartbeat", HEARTBEAT | {"profiles_version": HALF}),
    ("/relay/heartbeat", HEARTBEAT | {"scanners": [{"ae_title": HALF}]}),
]


def paths(body: dict[str, Any]) -> str:
    return ascii(body)[:60]


@pytest.mark.parametrize(
    ("method", "path", "body"), PEOPLE, ids=[f"{m} {p} {paths(b)}" for m, p, b in PEOPLE]
)
def test_what_people_send(rig: ApiRig, method: str, path: str, body: dict[str, Any]) -> None:
    answer = rig.user(Role.ADMIN).request(method, path, json=body)
    assert answer.status == 422, answer.text


@pytest.mark.parametrize("field", sorted(ITEM.model_dump()))
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_every_field_of_an_item(rig: ApiRig, method: str, field: str) -> None:
    path = "/worklist" if method == "POST" else f"/worklist/{ITEM.id}"
    answer = rig.user(Role.ADMIN).request(method, path, json={field: HALF})
    assert answer.status == 422, answer.text


@pytest.mark.parametrize(("path", "body"), RELAYS, ids=[f"{p} {paths(b)}" for p, b in RELAYS])
def test_what_relays_send(rig: ApiRig, path: str, body: dict[str, Any]) -> None:
    answer = rig.relay().http.post(path, json=body)
    assert answer.status == 422, answer.text


def test_every_route_with_a_body_is_tried_here(rig: ApiRig) -> None:
    document = rig.anybody.get("/openapi.json").json()
    taking = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert taking == {
        "POST /auth/login",
        "POST /auth/exchange",
        "POST /users",
        "PUT /users/{username}",
        "POST /notices",
        "PUT /notices/{notice_id}",
        "POST /calendars",
        "POST /relays/enrollments",
        "PUT /relays/{relay_id}/scanners",
        "POST /relays/{relay_id}/parked-events/{event_id}/discard",
        "PUT /sources/{source_id}",
        "POST /sources/{source_id}/preview",
        "POST /sources/{source_id}/sync",
        "POST /worklist",
        "PUT /worklist/{item_id}",
        "PATCH /worklist/{item_id}",
        "POST /worklist/{item_id}/release",
        "POST /procedure-steps/{sop_instance_uid}/link",
        "POST /procedure-steps/{sop_instance_uid}/unlink",
        "PUT /users/me/password",
        "POST /relay/enroll",
        "POST /relay/heartbeat",
        "POST /relay/self-tests/{test_id}",
        "POST /relay/images",
        "POST /relay/shown",
        "POST /relay/mpps/lacking",
        "POST /relay/mpps",  # each event by itself: see test_api_mpps
    }
