"""The HTTPS client: the relay's calls to the cloud, which always end.

What can come back instead of an answer is in `edge_relay.exchange.answers`. Which time it is, the cloud tells
in the answers to tokens that it accepted: see `edge_relay.clock.cloud_clock`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from edge_relay.clock.cloud_clock import Clock
from edge_relay.exchange.answers import Answer, checked, nonsense, read
from edge_relay.exchange.identity import Identity
from edge_relay.worklist.cache import Unreadable
from shared.feed import POLL_INTERVAL, FeedItem, FeedPage, poll_interval
from shared.relay_health import HeartbeatAnswer, RelayHealth
from shared.scanners.shown_items import ShownItem, ShownItems
from shared.steps.procedure_step import EventReference, EventResult, ProcedureStepEvent
from shared.steps.self_test import SelfTestReport
from shared.steps.study_images import ImagesResult, StudyImages

M = TypeVar("M", bound=BaseModel)

_SHARE: Final = 0.5  # of a call's time, that the cloud may work on it: the rest is for the way there and back


class PulledPage(NamedTuple):
    """One page of the feed. Items this relay is too old to read are in ``unreadable`` instead."""

    page: FeedPage
    etag: str
    unreadable: tuple[Unreadable, ...]


class Cloud:
    """The cloud, as an enrolled relay sees it. Used by one thread at a time per client.

    :param new_id: makes an id never used before, for each token.
    :param seconds: how long a call may take.
    """

    def __init__(
        self,
        client: httpx.Client,
        identity: Identity,
        clock: Clock,
        new_id: Callable[[], str],
        seconds: float = 10.0,
    ) -> None:
        self._client: Final = client
        self._identity: Final = identity
        self._clock: Final = clock
        self._new_id: Final = new_id
        self._seconds: Final = seconds
        self.quiet_seconds = 0.0
        """For how many seconds the cloud said, with the last pull, that there is no need to ask again."""

    def pull(self, cursor: str, etag: str, limit: int) -> PulledPage | None:
        """Return the page after ``cursor`` (empty: from the beginning), None if nothing is new (304)."""
        params: dict[str, str | int] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        headers = {"If-None-Match": etag} if etag else {}
        sent = self._send("GET", "/relay/worklist", params=params, headers=headers)
        answer = checked(sent.answer)
        if answer.status == httpx.codes.NOT_MODIFIED:
            if not etag:
                raise nonsense("says that nothing is new, though we have nothing")
            believed = answer.headers.get("ETag", "").removeprefix("W/") == etag.removeprefix("W/")
            self.quiet_seconds = poll_interval(answer.headers.get(POLL_INTERVAL, "")) if believed else 0.0
            if believed:
                self._believe(sent)
            return None
        page = _page(answer.json_object(), answer.headers.get("ETag", ""))
        self.quiet_seconds = poll_interval(answer.headers.get(POLL_INTERVAL, ""))
        self._believe(sent)
        return page

    def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
        """Send events; return the results that could be understood, of these events only.

        The cloud is told how long we wait: it answers for as many as it manages, and the rest is sent again.
        """
        body = {"events": [event.model_dump(mode="json") for event in events]}
        headers = {"Prefer": f"wait={max(1, int(self._seconds * _SHARE))}"}
        sent = self._send("POST", "/relay/mpps", json=body, headers=headers)
        results = self._listed(sent, "results", "has no list of results")
        asked = {event.event_id for event in events}
        understood = (_valid(EventResult, raw) for raw in results)
        return [result for result in understood if result is not None and result.event_id in asked]

    def lacking(self, events: Sequence[EventReference]) -> list[str]:
        """Return which of these events the cloud does not have; none if it is too old to be asked (404)."""
        body = {"events": [event.model_dump(mode="json") for event in events]}
        sent = self._send("POST", "/relay/mpps/lacking", json=body)
        if _is_unknown(sent.answer):
            return []
        lacking = self._listed(sent, "lacking", "does not say which events it lacks")
        named = {str(each) for each in lacking}
        return [event.event_id for event in events if event.event_id in named]

    def recorded(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        """Return what the cloud has of a procedure step, in order; nothing if it does not know it (404)."""
        sent = self._send("GET", f"/relay/mpps/{quote(sop_instance_uid, safe='')}")
        if _is_unknown(sent.answer):
            return []
        events = self._listed(sent, "events", "has no list of events")
        understood = (_valid(ProcedureStepEvent, raw) for raw in events)
        return [event for event in understood if event and event.sop_instance_uid == sop_instance_uid]

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        """Tell how we are doing; return what is overridden, None if the cloud is too old to ask (404)."""
        sent = self._send("POST", "/relay/heartbeat", json=health.model_dump(mode="json"))
        if sent.answer.status == httpx.codes.NOT_FOUND:
            return None
        told = _valid(HeartbeatAnswer, checked(sent.answer).json_object())
        if told is None:
            raise nonsense("does not say what is overridden")
        self._believe(sent)
        return told

    def report_self_test(self, test_id: str, report: SelfTestReport) -> bool:
        """Tell how far a test participant has come; False if the cloud knows of none (404)."""
        path = f"/relay/self-tests/{quote(test_id, safe='')}"
        sent = self._send("POST", path, json=report.model_dump(mode="json"))
        if sent.answer.status == httpx.codes.NOT_FOUND:
            return False
        if sent.answer.status != httpx.codes.NO_CONTENT:
            checked(sent.answer)
        self._believe(sent)
        return True

    def shown(self, items: Sequence[ShownItem]) -> bool:
        """Tell what scanners were shown; return False if the cloud is too old to be told (404)."""
        body = ShownItems(items=tuple(items)).model_dump(mode="json")
        sent = self._send("POST", "/relay/shown", json=body)
        if sent.answer.status == httpx.codes.NOT_FOUND:
            return False
        if not isinstance(checked(sent.answer).json_object().get("kept"), int):
            raise nonsense("does not say what it has kept")
        self._believe(sent)
        return True

    def images(self, studies: Sequence[StudyImages]) -> list[ImagesResult] | None:
        """Tell what archives have; return what became of it, None if the cloud is too old (404)."""
        body = {"studies": [each.model_dump(mode="json") for each in studies]}
        sent = self._send("POST", "/relay/images", json=body)
        if sent.answer.status == httpx.codes.NOT_FOUND:
            return None
        results = self._listed(sent, "results", "does not say what became of the images")
        return [each for raw in results if (each := _valid(ImagesResult, raw)) is not None]

    def _listed(self, sent: _Sent, key: str, otherwise: str) -> list[Any]:
        """Return a list that the answer must have, and believe the answer; raises as `checked`."""
        listed = checked(sent.answer).json_object().get(key)
        if not isinstance(listed, list):
            raise nonsense(otherwise)
        self._believe(sent)
        return listed

    def _send(self, method: str, path: str, **options: Any) -> _Sent:
        sent = self._send_once(method, path, **options)
        if not _proposes_a_time(sent.answer):
            return sent
        # A clock that is off makes tokens look expired; the 401 itself has just told us the time.
        self._clock.propose(sent.answer.date)
        again = self._send_once(method, path, **options)
        if _proposes_a_time(again.answer):
            self._clock.propose(None)
        return again

    def _send_once(self, method: str, path: str, **options: Any) -> _Sent:
        moment = self._clock.token_time()
        token = self._identity.token(moment, self._new_id())
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token}"}
        return _Sent(read(self._client, method, path, headers=headers, **options), moment)

    def _believe(self, sent: _Sent) -> None:
        """Take the time from an answer that only the cloud can have given."""
        if sent.answer.date is not None:
            self._clock.accepted(sent.token_time, sent.answer.date)


class _Sent(NamedTuple):
    answer: Answer
    token_time: datetime


def _is_unknown(answer: Answer) -> bool:
    return answer.status == httpx.codes.NOT_FOUND and answer.problem() is not None


def _proposes_a_time(answer: Answer) -> bool:
    return answer.status == httpx.codes.UNAUTHORIZED and answer.problem() is not None


def _page(answer: dict[str, Any], etag: str) -> PulledPage:
    items = answer.get("items")
    if not isinstance(items, list):
        raise nonsense("has no list of items")
    envelope = _valid(FeedPage, {**answer, "items": []})
    if envelope is None:
        raise nonsense("is not a page of the feed")
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
