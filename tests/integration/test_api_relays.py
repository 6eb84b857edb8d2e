"""Relays: enrolled once, known by their signature, shown their own site only, revoked at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lambdas.access.role import Role
from shared.feed import FeedPage
from tests.rigs.api import ApiRig, RelayClient, api, public_pem
from tests.rigs.builders import an_item


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        yield running


def test_an_admins_code_enrols_a_relay_of_its_site(rig: ApiRig) -> None:
    admin, key = rig.user(Role.ADMIN), Ed25519PrivateKey.generate()
    invited = admin.post("/relays/enrollments", json={"site": "south"})
    assert invited.status == 201
    body = {"code": invited.json()["code"], "public_key": public_pem(key), "name": "basement"}
    answer = rig.anybody.post("/relay/enroll", json=body)
    assert answer.status == 201
    enrolled = answer.json()
    assert (enrolled["site"], enrolled["audience"]) == ("south", "mwl-relay")
    (shown,) = admin.get("/relays").json()
    assert shown.items() >= {"relay_id": enrolled["relay_id"], "name": "basement", "revoked_at": None}.items()
    assert "public_key" not in shown


def test_a_code_may_be_asked_for_without_naming_the_site(rig: ApiRig) -> None:
    invited = rig.user(Role.ADMIN).post("/relays/enrollments").json()
    assert invited["site"] == "north"
    assert invited["expires_at"] == "2026-11-18T11:21:40Z"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"code": "0000-0000-0000-0000-0000"}, 403),
        ({"code": ""}, 422),
        ({"public_key": "PEM"}, 422),
        ({"name": ""}, 422),
        ({"name": "x" * 65}, 422),
        ({"site": "south"}, 422),
    ],
)
def test_an_enrolment_that_is_none_is_refused_and_leaves_the_code(
    rig: ApiRig, changes: dict[str, str], status: int
) -> None:
    code, _ = rig.services.relays.invite("north")
    right = {"code": code, "public_key": public_pem(Ed25519PrivateKey.generate()), "name": "x"}
    assert rig.anybody.post("/relay/enroll", json={**right, **changes}).status == status
    assert rig.anybody.post("/relay/enroll", json=right).status == 201


def test_a_used_code_is_refused(rig: ApiRig) -> None:
    code, _ = rig.services.relays.invite("north")
    RelayClient.enrolled(rig.anybody, code, rig.clock)
    body = {"code": code, "public_key": public_pem(Ed25519PrivateKey.generate()), "name": "thief"}
    assert rig.anybody.post("/relay/enroll", json=body).status == 403


def test_a_revoked_relay_is_refused_with_its_next_request(rig: ApiRig) -> None:
    relay, admin = rig.relay(), rig.user(Role.ADMIN)
    assert relay.http.get("/relay/worklist").status == 200
    assert admin.delete(f"/relays/{relay.relay_id}").status == 204
    answer = relay.http.get("/relay/worklist")
    assert answer.status == 403
    assert "revoked" in answer.json()["detail"]
    assert relay.http.post("/relay/mpps", json={"events": []}).status == 403
    assert admin.get("/relays").json()[0]["revoked_at"] is not None
    assert admin.delete("/relays/nobody").status == 404


def test_that_a_relay_was_revoked_is_told_to_nobody_else(rig: ApiRig) -> None:
    relay = rig.relay()
    rig.services.relays.revoke(relay.relay_id)
    forged = relay.token(key=Ed25519PrivateKey.generate())
    assert rig.anybody.bearing(forged).get("/relay/worklist").status == 401


def test_a_token_is_asked_for_what_it_says(rig: ApiRig) -> None:
    relay, other = rig.relay(), rig.relay()
    now = int(rig.clock())
    wrong = [
        relay.token(key=other.key),
        relay.token(iss=other.relay_id),
        relay.token(iss="0" * 32),
        relay.token(aud="mwl-relay-api"),
        relay.token(exp=now + 61),
        relay.token(iat=now - 200, exp=now - 140),
        "x",
    ]
    statuses = [rig.anybody.bearing(token).get("/relay/worklist").status for token in wrong]
    assert statuses == [401] * len(wrong)
    assert rig.anybody.get("/relay/worklist").status == 401
    assert rig.anybody.get("/relay/worklist", headers={"authorization": "Basic eDp5"}).status == 401


def test_a_relay_sees_its_own_sites_items_and_no_others(rig: ApiRig) -> None:
    rig.services.worklist.put_if_changed([an_item("1"), an_item("2", site="south")])
    page = FeedPage.model_validate(rig.relay("south").http.get("/relay/worklist").json())
    assert [entry.item.patient_id for entry in page.items] == ["sub-2"]
    assert rig.relay("west").http.get("/relay/worklist").json()["items"] == []


def test_a_relay_learns_of_changes_after_its_cursor(rig: ApiRig) -> None:
    relay = rig.relay()
    rig.services.worklist.put_if_changed([an_item("1")])
    rig.clock.advance(30)
    cursor = relay.http.get("/relay/worklist").json()["cursor"]
    rig.clock.advance(30)
    cursor = relay.http.get("/relay/worklist", params={"cursor": cursor}).json()["cursor"]
    rig.services.worklist.put_if_changed([an_item("1"), an_item("2")])
    page = relay.http.get("/relay/worklist", params={"cursor": cursor}).json()
    assert [entry["item"]["patient_id"] for entry in page["items"]] == ["sub-2"]
    rig.services.worklist.remove(an_item("1").id)
    page = relay.http.get("/relay/worklist", params={"cursor": cursor}).json()
    assert [entry["id"] for entry in page["tombstones"]] == [an_item("1").id]


def test_with_nothing_new_the_answer_is_304_and_empty(rig: ApiRig) -> None:
    relay = rig.relay()
    rig.services.worklist.put_if_changed([an_item("1")])
    answer = relay.http.get("/relay/worklist")
    for _ in range(3):  # until the change has settled
        rig.clock.advance(30)
        params = {"cursor": answer.json()["cursor"]}
        answer = relay.http.get("/relay/worklist", params=params)
    params, match = {"cursor": answer.json()["cursor"]}, {"if-none-match": answer.headers["etag"]}
    again = relay.http.get("/relay/worklist", params=params, headers=match)
    assert (again.status, again.text) == (304, "")
    assert again.headers["etag"] == answer.headers["etag"]
    assert relay.http.get("/relay/worklist", params=params).status == 200
    weak = {"if-none-match": f'"other", W/{answer.headers["etag"]}'}
    assert relay.http.get("/relay/worklist", params=params, headers=weak).status == 304
    assert relay.http.get("/relay/worklist", params=params, headers={"if-none-match": '"x"'}).status == 200
    assert relay.http.get("/relay/worklist", headers=match).status == 200
    rig.services.worklist.put_if_changed([an_item("2")])
    assert relay.http.get("/relay/worklist", params=params, headers=match).status == 200


def test_a_pull_of_many_pages_goes_on_from_next(rig: ApiRig) -> None:
    relay = rig.relay()
    rig.services.worklist.put_if_changed([an_item(str(number)) for number in range(5)])
    page = relay.http.get("/relay/worklist?limit=2").json()
    seen = [entry["item"]["patient_id"] for entry in page["items"]]
    while page["more"]:
        page = relay.http.get("/relay/worklist?limit=2", params={"cursor": page["next"]}).json()
        seen += [entry["item"]["patient_id"] for entry in page["items"]]
    assert sorted(seen) == [f"sub-{number}" for number in range(5)]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=2001", "?cursor=nonsense", "?cursor=" + "x" * 2000])
def test_a_pull_we_do_not_understand_is_refused(rig: ApiRig, query: str) -> None:
    assert rig.relay().http.get(f"/relay/worklist{query}").status == 422


def test_a_cursor_that_is_none_is_refused_even_when_asking_for_304(rig: ApiRig) -> None:
    headers = {"if-none-match": '"nonsense"'}
    assert rig.relay().http.get("/relay/worklist?cursor=nonsense", headers=headers).status == 422
