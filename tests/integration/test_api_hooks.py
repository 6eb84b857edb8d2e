"""REDCap's Data Entry Trigger: wakes the sync of one record, for whoever knows the source's secret."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest

from infra.redcap_simulator import RedcapSimulator, classic
from lambdas.sources.state import SourceState
from tests.rigs.api import log_lines
from tests.rigs.lambda_events import Answer, Context, http_event
from tests.rigs.source import SourceRig, running_source

SECRET = "s3cr3t-of-the-tests-" + "x" * 23
FORM = {
    "project_id": "11",
    "username": "coordinator",
    "instrument": "mri",
    "record": "000007",
    "mri_complete": "2",
    "redcap_repeat_instrument": "mri",
    "redcap_repeat_instance": "1",
    "redcap_url": "https://redcap.example.org/",
}


@pytest.fixture
def rig() -> Iterator[SourceRig]:
    with running_source() as running:
        running.register()
        running.api.services.triggers.make("classic", SECRET, project_id="11")
        yield running


def fire(
    rig: SourceRig,
    form: dict[str, str] | bytes = FORM,
    source_id: str = "classic",
    secret: str = SECRET,
    content_type: str = "application/x-www-form-urlencoded",
) -> Answer:
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    headers = {"content-type": content_type} if content_type else {}
    return rig.api.anybody.post(f"/hooks/redcap/{source_id}/{secret}", body=body, headers=headers)


def queued(rig: SourceRig) -> list[Any]:
    """Return the messages, but for when REDCap called, which the rig's clock says."""
    messages = rig.api.cloud.received(rig.api.cloud.sync_queue_url)
    assert {message.pop("saved_at") for message in messages} <= {f"{rig.api.clock():.3f}"}
    return messages


def test_a_saved_form_asks_for_a_sync_of_its_record_and_says_when_it_was_saved(rig: SourceRig) -> None:
    assert fire(rig).status == 202
    (message,) = rig.api.cloud.received(rig.api.cloud.sync_queue_url)
    assert message == {
        "source_id": "classic",
        "record": "000007",
        "saved_at": f"{rig.api.clock():.3f}",
    }


def test_what_the_simulated_redcap_sends_is_understood(rig: SourceRig) -> None:
    sent: list[dict[str, str]] = []
    with RedcapSimulator([classic(1)], send_trigger=lambda _url, form: sent.append(dict(form))) as redcap:
        redcap.projects[0].det_url = "https://unused.invalid"
        redcap.save_form(11, "Zoë/ 1", "mri", {"mri_date": "2026-06-01"}, instance=1)
        redcap.trigger.wait()
    [form] = sent
    assert fire(rig, form).status == 202
    assert queued(rig) == [{"source_id": "classic", "record": "Zoë/ 1"}]


def test_api_gateways_own_route_leads_to_it_too(rig: SourceRig) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    path = f"/hooks/redcap/classic/{SECRET}"
    event = http_event("POST", path, headers=headers, body=urlencode(FORM).encode(), base64_encoded=True)
    event["routeKey"] = "POST /hooks/redcap/{source_id}/{secret}"
    event["pathParameters"] = {"source_id": "classic", "secret": SECRET}
    assert rig.api.handler(event, Context())["statusCode"] == 202
    assert len(queued(rig)) == 1


def test_a_wrong_secret_and_an_unknown_source_get_the_same_answer(rig: SourceRig) -> None:
    answers = [
        fire(rig, secret="wrong"),
        fire(rig, source_id="nothing"),
        fire(rig, source_id="x" * 300),
        fire(rig, source_id="%ff%00"),
        fire(rig, secret=SECRET[:-1]),
        fire(rig, secret=SECRET + "x"),
        fire(rig, secret="%C3%A9"),
        fire(rig, b"nonsense", secret="wrong"),
    ]
    assert {answer.status for answer in answers} == {404}
    told = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in answers]
    assert told.count(told[0]) == len(told)
    assert queued(rig) == []


def test_secrets_are_compared_in_constant_time_whether_or_not_there_is_a_source(rig: SourceRig) -> None:
    with patch("lambdas.store.accounts.triggers.hmac.compare_digest", wraps=hmac.compare_digest) as compared:
        for source_id in ("classic", "nothing", "x" * 300):
            fire(rig, source_id=source_id, secret="wrong")
    assert compared.call_count == 3
    for call in compared.call_args_list:
        given, kept = call.args
        assert len(given) == len(kept) == 64
        assert "wrong" not in (given, kept)


def test_only_the_hash_of_a_secret_is_kept(rig: SourceRig) -> None:
    assert SECRET not in json.dumps(rig.tables(), default=str)


def test_a_new_secret_ends_the_old_one(rig: SourceRig) -> None:
    rig.api.services.triggers.make("classic", "another", project_id="11", replace=True)
    assert fire(rig).status == 404
    assert fire(rig, secret="another").status == 202


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"x=" + b"y" * (16 * 1024), "application/x-www-form-urlencoded", 413),
        (b"record=1", "application/json", 415),
        (b'{"record": "1"}', "application/json", 415),
        (b"record=1", "", 415),
        (b"record=1", "multipart/form-data; boundary=x", 415),
        (b"", "application/x-www-form-urlencoded", 422),
        (b"project_id=11", "application/x-www-form-urlencoded", 422),
        (b"project_id=11&record=", "application/x-www-form-urlencoded", 422),
        (b"project_id=11&record=" + b"9" * 101, "application/x-www-form-urlencoded", 422),
        (b"project_id=11&record=%ff%fe", "application/x-www-form-urlencoded", 422),
        ("project_id=11&record=é".encode(), "application/x-www-form-urlencoded", 422),
        (b"project_id=12&record=1", "application/x-www-form-urlencoded", 422),
        (b"record=1", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a%d=1" % n for n in range(200)), "application/x-www-form-urlencoded", 422),
    ],
)
def test_what_is_no_trigger_is_refused_and_wakes_nobody(
    rig: SourceRig, body: bytes, content_type: str, status: int
) -> None:
    assert fire(rig, body, content_type=content_type).status == status
    assert queued(rig) == []


def test_a_form_of_the_largest_size_is_taken(rig: SourceRig) -> None:
    form = urlencode(FORM).encode()
    body = form + b"&note=" + b"x" * (16 * 1024 - len(form) - 6)
    assert fire(rig, body).status == 202


def test_a_trigger_whose_project_is_not_known_takes_any(rig: SourceRig) -> None:
    rig.api.services.triggers.make("classic", "another", replace=True)
    assert fire(rig, FORM | {"project_id": "99"}, secret="another").status == 202


def test_neither_record_nor_secret_is_logged(rig: SourceRig) -> None:
    with log_lines() as lines:
        fire(rig)
        fire(rig, secret="wr0ng")
        fire(rig, b"record=000007&project_id=12")
    told = str(lines)
    assert len(lines) == 3
    for hidden in ("000007", SECRET, "wr0ng", "coordinator"):
        assert hidden not in told
    assert {line["route"] for line in lines} == {"/hooks/redcap/{source_id}/{secret}"}


@pytest.mark.parametrize(
    ("definition", "state"),
    [
        ({"enabled": False}, {}),
        ({}, {"banned_until": 9e9}),
        ({}, {"paused_until": 9e9}),
        ({"operating_window": {"opens": "02:00:00", "closes": "02:01:00"}}, {}),
    ],
)
def test_a_source_that_is_left_alone_is_not_woken_and_redcap_is_told_nothing_of_it(
    rig: SourceRig, definition: dict[str, Any], state: dict[str, Any]
) -> None:
    rig.register(**definition)
    sources = rig.api.services.sources
    assert sources.acquire("classic", "tests", now=rig.api.clock(), seconds=10)
    sources.save_state("classic", "tests", SourceState.model_validate(state))
    sources.release("classic", "tests")
    assert fire(rig).status == 202
    assert queued(rig) == []


def test_a_deleted_source_takes_its_trigger_along(rig: SourceRig) -> None:
    rig.api.services.triggers.delete("classic")
    assert fire(rig).status == 404
    rig.api.services.triggers.make("classic", SECRET)
    rig.api.services.sources.delete("classic")
    assert fire(rig).status == 202
    assert queued(rig) == []


def test_a_queue_that_does_not_answer_is_a_503(rig: SourceRig) -> None:
    rig.api.cloud.sqs.delete_queue(QueueUrl=rig.api.cloud.sync_queue_url)
    assert fire(rig).status == 503
