"""What HTTP promises: methods, media types, headers, and requests that come twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.access.role import Role
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_item
from tests.rigs.lambda_events import LambdaClient

NEW = {"patient_name": "Doe^Jo", "patient_id": "P1"}


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(
        DEFAULT_SITE="north",
        DEFAULT_MODALITY="MR",
        CORS_ALLOWED_ORIGINS="https://desk.example.org",
        CORS_ALLOW_CREDENTIALS="true",
    ) as running:
        running.services.worklist.put_if_changed([an_item()])
        yield running


@pytest.fixture
def person(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.WRITE)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/worklist", "GET, HEAD, POST"),
        ("POST", "/worklist/x", "DELETE, GET, HEAD, PATCH, PUT"),
        ("PUT", "/health", "GET, HEAD"),
        ("GET", "/auth/login", "POST"),
        ("HEAD", "/auth/login", "POST"),
    ],
)
def test_a_method_that_is_not_there_is_answered_with_all_that_are(
    rig: ApiRig, method: str, path: str, allowed: str
) -> None:
    answer = rig.anybody.request(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


def test_head_is_get_without_the_content(person: LambdaClient) -> None:
    where = f"/worklist/{an_item().id}"
    answer, whole = person.request("HEAD", where), person.get(where)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["etag"] == whole.headers["etag"]
    assert answer.headers["content-length"] == whole.headers["content-length"]
    assert person.request("HEAD", "/worklist/none").status == 404


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_that_is_not_json_is_refused_as_such(person: LambdaClient, kind: str) -> None:
    answer = person.post("/worklist", body=b"a=1", headers={"content-type": kind})
    assert answer.status == 415
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000])
def test_json_that_cannot_be_read_is_refused_in_plain_words(person: LambdaClient, body: bytes) -> None:
    answer = person.post("/worklist", body=body, headers={"content-type": "application/json"})
    assert answer.status in {400, 422}
    assert "syntax" not in answer.text


def test_every_answer_carries_the_headers_that_keep_browsers_safe(rig: ApiRig) -> None:
    for answer in (rig.anybody.get("/health"), rig.anybody.get("/nothing"), rig.anybody.get("/worklist")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_web_page_that_may_call_may_send_what_the_api_needs(rig: ApiRig) -> None:
    asked = {
        "origin": "https://desk.example.org",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "if-match, idempotency-key, authorization",
    }
    answer = rig.anybody.request("OPTIONS", "/worklist/x", headers=asked)
    assert answer.status == 200
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in answer.headers["access-control-allow-methods"]


def made(client: LambdaClient, key: str, **changes: Any) -> Any:
    return client.post("/worklist", json={**NEW, **changes}, headers={"idempotency-key": key})


def test_the_same_request_again_gives_the_same_item(rig: ApiRig, person: LambdaClient) -> None:
    first = made(person, "k1")
    rig.clock.advance(60)
    again = made(person, "k1")
    assert (first.status, again.status) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert made(person, "k2").json()["id"] != first.json()["id"]


def test_a_key_used_for_another_body_is_refused(person: LambdaClient) -> None:
    made(person, "k3")
    answer = made(person, "k3", patient_id="P2")
    assert (answer.status, answer.json()["where"]) == (422, "Idempotency-Key")


def test_a_key_is_its_senders_own_and_lasts_a_day(rig: ApiRig, person: LambdaClient) -> None:
    first = made(person, "k4").json()["id"]
    assert made(rig.user(Role.WRITE, "another"), "k4").json()["id"] != first
    rig.clock.advance(86_401)
    assert made(rig.user(Role.WRITE), "k4").json()["id"] != first


def test_an_item_that_was_removed_is_not_made_again(rig: ApiRig) -> None:
    person = rig.user(Role.WRITE)
    where = made(person, "k5").headers["location"]
    person.delete(where)
    assert made(person, "k5").status == 404


def test_a_request_that_ended_half_way_makes_the_item_it_had_claimed(rig: ApiRig) -> None:
    person = rig.user(Role.WRITE)
    claimed = rig.services.idempotency.claim(
        "write-person", "k6", '{"patient_name":"Doe^Jo","patient_id":"P1"}'
    )
    assert made(person, "k6").json()["id"] == claimed
