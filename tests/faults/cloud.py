"""Faults of the cloud: throttling, 5xx, a time-out after the write, a function killed midway, calls that come
twice or late, two workers with the same events, clocks ten minutes off. The API and the store are the real
ones, on moto; the relay's files and its exchange are real too.

In the end every report is recorded once, in order, and relay and cloud show the same. Then each fault is put
in by itself, and stays: within a minute the status must name it, and nothing when it has gone. Calls that
come twice or late harm nobody, and it must be silent about them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import httpx
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.connection import Connection

from shared.errors import MwlError
from shared.steps.procedure_step import EventKind, ProcedureStepEvent
from tests.faults.outcome import Outcome
from tests.faults.watched import Watched
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.exchanging_relay import ExchangingRelay, exchanging_relay

_ITEMS: Final = 12
_MOST_ROUNDS: Final = 400
_MINUTES_OFF: Final = (0, 10, -10)


_AWAY: Final = "the cloud cannot be reached: "
_FAILS: Final = _AWAY + "the cloud answered 503"
_NAMED: Final = (
    ("DynamoDB throttles", True, 0, _FAILS),
    ("DynamoDB fails", True, 1, _FAILS),
    ("DynamoDB does not answer", True, 2, _FAILS),
    ("DynamoDB writes and does not answer", True, 3, _FAILS),
    ("functions are killed", True, 4, _AWAY + ".*(broke the connection off|answered 50)"),
    ("answers are lost", False, 2, _AWAY + ".*did not answer in time"),
    ("calls come twice", False, 0, ""),
    ("calls come late", False, 1, ""),
)
"""A fault, whether DynamoDB has it or the way to the API, its number in `Faults`, what the status says."""


Handle = Callable[[httpx.Request], httpx.Response]


class _Killed(BaseException):
    """The function ended here, and nobody was answered."""


class Faults:
    """Breaks calls to DynamoDB, and to the API, at random; ``share`` of them, in one of these ``kinds``."""

    def __init__(self, chance: Random, share: float, kinds: Sequence[int] = range(5)) -> None:
        self.share = share
        self._kinds = kinds
        self.count = 0
        self._chance = chance
        self._late: list[Callable[[], object]] = []

    def dynamodb(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return PynamoDB's call, made to fail before or after it has happened."""

        def faulty(connection: Connection, operation: str, *arguments: Any, **named: Any) -> Any:
            fault = self._drawn()
            if fault is not None and fault < 3:
                raise _before(fault, operation)
            answer = call(connection, operation, *arguments, **named)
            if fault == 3:
                raise ReadTimeoutError(endpoint_url="https://dynamodb")
            if fault == 4:
                raise _Killed
            return answer

        return faulty

    def http(self, handle: Handle) -> Handle:
        """Return a transport's handler that loses answers, and has some requests served twice, or late."""

        def faulty(request: httpx.Request) -> httpx.Response:
            fault = self._drawn()
            while self._late and fault is not None:
                self._late.pop()()
            try:
                answer = handle(request)
                if fault == 0:
                    answer = handle(request)
            except _Killed:
                raise httpx.ReadError("the function was killed", request=request) from None
            if fault == 1 and request.method == "POST":
                self._late.append(lambda: _served(handle, request))
            if fault == 2:
                raise httpx.ReadTimeout("the answer was lost", request=request)
            return answer

        return faulty

    def _drawn(self) -> int | None:
        if self._chance.random() >= self.share:
            return None
        self.count += 1
        return self._chance.choice(self._kinds)


def _served(handle: Handle, request: httpx.Request) -> None:
    with suppress(_Killed):
        handle(request)


def _before(fault: int, operation: str) -> Exception:
    codes = {0: ("ThrottlingException", 400), 1: ("InternalServerError", 500)}
    if fault not in codes:
        return ReadTimeoutError(endpoint_url="https://dynamodb")
    code, status = codes[fault]
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def run(folder: Path, steps: int, seed: int, share: float = 0.15) -> Outcome:
    """Report so many steps through a cloud of which a share of the calls fail; return what came of it."""
    outcome, chance = Outcome("cloud"), Random(seed)
    with api() as rig:
        rig.services.worklist.put_if_changed(an_item(f"{n:03}") for n in range(_ITEMS))
        for number, minutes in enumerate(_MINUTES_OFF):
            with exchanging_relay(rig, folder / str(number), clock_off=60.0 * minutes) as relay:
                _one_relay(rig, relay, steps // len(_MINUTES_OFF), chance, share, outcome)
        _two_workers(rig, chance, share, outcome)
        with exchanging_relay(rig, folder / "named") as relay:
            _one_by_one(rig, Watched(folder / "named", relay, outcome), chance)
        _clocks(rig, folder, outcome)
    return outcome


def _one_relay(
    rig: ApiRig, relay: ExchangingRelay, steps: int, chance: Random, share: float, outcome: Outcome
) -> None:
    faults = Faults(chance, share)
    relay.pull()
    reported: dict[str, list[ProcedureStepEvent]] = {}
    with _broken(relay, faults, faults):
        for _ in range(steps):
            item = an_item(f"{chance.randrange(_ITEMS):03}") if chance.random() < 0.8 else None
            uid = f"2.25.{UUID(int=chance.getrandbits(128), version=4).int}"
            reported[uid] = [an_event(item, uid), an_event(None, uid, EventKind.N_SET, "COMPLETED")]
            for event in reported[uid]:
                relay.report(event)
                outcome.operations += 1
                _exchange(relay, outcome)
        rounds = 0
        while relay.journal.open_events() and (rounds := rounds + 1) < _MOST_ROUNDS:
            _exchange(relay, outcome)
    outcome.faults += faults.count
    relay.push()
    relay.pull()
    _compare(rig, reported, outcome)
    here, there = relay.shown(), _listed(rig)
    outcome.wrong_answers += [
        f"{key} is shown as {here.get(key)}, the cloud has {there.get(key)}"
        for key in here.keys() | there.keys()
        if here.get(key) != there.get(key)
    ]
    outcome.others += [f"parked: {each.reason}" for each in relay.journal.open_events()]


@contextmanager
def _broken(relay: ExchangingRelay, dynamodb: Faults, http: Faults) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(
            patch.object(Connection, "_make_api_call", dynamodb.dynamodb(Connection._make_api_call))
        )
        transport = relay.transport
        stack.enter_context(patch.object(transport, "handle_request", http.http(transport.handle_request)))
        yield


def _one_by_one(rig: ApiRig, watch: Watched, chance: Random) -> None:
    """Put in one fault at a time, which every call meets, while an event waits."""
    watch.quiet("before any fault")
    none = Faults(chance, 0.0)
    for number, (fault, of_dynamodb, kind, words) in enumerate(_NAMED):
        faults = Faults(chance, 1.0, [kind])
        event = an_event(None, f"2.25.{UUID(int=chance.getrandbits(128), version=4).int}")
        watch.relay.report(event)
        with _broken(watch.relay, *((faults, none) if of_dynamodb else (none, faults))):
            if words:
                watch.named(fault, words)
            else:
                watch.quiet(f"while {fault},")
        watch.quiet(f"after {fault} ({number})")
        _compare(rig, {event.sop_instance_uid: [event]}, watch.outcome)


def _clocks(rig: ApiRig, folder: Path, outcome: Outcome) -> None:
    for minutes in filter(None, _MINUTES_OFF):
        name = f"clock {minutes} minutes off"
        with exchanging_relay(rig, folder / name, clock_off=60.0 * minutes) as relay:
            words = f"clock is wrong: it is 10 min.* {'ahead' if minutes > 0 else 'behind'}"
            Watched(folder / name, relay, outcome).named(name, words)


def _exchange(relay: ExchangingRelay, outcome: Outcome) -> None:
    relay.client.clock.advance(1)
    for exchange in (relay.push_once, relay.pull_once):
        outcome.operations += 1
        with suppress(MwlError):
            exchange()


def _two_workers(rig: ApiRig, chance: Random, share: float, outcome: Outcome) -> None:
    """Have two threads record the same events at once, each in order, until all are accepted."""
    uids = [f"2.25.{UUID(int=chance.getrandbits(128), version=4).int}" for _ in range(8)]
    reported = {
        uid: [an_event(an_item("001"), uid), an_event(None, uid, EventKind.N_SET, "COMPLETED")]
        for uid in uids
    }
    faults = Faults(chance, share)

    def work() -> None:
        for event in (event for events in reported.values() for event in events):
            for _ in range(100):
                with suppress(MwlError, _Killed):
                    rig.services.steps.record_event(event, site="north", relay_id="r")
                    break

    workers = [threading.Thread(target=work) for _ in range(2)]
    with patch.object(Connection, "_make_api_call", faults.dynamodb(Connection._make_api_call)):
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    outcome.faults += faults.count
    outcome.operations += 4 * len(uids)
    _compare(rig, reported, outcome)


def _compare(rig: ApiRig, reported: dict[str, list[ProcedureStepEvent]], outcome: Outcome) -> None:
    for uid, events in reported.items():
        there = rig.services.steps.events(uid)
        ids = [each.event_id for each in there]
        outcome.lost += [f"{uid}: {each.kind}" for each in events if each.event_id not in ids]
        if len(ids) > len(set(ids)):
            outcome.duplicated.append(uid)
        if [each.kind for each in there] != sorted(each.kind for each in there):
            outcome.out_of_order.append(uid)


def _listed(rig: ApiRig) -> dict[str, Any]:
    rows = rig.services.worklist.rows_after("north", 0, 500)[0]
    return {row.item.id: row.item.performed_procedure_step_status for row in rows if hasattr(row, "item")}
