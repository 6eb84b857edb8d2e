"""Accounts as admins manage them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from tests.rigs.api import PASSWORD, ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.lambda_events import LambdaClient

ANA = {"username": "Ana", "password": PASSWORD, "role": "read"}


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        yield running


def test_a_new_account_is_shown_without_its_password(rig: ApiRig) -> None:
    answer = rig.user(Role.ADMIN).post("/users", json=ANA)
    assert answer.status == 201
    shown = answer.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "username": "ana",
        "role": "read",
        "disabled": False,
        "is_active": True,
        "email": "",
        "full_name": "",
        "sites": [],
        "studies": [],
        "single_sign_on": False,
    }
    listed = rig.user(Role.ADMIN).get("/users").json()
    assert [user["username"] for user in listed] == ["admin-person", "ana"]
    assert not [user for user in listed if "password_hash" in user or "sessions" in user]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"password": "short"}, "password"),
        ({"password": "aaaaaaaaaaaaaaa"}, "password"),
        ({"password": "Ana is my name"}, "password"),
        ({"password": "password123456"}, "password"),
        ({"password": "qwertyuiop1234"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"sites": ["no such#site"]}, "sites.0"),
        ({"role": "admin", "sites": ["north"]}, "sites"),
        ({"username": "an a"}, "username"),
        ({"role": "king"}, "role"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_an_account_cannot_be_is_refused_by_field(
    rig: ApiRig, changes: dict[str, str], where: str
) -> None:
    answer = rig.user(Role.ADMIN).post("/users", json={**ANA, **changes})
    assert answer.status == 422
    assert answer.json()["where"] == where
    assert changes.get("password", "\0") not in answer.text


def test_a_name_taken_is_a_conflict(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    admin.post("/users", json=ANA)
    assert admin.post("/users", json=ANA | {"username": "ANA"}).status == 409


def test_role_and_state_can_be_changed(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    admin.post("/users", json=ANA)
    answer = admin.put("/users/ana", json={"role": "write", "disabled": True})
    assert (answer.json()["role"], answer.json()["disabled"]) == ("write", True)


def test_a_bad_password_changes_nothing(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    admin.post("/users", json=ANA)
    assert admin.put("/users/ana", json={"role": "write", "password": "short"}).status == 422
    assert admin.get("/users").json()[-1]["role"] == "read"


@pytest.mark.parametrize(
    ("method", "body"),
    [("DELETE", None), ("PUT", {"disabled": True}), ("PUT", {"is_active": False}), ("PUT", {"role": "read"})],
)
def test_the_last_admin_cannot_go(rig: ApiRig, method: str, body: object) -> None:
    admin = rig.user(Role.ADMIN)
    answer = admin.request(method, "/users/admin-person", json=body)
    assert answer.status == 409
    assert "last admin" in answer.json()["detail"]
    assert admin.get("/users").status == 200


def test_an_account_deleted_is_gone(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    admin.post("/users", json=ANA)
    assert admin.delete("/users/ana").json() == {"message": "User ana deleted successfully"}
    assert admin.delete("/users/ana").status == 404
    assert admin.put("/users/ana", json={}).status == 404


def test_what_the_predecessor_knew_of_a_person_is_kept(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    known = {"email": "ana@example.org", "full_name": "Ana B.", "is_active": False}
    assert admin.post("/users", json=ANA | known).json().items() >= known.items()
    changed = admin.put("/users/ana", json={"full_name": "Ana C.", "is_active": True}).json()
    assert (changed["full_name"], changed["email"], changed["disabled"]) == (
        "Ana C.",
        "ana@example.org",
        False,
    )
    assert admin.get("/users/ANA").json() == changed
    assert admin.get("/users/nobody").status == 404
    assert admin.put("/users/ana", json={"disabled": True, "is_active": True}).status == 422


def logged_in(rig: ApiRig, username: str, password: str = PASSWORD) -> LambdaClient:
    answer = rig.anybody.post("/auth/login", json={"username": username, "password": password})
    assert answer.status == 200, answer.text
    return rig.anybody.bearing(answer.json()["access_token"])


def test_everybody_sees_and_secures_their_own_account(rig: ApiRig) -> None:
    rig.user(Role.READ, "ana")
    ana = logged_in(rig, "ana")
    assert ana.get("/users/me").json()["username"] == "ana"
    wrong = {"current_password": "no", "new_password": "grey kettle moraine"}
    assert ana.put("/users/me/password", json=wrong).status == 401
    weak = {"current_password": PASSWORD, "new_password": "password123456"}
    assert ana.put("/users/me/password", json=weak).status == 422
    assert ana.put("/users/me/password", json=wrong | {"current_password": PASSWORD}).status == 204
    assert ana.get("/users/me").status == 401
    assert logged_in(rig, "ana", "grey kettle moraine").get("/users/me").status == 200


def test_a_session_ends_where_its_owner_says_so_and_no_other(rig: ApiRig) -> None:
    rig.user(Role.READ, "ana")
    here, there, lost = (logged_in(rig, "ana") for _ in range(3))
    first, second, third = here.get("/auth/sessions").json()
    assert {first["address"], second["address"]} == {"192.0.2.1"}
    assert there.post("/auth/logout").status == 204
    assert there.get("/users/me").status == 401
    assert here.delete(f"/auth/sessions/{third['session_id']}").status == 204
    assert lost.get("/users/me").status == 401
    assert here.delete(f"/auth/sessions/{third['session_id']}").status == 404
    assert here.get("/auth/sessions").json() == [first]


def test_an_admin_ends_somebodys_session(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    rig.user(Role.READ, "ana")
    ana = logged_in(rig, "ana")
    (session,) = admin.get("/users/ana/sessions").json()
    assert admin.delete(f"/users/ana/sessions/{session['session_id']}").status == 204
    assert ana.get("/users/me").status == 401
    assert admin.get("/users/ana/sessions").json() == []


def test_a_session_that_is_over_is_listed_no_more(rig: ApiRig) -> None:
    rig.user(Role.READ, "ana")
    logged_in(rig, "ana")
    rig.clock.advance(1801)
    assert len(logged_in(rig, "ana").get("/auth/sessions").json()) == 1


@pytest.fixture
def northern(rig: ApiRig) -> LambdaClient:
    """Return somebody of site north, where two sites have an item."""
    rig.services.worklist.put_if_changed([an_item("1"), an_item("2", site="south")])
    rig.services.steps.record_event(an_event(None), site="south", relay_id="r")
    rig.user(Role.ADMIN).post("/users", json=ANA | {"role": "write", "sites": ["north"]})
    return rig.user(Role.WRITE, "ana")


def test_an_account_of_a_site_sees_that_site(northern: LambdaClient) -> None:
    assert [item["site"] for item in northern.get("/worklist").json()] == ["north"]
    assert northern.get(f"/worklist/{an_item('1').id}").status == 200
    assert northern.get("/worklist?site=south").status == 403
    assert northern.get("/procedure-steps?site=south").status == 403
    assert northern.get("/missing?site=south").status == 403
    assert northern.get("/procedure-steps?date_from=20261101&all=true").json() == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/worklist/{}", None),
        ("GET", "/worklist/{}/history", None),
        ("PUT", "/worklist/{}", {"allergies": "x"}),
        ("PATCH", "/worklist/{}", {"allergies": "x"}),
        ("DELETE", "/worklist/{}", None),
        ("POST", "/worklist/{}/release", None),
        ("POST", "/worklist/{}/restore", None),
        ("GET", "/procedure-steps/2.25.77", None),
        ("POST", "/procedure-steps/2.25.77/link", {"item_id": "x"}),
        ("POST", "/procedure-steps/2.25.77/unlink", {"item_id": "x"}),
    ],
)
def test_what_is_at_another_site_is_not_there(
    northern: LambdaClient, method: str, path: str, body: object
) -> None:
    answer = northern.request(method, path.format(an_item("2").id), json=body)
    assert answer.status == 404


def test_nothing_is_made_at_another_site(northern: LambdaClient) -> None:
    body = {"patient_name": "A", "patient_id": "B", "modality": "MR", "site": "south"}
    assert northern.post("/worklist", json=body).status == 403
