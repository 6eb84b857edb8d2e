"""The HTTPS client: the relay's calls to the cloud, and how failed answers become errors.

Anything that is not the answer is translated here, once:

    400, 413, 422 with a problem document (RFC 9457)   Rejected      the request will never be accepted
    401, 403                                           Forbidden     revoked or unknown; retried, but slowly
    anything else: other statuses, time-outs, HTML,    Unavailable   retried
    truncated JSON, an unexpected shape

A 400 without a problem document comes from something in between, not from the cloud: it refuses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from edge_relay.exchange.identity import Clock, Enrolment, Identity
from edge_relay.worklist.cache import Unreadable
from shared.errors import Forbidden, MwlError, Rejected, Unavailable
from shared.feed import FeedItem, FeedPage
from shared.procedure_step import EventResult, ProcedureStepEvent
from shared.relay_health import HeartbeatAnswer, RelayHealth

M = TypeVar("M", bound=BaseModel)

PROBLEM: Final = "application/problem+json"
_REJECTED_STATUSES: Final = frozenset({400, 413, 422})
_FORBIDDEN_STATUSES: Final = frozenset({401, 403})
_TRANSPORT_FAULTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx.ConnectTimeout, "could not be reached in time"),
    (httpx.TimeoutException, "did not answer in time"),
    (httpx.ConnectError, "could not be reached"),
    (httpx.DecodingError, "sent an answer that cannot be unpacked"),
    (httpx.TooManyRedirects, "sends us in circles"),
    (httpx.TransportError, "broke the connection off"),
)


class PulledPage(NamedTuple):
    """One page of the feed. Items this relay is too old to read are in ``unreadable`` instead."""

    page: FeedPage
    etag: str
    unreadable: tuple[Unreadable, ...]


class Cloud:
    """The cloud, as an enrolled relay sees it. Used by one thread at a time per client.

    :param new_id: makes an id never used before, for each token.
    """

    def __init__(
        self, client: httpx.Client, identity: Identity, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._client: Final = client
        self._identity: Final = identity
        self._clock: Final = clock
        self._new_id: Final = new_id

    def pull(self, cursor: str, etag: str, limit: int) -> PulledPage | None:
        """Return the page after ``cursor`` (empty: from the beginning), None if nothing is new (304)."""
        params: dict[str, str | int] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        headers = {"If-None-Match": etag} if etag else {}
        response = self._send("GET", "/relay/worklist", params=params, headers=headers)
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        return _page(_json_object(response), response.headers.get("ETag", ""))

    def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
        """Send events; return the results that could be understood, of these events only."""
        body = {"events": [event.model_dump(mode="json") for event in events]}
        answer = _json_object(self._send("POST", "/relay/mpps", json=body))
        results = answer.get("results")
        if not isinstance(results, list):
            raise _nonsense("has no list of results")
        sent = {event.event_id for event in events}
        understood = (_valid(EventResult, raw) for raw in results)
        return [result for result in understood if result is not None and result.event_id in sent]

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        """Tell how we are doing; return what is overridden, None if the cloud is too old to ask (404)."""
        response = self._send_knowing_time("POST", "/relay/heartbeat", json=health.model_dump(mode="json"))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        answer = _valid(HeartbeatAnswer, _json_object(_checked(response)))
        if answer is None:
            raise _nonsense("does not say what is overridden")
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return _checked(self._send_knowing_time(method, path, **options))

    def _send_knowing_time(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._send_once(method, path, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # A clock that is off makes tokens look expired; the 401 itself has just told us the time.
            response = self._send_once(method, path, **options)
        return response

    def _send_once(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = self._identity.token(self._clock.now(), self._new_id())
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token}"}
        response = _request(self._client, method, path, headers=headers, **options)
        _learn_time(self._clock, response)
        return response


def make_client(cloud_url: str, timeout_seconds: float) -> httpx.Client:
    """Return an HTTP client for one cloud; never follows a redirect with our token."""
    return httpx.Client(base_url=cloud_url, timeout=timeout_seconds, follow_redirects=False)


def enroll(client: httpx.Client, code: str, public_key: str, name: str) -> Enrolment:
    """Exchange a one-time code for an identity; raise `Rejected` or `Forbidden` if the code is not good."""
    body = {"code": code, "public_key": public_key, "name": name}
    answer = _json_object(_checked(_request(client, "POST", "/relay/enroll", json=body)))
    enrolment = _valid(Enrolment, answer)
    if enrolment is None:
        raise _nonsense("does not say who we are")
    return enrolment


def _request(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    try:
        return client.request(method, path, **options)
    except httpx.HTTPError as error:
        for fault, sentence in _TRANSPORT_FAULTS:
            if isinstance(error, fault):
                raise Unavailable(sentence, where=str(client.base_url)) from error
        raise Unavailable(f"failed ({type(error).__name__})", where=str(client.base_url)) from error


def _checked(response: httpx.Response) -> httpx.Response:
    status = response.status_code
    if response.is_success or status == httpx.codes.NOT_MODIFIED:
        return response
    raise _error_for(status, _problem(response))


def _error_for(status: int, problem: str | None) -> MwlError:
    said = f"the cloud answered {status}" + (f": {problem}" if problem else "")
    if status in _FORBIDDEN_STATUSES:
        return Forbidden(said, hint="was this relay revoked?")
    if status in _REJECTED_STATUSES and problem is not None:
        return Rejected(said)
    return Unavailable(said)


def _problem(response: httpx.Response) -> str | None:
    """Return what a problem document says, None if the answer is none."""
    if not response.headers.get("Content-Type", "").startswith(PROBLEM):
        return None
    try:
        document = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    if not isinstance(document, dict):
        return None
    return str(document.get("detail") or document.get("title") or "no reason given")[:500]


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        kind = response.headers.get("Content-Type", "no content type")
        raise _nonsense(f"is not JSON ({kind[:80]}, {len(response.content)} bytes)") from None
    if not isinstance(answer, dict):
        raise _nonsense("is not a JSON object")
    return answer


def _nonsense(what: str) -> Unavailable:
    return Unavailable(f"the cloud's answer {what}", hint="is a proxy in between?")


def _page(answer: dict[str, Any], etag: str) -> PulledPage:
    items = answer.get("items")
    if not isinstance(items, list):
        raise _nonsense("has no list of items")
    envelope = _valid(FeedPage, {**answer, "items": []})
    if envelope is None:
        raise _nonsense("is not a page of the feed")
    readable, unreadable = [], []
    for raw in items:
        try:
            readable.append(FeedItem.model_validate(raw))
        except ValidationError as error:
            unreadable.append(_unreadable(raw, error))
    return PulledPage(envelope.model_copy(update={"items": tuple(readable)}), etag, tuple(unreadable))


def _unreadable(raw: object, error: ValidationError) -> Unreadable:
    entry = raw if isinstance(raw, dict) else {}
    item = entry.get("item")
    item_id = item.get("id") if isinstance(item, dict) else None
    feed_seq = entry.get("feed_seq")
    reason = "; ".join(
        f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)[:3]
    )
    return Unreadable(
        item_id if isinstance(item_id, str) else f"unnamed-{feed_seq}",
        feed_seq if isinstance(feed_seq, int) else 0,
        reason,
    )


def _valid(model: type[M], raw: object) -> M | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _learn_time(clock: Clock, response: httpx.Response) -> None:
    try:
        cloud_time = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return
    if cloud_time.tzinfo is not None:
        clock.learn(cloud_time)
