"""The HTTPS client: every way an answer can be wrong is one of our errors, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_relay.exchange.cloud import PROBLEM, Cloud, enroll
from edge_relay.exchange.identity import Clock, Enrolment, Identity
from shared.errors import Forbidden, Rejected, Unavailable
from shared.relay_health import RelayHealth
from tests.rigs.relay import item
from tests.unit.edge_relay.mpps.test_journal import create

Answer = Callable[[httpx.Request], httpx.Response]
IDENTITY = Identity(Enrolment(relay_id="r1", site="oslo", audience="mwl-relay"), Ed25519PrivateKey.generate())
HEALTH = RelayHealth(version="0.2.0", at=datetime(2026, 11, 22, tzinfo=UTC), items=12)
PAGE: dict[str, Any] = {
    "epoch": "e",
    "snapshot": True,
    "items": [],
    "tombstones": [],
    "cursor": "c",
    "next": "n",
    "more": False,
}


def client(answer: Answer) -> httpx.Client:
    return httpx.Client(base_url="https://cloud.test", transport=httpx.MockTransport(answer))


def cloud(answer: Answer, clock: Clock | None = None) -> Cloud:
    return Cloud(client(answer), IDENTITY, clock or Clock(), lambda: "id")


def always(*args: Any, **options: Any) -> Answer:
    return lambda _: httpx.Response(*args, **options)


def problem(status: int) -> Answer:
    return always(status, content=json.dumps({"detail": "because"}), headers={"Content-Type": PROBLEM})


def raising(error: type[httpx.HTTPError]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("boom")

    return answer


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (problem(400), Rejected, "400: because"),
        (problem(413), Rejected, "413"),
        (problem(422), Rejected, "422"),
        (problem(401), Forbidden, "401"),
        (problem(403), Forbidden, "403: because"),
        (problem(404), Unavailable, "404"),
        (problem(409), Unavailable, "409"),
        (problem(429), Unavailable, "429"),
        (problem(500), Unavailable, "500"),
        (always(400, text="<html>"), Unavailable, "400"),
        (always(502, text="<html>"), Unavailable, "502"),
        (always(302, headers={"Location": "https://login.test"}), Unavailable, "302"),
        (always(200, text="<html>"), Unavailable, "is not JSON"),
        (always(200, text='{"items": ['), Unavailable, "is not JSON"),
        (always(200, content=b"\xff\xfe\x00"), Unavailable, "is not JSON"),
        (always(200, json=[]), Unavailable, "is not a JSON object"),
        (always(200, json={}), Unavailable, "no list"),
        (always(200, json={**PAGE, "more": "perhaps"}), Unavailable, "not a page"),
        (raising(httpx.ConnectError), Unavailable, "https://cloud.test.*could not be reached"),
        (raising(httpx.ReadTimeout), Unavailable, "did not answer in time"),
        (raising(httpx.RemoteProtocolError), Unavailable, "broke the connection off"),
        (raising(httpx.DecodingError), Unavailable, "cannot be unpacked"),
    ],
)
def test_whatever_goes_wrong_is_one_of_our_errors(answer: Answer, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        cloud(answer).pull("", "", 10)
    if not says.startswith("not a page"):
        with pytest.raises(error):
            cloud(answer).push([create(1)])
        if "404" not in says:
            with pytest.raises(error):
                cloud(answer).heartbeat(HEALTH)


def test_a_page_keeps_its_good_items_and_names_the_others() -> None:
    good = {"feed_seq": 1, "item": item("a").model_dump(mode="json")}
    newer = {
        "feed_seq": 2,
        "item": {**item("b").model_dump(mode="json"), "performed_procedure_step_status": "X"},
    }
    answer = always(200, json={**PAGE, "items": [good, newer, "nonsense"]}, headers={"ETag": '"1"'})
    pulled = cloud(answer).pull("", "", 10)
    assert pulled is not None
    assert [entry.item.id for entry in pulled.page.items] == ["a"]
    assert [(u.item_id, u.feed_seq) for u in pulled.unreadable] == [("b", 2), ("unnamed-None", 0)]
    assert "performed_procedure_step_status" in pulled.unreadable[0].reason
    assert pulled.etag == '"1"'


def test_cursor_and_etag_are_sent_and_304_means_nothing_new() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.params.get("cursor"), request.headers.get("If-None-Match")))
        return httpx.Response(304)

    assert cloud(answer).pull("c1", '"1"', 10) is None
    assert cloud(answer).pull("", "", 10) is None
    assert asked == [("c1", '"1"'), (None, None)]


def test_a_result_that_cannot_be_read_or_was_not_asked_for_is_no_result() -> None:
    mine = {"event_id": create(1).event_id, "outcome": "recorded"}
    answer = always(200, json={"results": [{"outcome": 1}, {**mine, "event_id": "0" * 32}, mine]})
    assert [result.event_id for result in cloud(answer).push([create(1)])] == [create(1).event_id]


def test_a_401_teaches_the_time_and_the_call_is_made_once_more() -> None:
    now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    clock, calls = Clock(lambda: now), []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        headers = {"Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
        return httpx.Response(401 if len(calls) == 1 else 304, headers=headers)

    assert cloud(answer, clock).pull("", "", 10) is None
    assert len(calls) == 2
    assert clock.offset == timedelta(hours=1)


def test_a_heartbeat_is_answered_with_overrides_whatever_they_are() -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path, json.loads(request.content)["items"]))
        return httpx.Response(200, json={"scanners": [{"ae_title": 1}, "?"], "version": "9", "more": 1})

    told = cloud(answer).heartbeat(HEALTH)
    assert told is not None
    assert (told.scanners, told.version) == (({"ae_title": 1}, "?"), "9")
    assert sent == [("POST", "/relay/heartbeat", 12)]


@pytest.mark.parametrize("answer", [problem(404), always(404, text="<html>")])
def test_a_cloud_that_does_not_know_heartbeats_is_no_failure(answer: Answer) -> None:
    assert cloud(answer).heartbeat(HEALTH) is None


def test_enrolment_refuses_an_answer_that_is_none() -> None:
    with pytest.raises(Unavailable):
        enroll(client(always(201, json={"hello": 1})), "code", "pem", "name")
    with pytest.raises(Forbidden):
        enroll(client(problem(403)), "code", "pem", "name")
