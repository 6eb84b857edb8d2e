"""The HTTPS client: every way an answer can be wrong is one of our errors, nothing else."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_relay.clock.cloud_clock import Clock
from edge_relay.exchange.answers import Away
from edge_relay.exchange.cloud import Cloud
from edge_relay.exchange.identity import Enrolment, Identity
from shared.errors import Forbidden, MwlError, Rejected, Unavailable
from shared.problem_document import MEDIA_TYPE, OURS
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
    said = json.dumps({"type": OURS + "x", "detail": "because"})
    return always(status, content=said, headers={"Content-Type": MEDIA_TYPE})


def raising(error: type[httpx.HTTPError]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("boom")

    return answer


def no_name(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("boom") from socket.gaierror(socket.EAI_AGAIN, "boom")


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
        (always(401, text="<html>"), Unavailable, "401.*proxy"),
        (always(403, text="<html>"), Unavailable, "403.*proxy"),
        (always(403, json={"message": "Forbidden"}), Unavailable, "403.*proxy"),
        (always(403, json={"detail": "no"}, headers={"Content-Type": MEDIA_TYPE}), Unavailable, "403"),
        (always(403, json={"type": "about:blank"}, headers={"Content-Type": MEDIA_TYPE}), Unavailable, "403"),
        (always(422, json={"type": "about:blank"}, headers={"Content-Type": MEDIA_TYPE}), Unavailable, "422"),
        (always(403, content=b"{", headers={"Content-Type": MEDIA_TYPE}), Unavailable, "403"),
        (always(304), Unavailable, "nothing is new"),
        (always(200, content=b"[" * 100_000), Unavailable, "is not JSON"),
        (always(502, text="<html>"), Unavailable, "502"),
        (always(302, headers={"Location": "https://login.test"}), Unavailable, "302"),
        (always(200, text="<html>"), Unavailable, "is not JSON"),
        (always(200, text='{"items": ['), Unavailable, "is not JSON"),
        (always(200, content=b"\xff\xfe\x00"), Unavailable, "is not JSON"),
        (always(200, json=[]), Unavailable, "is not a JSON object"),
        (always(200, json={}), Unavailable, "no list"),
        (always(200, json={**PAGE, "more": "perhaps"}), Unavailable, "not a page"),
        (raising(httpx.ConnectError), Unavailable, "https://cloud.test.*could not be reached"),
        (no_name, Unavailable, "its name cannot be looked up .does DNS work"),
        (raising(httpx.ReadTimeout), Unavailable, "did not answer in time"),
        (raising(httpx.RemoteProtocolError), Unavailable, "broke the connection off"),
        (raising(httpx.DecodingError), Unavailable, "cannot be unpacked"),
    ],
)
def test_whatever_goes_wrong_is_one_of_our_errors(answer: Answer, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        cloud(answer).pull("", "", 10)
    if not says.startswith(("not a page", "nothing is new")):
        with pytest.raises(error):
            cloud(answer).push([create(1)])
        if "404" not in says and "nothing is new" not in says:
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
    with pytest.raises(Unavailable):
        cloud(answer).pull("", "", 10)
    assert asked == [("c1", '"1"'), (None, None)]


def test_a_result_that_cannot_be_read_or_was_not_asked_for_is_no_result() -> None:
    mine = {"event_id": create(1).event_id, "outcome": "recorded"}
    answer = always(200, json={"results": [{"outcome": 1}, {**mine, "event_id": "0" * 32}, mine]})
    assert [result.event_id for result in cloud(answer).push([create(1)])] == [create(1).event_id]


NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DATE, TWO_DAYS_ON = "Sun, 22 Nov 2026 10:00:00 GMT", "Tue, 24 Nov 2026 09:00:00 GMT"
UNAUTHENTICATED: dict[str, Any] = {"content": json.dumps({"type": OURS + "unauthenticated"})}


def stopped_clock(wall: datetime = NOW) -> Clock:
    return Clock(lambda: wall, lambda: 0.0)


def test_a_401_of_the_clouds_own_teaches_the_time_and_the_call_is_made_once_more() -> None:
    clock, calls = stopped_clock(), []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if len(calls) == 1:
            headers = {"Date": DATE, "Content-Type": MEDIA_TYPE}
            return httpx.Response(401, headers=headers, **UNAUTHENTICATED)
        return httpx.Response(304, headers={"Date": DATE, "ETag": '"1"'})

    assert cloud(answer, clock).pull("c", '"1"', 10) is None
    assert len(calls) == 2
    assert clock.known
    assert clock.offset == timedelta(hours=1)


@pytest.mark.parametrize(
    "answer",
    [
        always(503, headers={"Date": TWO_DAYS_ON}),
        always(200, text="<html>", headers={"Date": TWO_DAYS_ON}),
        always(200, json=PAGE, headers={"Date": TWO_DAYS_ON}),
        always(200, json=PAGE, headers={"Date": DATE, "Age": "7200"}),
        always(304, headers={"Date": TWO_DAYS_ON, "ETag": '"1"'}),
        always(401, text="<html>", headers={"Date": TWO_DAYS_ON}),
        always(401, headers={"Date": TWO_DAYS_ON, "Content-Type": MEDIA_TYPE}, **UNAUTHENTICATED),
        always(403, headers={"Date": TWO_DAYS_ON, "Content-Type": MEDIA_TYPE}, **UNAUTHENTICATED),
    ],
)
def test_no_answer_moves_the_clock_by_its_own_word(answer: Answer) -> None:
    clock = stopped_clock()
    for _ in range(3):
        with suppress(MwlError):
            cloud(answer, clock).pull("c", '"1"', 10)
    assert clock.now() == clock.token_time() == NOW


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (always(503, headers={"Retry-After": "120"}), 120),
        (always(429, headers={"Retry-After": "7"}), 7),
        (always(503, headers={"Retry-After": DATE, "Date": "Sun, 22 Nov 2026 09:59:00 GMT"}), 60),
        (always(503, headers={"Retry-After": "soon"}), 0),
        (always(503, headers={"Retry-After": "-5"}), 0),
        (always(503), 0),
    ],
)
def test_how_long_we_are_asked_to_wait_is_told(answer: Answer, seconds: float) -> None:
    with pytest.raises(Away) as caught:
        cloud(answer).pull("", "", 10)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("answer", "too_much"),
    [
        (raising(httpx.ReadTimeout), True),
        (raising(httpx.ConnectTimeout), False),
        (raising(httpx.ConnectError), False),
        (always(413), True),
        (always(500), True),
        (always(504), True),
        (always(503), False),
    ],
)
def test_what_may_be_too_much_at_once_is_told_from_an_outage(answer: Answer, too_much: bool) -> None:
    with pytest.raises(Away) as caught:
        cloud(answer).push([create(1)])
    assert caught.value.too_much is too_much


def test_the_cloud_is_told_how_long_it_may_take_for_events() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["Prefer"])
        return httpx.Response(200, json={"results": []})

    cloud(answer).push([create(1)])
    assert asked == ["wait=5"]


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


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, 0),
        ({"Poll-Interval": "60"}, 60),
        ({"Poll-Interval": "0"}, 0),
        ({"Poll-Interval": "-5"}, 0),
        ({"Poll-Interval": "soon"}, 0),
        ({"Poll-Interval": "6.5"}, 0),
    ],
)
@pytest.mark.parametrize("status", [200, 304])
def test_how_soon_to_ask_again_is_taken_from_each_answer(
    status: int, said: dict[str, str], seconds: float
) -> None:
    body = {"json": PAGE} if status == 200 else {}
    asked = cloud(always(status, headers={"ETag": '"t"', **said}, **body))
    asked.quiet_seconds = 7.0
    asked.pull("c", '"t"', 10)
    assert asked.quiet_seconds == seconds


def test_an_answer_that_is_not_the_clouds_own_says_nothing_of_how_soon() -> None:
    asked = cloud(always(304, headers={"ETag": '"other"', "Poll-Interval": "60"}))
    asked.pull("c", '"t"', 10)
    assert asked.quiet_seconds == 0
