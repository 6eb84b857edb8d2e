"""Enrolling sends the code and the public key, and takes nothing for an identity that is none."""

from __future__ import annotations

import json

import httpx
import pytest

from edge_relay.exchange.enrolment import enroll
from edge_relay.exchange.identity import Enrolment
from shared.errors import Forbidden, MwlError, Rejected, Unavailable
from shared.problem_document import MEDIA_TYPE, OURS

GIVEN = {"relay_id": "r1", "site": "oslo", "audience": "mwl-relay"}


def enrolled(answer: httpx.Response, sent: list[httpx.Request] | None = None) -> Enrolment:
    def cloud(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request)
        return answer

    with httpx.Client(base_url="https://cloud.test", transport=httpx.MockTransport(cloud)) as client:
        return enroll(client, "code", "pem", "name")


def problem(status: int) -> httpx.Response:
    said = json.dumps({"type": OURS + "x", "detail": "because"})
    return httpx.Response(status, content=said, headers={"Content-Type": MEDIA_TYPE})


def test_the_cloud_says_who_the_relay_is() -> None:
    assert enrolled(httpx.Response(201, json=GIVEN)) == Enrolment(**GIVEN)


def test_the_code_and_the_public_key_are_sent_without_a_token() -> None:
    sent: list[httpx.Request] = []
    enrolled(httpx.Response(201, json=GIVEN), sent)
    assert [json.loads(each.content) for each in sent] == [
        {"code": "code", "public_key": "pem", "name": "name"}
    ]
    assert "authorization" not in sent[0].headers


@pytest.mark.parametrize("told", [{"hello": 1}, {}, {**GIVEN, "site": None}])
def test_an_answer_that_does_not_say_who_we_are_is_no_identity(told: dict[str, object]) -> None:
    with pytest.raises(Unavailable, match="does not say who we are"):
        enrolled(httpx.Response(201, json=told))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(403), Forbidden),
        (problem(422), Rejected),
        (problem(500), Unavailable),
        (httpx.Response(403, text="<html>"), Unavailable),
        (httpx.Response(201, text="<html>"), Unavailable),
    ],
)
def test_a_code_that_is_not_taken_says_whether_to_try_again(
    answer: httpx.Response, error: type[MwlError]
) -> None:
    with pytest.raises(error):
        enrolled(answer)
