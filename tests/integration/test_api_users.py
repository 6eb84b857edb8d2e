"""Accounts as admins manage them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from tests.rigs.api import PASSWORD, ApiRig, api

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
    assert shown == {"username": "ana", "role": "read", "disabled": False}
    listed = rig.user(Role.ADMIN).get("/users").json()
    assert [user["username"] for user in listed] == ["admin-person", "ana"]
    assert all(user.keys() == {"username", "role", "disabled", "created_at"} for user in listed)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"password": "short"}, "password"),
        ({"password": "aaaaaaaaaaaaaaa"}, "password"),
        ({"password": "Ana is my name"}, "password"),
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
    ("method", "body"), [("DELETE", None), ("PUT", {"disabled": True}), ("PUT", {"role": "read"})]
)
def test_the_last_admin_cannot_go(rig: ApiRig, method: str, body: object) -> None:
    admin = rig.user(Role.ADMIN)
    answer = admin.request(method, "/users/admin-person", json=body)
    assert answer.status == 422
    assert "last admin" in answer.json()["detail"]
    assert admin.get("/users").status == 200


def test_an_account_deleted_is_gone(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    admin.post("/users", json=ANA)
    assert admin.delete("/users/ana").status == 204
    assert admin.delete("/users/ana").status == 404
    assert admin.put("/users/ana", json={}).status == 404
