"""The real handler, started cold from its environment, called with what API Gateway sends."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from lambdas.api import main
from lambdas.api.accounts import add_user
from lambdas.api.services import services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from shared.errors import Rejected
from shared.steps.procedure_step import EventKind
from shared.worklist_item import WorklistItem
from tests.rigs.api import PASSWORD, RelayClient, log_lines, quick_passwords, real_handler
from tests.rigs.builders import an_event
from tests.rigs.cloud import CloudRig, cloud
from tests.rigs.lambda_events import Context, Handler, LambdaClient, http_event

ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "api",
    "CORS_ALLOWED_ORIGINS": "https://desk.example.org, https://two.example.org",
    "ACCESS_TOKEN_MAX_MINUTES": "480",
    "SETTLE_SECONDS": "10",
    "APP_VERSION": "1.2.3",
}


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud(**ENVIRONMENT) as running:
        yield running


@pytest.fixture
def handler(rig: CloudRig) -> Iterator[Handler]:
    with real_handler() as cold:
        yield cold


def first_admin() -> None:
    add_user(services_from(load(ApiSettings), passwords=quick_passwords()), "admin", PASSWORD, Role.ADMIN)


def test_the_whole_story_from_login_to_the_end_of_the_scan(rig: CloudRig, handler: Handler) -> None:
    first_admin()
    anybody = LambdaClient(handler)
    token = anybody.post("/auth/login", json={"username": "admin", "password": PASSWORD}).json()
    admin = anybody.bearing(token["access_token"])
    item = admin.post(
        "/worklist", json={"patient_name": "Núñez^Zoë", "patient_id": "7", "modality": "MR", "site": "north"}
    )
    assert item.status == 201
    code = admin.post("/relays/enrollments", json={"site": "north"}).json()["code"]
    relay = RelayClient.enrolled(anybody, code, time.time)
    page = relay.http.get("/relay/worklist")
    assert page.json()["items"][0]["item"]["patient_name"] == "Núñez^Zoë"
    scanned = WorklistItem.model_validate(item.json())
    events = [an_event(scanned), an_event(scanned, kind=EventKind.N_SET, status="COMPLETED")]
    body = {"events": [event.model_dump(mode="json") for event in events]}
    results = relay.http.post("/relay/mpps", json=body).json()["results"]
    assert [result["outcome"] for result in results] == ["recorded", "recorded"]
    shown = admin.get(f"/worklist/{scanned.id}").json()
    assert (shown["performed_procedure_step_status"], shown["status_owner"]) == ("COMPLETED", "mpps")
    assert rig.received(rig.write_back_queue_url) == [{"sop_instance_uid": "2.25.77"}]


def test_an_answer_is_in_the_form_api_gateway_wants(handler: Handler) -> None:
    answer = handler(http_event("GET", "/health"), Context())
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    assert isinstance(answer["body"], str)
    assert json.loads(answer["body"]) == {
        "status": "ok",
        "version": "1.2.3",
        "commit": "unknown",
        "checks": {"worklist_table": "ok", "accounts_table": "ok", "signing_key": "ok"},
    }
    assert answer["headers"]["x-request-id"] == Context().aws_request_id


def test_a_body_in_base64_is_understood(handler: Handler) -> None:
    body = json.dumps({"username": "nobody", "password": "x"}).encode()
    event = http_event(
        "POST", "/auth/login", body=body, base64_encoded=True, headers={"content-type": "application/json"}
    )
    assert handler(event, Context())["statusCode"] == 401


def test_an_error_is_a_problem_in_plain_text(handler: Handler) -> None:
    answer = handler(http_event("GET", "/worklist"), Context())
    assert answer["statusCode"] == 401
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["isBase64Encoded"] is False
    assert json.loads(answer["body"])["title"] == "Unauthorized"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_documentation_is_served(handler: Handler, path: str) -> None:
    assert handler(http_event("GET", path), Context())["statusCode"] == 200


def test_the_documentation_knows_routes_errors_and_ways_to_log_in(handler: Handler) -> None:
    document = json.loads(handler(http_event("GET", "/openapi.json"), Context())["body"])
    assert document["info"]["version"] == "1.2.3"
    assert {"/auth/login", "/worklist", "/relay/mpps"} <= document["paths"].keys()
    assert {"person", "relay"} <= document["components"]["securitySchemes"].keys()
    responses = document["paths"]["/worklist"]["get"]["responses"]
    assert responses.keys() == {"200", "4XX", "5XX"}
    assert responses["4XX"]["content"].keys() == {"application/problem+json"}
    page = document["paths"]["/relay/worklist"]["get"]["responses"]["200"]["content"]["application/json"]
    assert page["schema"]["$ref"].endswith("/FeedPage")


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://two.example.org", True), ("https://evil.example.org", False)]
)
def test_only_the_origins_configured_may_call_from_a_page(
    handler: Handler, origin: str, allowed: bool
) -> None:
    preflight = http_event(
        "OPTIONS",
        "/worklist",
        headers={
            "origin": origin,
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization",
        },
    )
    answer = handler(preflight, Context())
    assert (answer["headers"].get("access-control-allow-origin") == origin) is allowed
    assert answer["headers"].get("access-control-allow-origin") != "*"


def test_without_origins_no_page_may_call(rig: CloudRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORS_ALLOWED_ORIGINS")
    with real_handler() as cold:
        event = http_event("GET", "/health", headers={"origin": "https://desk.example.org"})
        assert "access-control-allow-origin" not in cold(event, Context())["headers"]


def test_health_answers_whatever_has_failed(rig: CloudRig, handler: Handler) -> None:
    rig.dynamodb.delete_table(TableName="WorklistTable")
    rig.secrets.delete_secret(SecretId="signing-key", ForceDeleteWithoutRecovery=True)
    answer = LambdaClient(handler).get("/health")
    assert answer.status == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"] == {
        "worklist_table": "unavailable",
        "accounts_table": "ok",
        "signing_key": "unavailable",
    }


def test_a_missing_table_is_503_and_says_nothing_of_our_tables(rig: CloudRig, handler: Handler) -> None:
    rig.dynamodb.delete_table(TableName="AccountsTable")
    answer = LambdaClient(handler).post("/auth/login", json={"username": "ana", "password": "x"})
    assert answer.status == 503
    assert answer.json()["type"] == "urn:mwl-relay:problem:unavailable"


def test_the_environment_is_read_when_called_and_what_is_wrong_is_named(
    rig: CloudRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS_TOKEN_MAX_MINUTES", "-3")
    monkeypatch.setenv("SITE_TIME_ZONE", "Mars/Olympus")
    monkeypatch.delenv("SIGNING_KEY_SECRET_ID")
    with real_handler() as cold, pytest.raises(Rejected) as caught:
        cold(http_event("GET", "/health"), Context())
    for name in ("ACCESS_TOKEN_MAX_MINUTES", "SITE_TIME_ZONE", "SIGNING_KEY_SECRET_ID"):
        assert name in str(caught.value)


def test_a_second_call_finds_the_application_made(handler: Handler) -> None:
    handler(http_event("GET", "/health"), Context())
    first = main.adapter()
    handler(http_event("GET", "/health"), Context())
    assert main.adapter() is first


def test_no_log_line_carries_anything_that_was_sent(
    rig: CloudRig, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    first_admin()
    anybody = LambdaClient(handler)
    with caplog.at_level(logging.INFO), log_lines() as lines:
        token = anybody.post("/auth/login", json={"username": "admin", "password": PASSWORD}).json()
        admin = anybody.bearing(token["access_token"])
        body = {"patient_name": "Secret^Person", "patient_id": "secret-id", "modality": "MR", "site": "n"}
        made = admin.post("/worklist", json=body).json()
        admin.get("/worklist?patient_id=secret-id")
        admin.get(f"/worklist/{made['id']}")
        admin.put(f"/worklist/{made['id']}", json={"patient_name": "Secret^" * 20})
        admin.get("/worklist/secret-path")
        anybody.post("/auth/login", json={"username": "secret-user", "password": "secret-password"})
    written = json.dumps(lines, default=str) + caplog.text
    for secret in ("secret", "Secret", PASSWORD, token["access_token"], made["id"], "sub-"):
        assert secret not in written
    logged = [(line["method"], line["route"], line["status"]) for line in lines if line["text"] == "request"]
    assert logged == [
        ("POST", "/auth/login", 200),
        ("POST", "/worklist", 201),
        ("GET", "/worklist", 200),
        ("GET", "/worklist/{item_id}", 200),
        ("PUT", "/worklist/{item_id}", 422),
        ("GET", "/worklist/{item_id}", 404),
        ("POST", "/auth/login", 401),
    ]
    assert {line["request_id"] for line in lines} == {Context().aws_request_id}
