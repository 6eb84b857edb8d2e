"""Logging in: what it takes, what it gives, when it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from tests.rigs.api import PASSWORD, ApiRig, api
from tests.rigs.cloud import put_signing_keys
from tests.rigs.lambda_events import Answer


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(ACCESS_TOKEN_MAX_MINUTES="60") as running:
        add_user(running.services, "ana", PASSWORD, Role.READ)
        yield running


def login(rig: ApiRig, username: str = "ana", password: str = PASSWORD, **more: object) -> Answer:
    return rig.anybody.post("/auth/login", json={"username": username, "password": password, **more})


def test_the_right_password_gets_a_bearer_token_for_half_an_hour(rig: ApiRig) -> None:
    answer = login(rig)
    assert answer.status == 200
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("bearer", 1800)
    client = rig.anybody.bearing(given["access_token"])
    assert client.get("/worklist").status == 200
    rig.clock.advance(1800)
    assert client.get("/worklist").status == 401


@pytest.mark.parametrize(("wish", "seconds"), [(1, 60), (60, 3600), (61, 3600), (10**9, 3600)])
def test_a_longer_life_than_allowed_is_cut_to_what_is(rig: ApiRig, wish: int, seconds: int) -> None:
    assert login(rig, access_token_expire_minutes=wish).json()["expires_in"] == seconds


@pytest.mark.parametrize("wish", [0, -1, "soon", 1.5])
def test_a_life_that_is_none_is_refused(rig: ApiRig, wish: object) -> None:
    assert login(rig, access_token_expire_minutes=wish).status == 422


def test_wrong_password_unknown_name_and_disabled_account_get_the_same_answer(rig: ApiRig) -> None:
    add_user(rig.services, "gone", PASSWORD, Role.READ)
    rig.services.users.change("gone", disabled=True)
    answers = [login(rig, password="wrong"), login(rig, "nobody"), login(rig, "gone")]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_after_five_failures_even_the_right_password_must_wait(rig: ApiRig) -> None:
    for _ in range(5):
        assert login(rig, password="wrong").status == 401
    answer = login(rig)
    assert answer.status == 429
    assert answer.headers["retry-after"] == "10"
    rig.clock.advance(10)
    assert login(rig).status == 200
    assert login(rig, password="wrong").status == 401


def test_unknown_names_are_made_to_wait_as_well(rig: ApiRig) -> None:
    statuses = [login(rig, "nobody").status for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_a_new_password_ends_old_tokens(rig: ApiRig) -> None:
    client = rig.anybody.bearing(login(rig).json()["access_token"])
    rig.user(Role.ADMIN).put("/users/ana", json={"password": "another long one"})
    assert client.get("/worklist").status == 401
    assert login(rig, password="another long one").status == 200


def test_disabling_ends_tokens_and_enabling_does_not_revive_them(rig: ApiRig) -> None:
    client, admin = rig.anybody.bearing(login(rig).json()["access_token"]), rig.user(Role.ADMIN)
    admin.put("/users/ana", json={"disabled": True})
    assert client.get("/worklist").status == 401
    admin.put("/users/ana", json={"disabled": False})
    assert client.get("/worklist").status == 401


def test_a_role_taken_away_is_gone_with_the_next_request(rig: ApiRig) -> None:
    admin, other = rig.user(Role.ADMIN), rig.user(Role.ADMIN, "other")
    assert other.get("/users").status == 200
    admin.put("/users/other", json={"role": "read"})
    assert other.get("/users").status == 403


def test_a_name_given_away_again_does_not_honour_its_former_owners_token(rig: ApiRig) -> None:
    client, admin = rig.anybody.bearing(login(rig).json()["access_token"]), rig.user(Role.ADMIN)
    admin.delete("/users/ana")
    rig.clock.advance(1)
    admin.post("/users", json={"username": "ana", "password": PASSWORD, "role": "admin"})
    assert client.get("/worklist").status == 401


def test_keys_can_be_rotated_without_anybody_noticing(rig: ApiRig) -> None:
    before = rig.anybody.bearing(login(rig, access_token_expire_minutes=60).json()["access_token"])
    old = "a-signing-secret-of-sixty-four-characters-that-only-tests-know-00"
    put_signing_keys(rig.cloud.secrets, "2", "n" * 64, {"1": old})
    rig.clock.advance(61)
    after = rig.anybody.bearing(login(rig).json()["access_token"])
    assert before.get("/worklist").status == after.get("/worklist").status == 200
    put_signing_keys(rig.cloud.secrets, "2", "n" * 64)
    rig.clock.advance(61)
    assert (before.get("/worklist").status, after.get("/worklist").status) == (401, 200)


def test_without_its_signing_key_the_api_is_unavailable_not_open(rig: ApiRig) -> None:
    rig.cloud.secrets.delete_secret(SecretId="signing-key", ForceDeleteWithoutRecovery=True)
    answer = login(rig)
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert rig.anybody.bearing("a.b.c").get("/worklist").status == 401


@pytest.mark.parametrize("body", [{}, {"username": "ana"}, {"username": 5, "password": []}, [], "x"])
def test_a_login_that_is_none_is_refused_without_quoting_it(rig: ApiRig, body: object) -> None:
    assert rig.anybody.post("/auth/login", json=body).status == 422


def test_a_password_in_the_wrong_place_is_not_sent_back(rig: ApiRig) -> None:
    answer = rig.anybody.post("/auth/login", json={"username": "ana", "password": {"is": "hunter2"}})
    assert answer.status == 422
    assert "hunter2" not in answer.text


def cookie(answer: Answer) -> str:
    return next(part for part in answer.headers["set-cookie"].split("; ") if part.startswith("mwl_device="))


def test_whoever_fails_on_purpose_does_not_lock_a_person_out_of_their_own_device(rig: ApiRig) -> None:
    first = login(rig)
    for attribute in ("HttpOnly", "Secure", "SameSite=strict"):
        assert attribute in first.headers["set-cookie"]
    for _ in range(5):
        login(rig, password="wrong")
    assert login(rig).status == 429
    body = {"username": "ana", "password": PASSWORD}
    known = {"cookie": cookie(first)}
    assert rig.anybody.post("/auth/login", json=body, headers=known).status == 200
    wrong = body | {"password": "wrong"}
    guesses = [rig.anybody.post("/auth/login", json=wrong, headers=known).status for _ in range(6)]
    assert guesses == [401] * 5 + [429]


def test_a_device_of_somebody_else_or_a_forged_one_is_as_good_as_none(rig: ApiRig) -> None:
    add_user(rig.services, "ben", PASSWORD, Role.READ)
    bens = cookie(login(rig, "ben"))
    access = f"mwl_device={login(rig).json()['access_token']}"
    for _ in range(5):
        login(rig, password="wrong")
    for given in (bens, access, bens[:-2] + "AA", "mwl_device=", "mwl_device=a.b.c"):
        body = {"username": "ana", "password": PASSWORD}
        assert rig.anybody.post("/auth/login", json=body, headers={"cookie": given}).status == 429


def test_a_device_token_opens_nothing(rig: ApiRig) -> None:
    token = cookie(login(rig)).removeprefix("mwl_device=")
    assert rig.anybody.bearing(token).get("/worklist").status == 401


def test_a_device_is_forgotten_after_half_a_year(rig: ApiRig) -> None:
    known = {"cookie": cookie(login(rig))}
    rig.clock.advance(180 * 86400)
    for _ in range(5):
        login(rig, password="wrong")
    body = {"username": "ana", "password": PASSWORD}
    assert rig.anybody.post("/auth/login", json=body, headers=known).status == 429
