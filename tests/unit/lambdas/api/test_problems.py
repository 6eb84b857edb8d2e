"""Every error is a problem document of the right status, and none says what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

from lambdas.access.throttle import Throttled
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api import problems
from lambdas.api.guard import MAX_BODY_BYTES, Guard
from shared.errors import Conflict, Forbidden, MwlError, NotFound, Rejected, Unavailable
from shared.problem_document import MEDIA_TYPE
from tests.rigs.api import event_loop, log_lines
from tests.rigs.lambda_events import LambdaClient

ERRORS: dict[str, tuple[Exception, int]] = {
    "rejected": (Rejected("has 17 characters", where="accession_number", hint="shorten it"), 422),
    "unauthenticated": (Unauthenticated("who are you"), 401),
    "forbidden": (Forbidden("not you"), 403),
    "not-found": (NotFound("no such thing"), 404),
    "conflict": (Conflict("somebody was first"), 409),
    "throttled": (Throttled(7.2), 429),
    "unavailable": (Unavailable("DynamoDB answered Throttling"), 503),
    "internal": (MwlError("of no kind"), 500),
}


class Patient(BaseModel):
    weight: int


@pytest.fixture
def client() -> Iterator[LambdaClient]:
    app = FastAPI(redirect_slashes=False)
    problems.install(app)
    app.add_middleware(Guard)

    @app.get("/raise/{kind}")
    def fail(kind: str) -> None:
        raise ERRORS[kind][0]

    @app.get("/bug")
    def bug() -> None:
        raise KeyError("Doe^John")

    @app.post("/patients")
    def patients(body: Patient) -> int:
        return body.weight

    with event_loop():
        text = ["application/json", MEDIA_TYPE]
        yield LambdaClient(Mangum(app, lifespan="off", text_mime_types=text))


@pytest.mark.parametrize("kind", ERRORS)
def test_each_of_our_errors_has_its_status_and_type(client: LambdaClient, kind: str) -> None:
    error, status = ERRORS[kind]
    answer = client.get(f"/raise/{kind}")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:mwl-relay:problem:{kind}"
    assert isinstance(error, MwlError)
    assert problem["detail"] == error.what
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_a_problem_names_the_field_and_what_to_do(client: LambdaClient) -> None:
    problem = client.get("/raise/rejected").json()
    assert (problem["where"], problem["hint"]) == ("accession_number", "shorten it")


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("throttled", "retry-after", "8"),
        ("unauthenticated", "www-authenticate", "Bearer"),
        ("unavailable", "retry-after", "2"),
    ],
)
def test_some_problems_say_in_a_header_how_to_go_on(
    client: LambdaClient, kind: str, header: str, value: str
) -> None:
    assert client.get(f"/raise/{kind}").headers[header] == value


@pytest.mark.parametrize(
    ("method", "url", "status"), [("GET", "/nowhere", 404), ("GET", "/patients", 405), ("GET", "/bug/", 404)]
)
def test_the_frameworks_own_errors_are_problems_too(
    client: LambdaClient, method: str, url: str, status: int
) -> None:
    answer = client.request(method, url)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_405_still_says_what_is_allowed(client: LambdaClient) -> None:
    assert client.get("/patients").headers["allow"] == "POST"


def test_invalid_input_is_described_by_field_and_not_quoted(client: LambdaClient) -> None:
    answer = client.post("/patients", json={"weight": "Doe^John"})
    assert answer.status == 422
    assert [flaw["where"] for flaw in answer.json()["errors"]] == ["weight"]
    assert "Doe" not in answer.text


def test_broken_json_is_a_problem_and_not_quoted(client: LambdaClient) -> None:
    answer = client.post(
        "/patients", body=b'{"weight": Doe^John', headers={"content-type": "application/json"}
    )
    assert answer.status == 422
    assert "Doe" not in answer.text


def test_an_unforeseen_error_tells_the_caller_nothing_and_the_log_where(client: LambdaClient) -> None:
    with log_lines() as lines:
        answer = client.get("/bug")
    assert answer.status == 500
    assert answer.json()["detail"] == "something went wrong here"
    assert lines[-1]["exception"] == "KeyError"
    assert any("test_problems.py" in frame for frame in lines[-1]["frames"])
    assert "Doe" not in json.dumps(lines, default=str) + answer.text


def test_a_body_too_large_is_refused_before_it_is_read(client: LambdaClient) -> None:
    answer = client.post(
        "/patients",
        json={"weight": 1},
        headers={"content-length": str(MAX_BODY_BYTES + 1), "content-type": "application/json"},
    )
    assert answer.status == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_lies_about_its_length_is_counted(client: LambdaClient) -> None:
    answer = client.post(
        "/patients", json={"weight": 1, "x": "y" * MAX_BODY_BYTES}, headers={"content-length": "9"}
    )
    assert answer.status == 413


def test_no_answer_may_be_cached(client: LambdaClient) -> None:
    for url in ("/raise/conflict", "/nowhere", "/bug"):
        assert client.get(url).headers["cache-control"] == "no-store"
