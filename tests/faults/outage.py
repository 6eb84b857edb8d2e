"""Three days without the cloud, with clocks that a test moves: what is shown, what is said, how it recovers.

The cache, the journal, the exchange, the health and its judgement are the real ones; only time is not. In the
first minute the loops try every five seconds, then every five minutes, in vain; every hour a scanner asks,
and reports a step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch
from uuid import UUID

import httpx

from shared.feed import FeedItem
from shared.steps.procedure_step import EventKind, ProcedureStepEvent
from shared.worklist_item import Status
from tests.faults.outcome import Outcome
from tests.faults.watched import Watched
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.exchanging_relay import ExchangingRelay, exchanging_relay

_MINUTE: Final = 60.0
_FIRST_PAUSE: Final = 5.0
_PAUSE: Final = 300.0


def run(folder: Path, hours: int, seed: int) -> Outcome:
    """Take the cloud away for so many simulated hours; return what came of it."""
    outcome, chance = Outcome(f"{hours} h without the cloud"), Random(seed)
    items = [an_item(f"{n:03}") for n in range(20)]
    with api() as rig:
        rig.services.worklist.put_if_changed(items)
        with exchanging_relay(rig, folder) as relay:
            watch = Watched(folder, relay, outcome)
            relay.pull()
            watch.health.succeeded("pull")
            reported = _outage(watch, hours, chance)
            _recover(watch)
            _compare(rig, relay, reported, outcome)
    return outcome


def _outage(watch: Watched, hours: int, chance: Random) -> dict[str, list[ProcedureStepEvent]]:
    relay, outcome = watch.relay, watch.outcome
    reported: dict[str, list[ProcedureStepEvent]] = {}
    expected = relay.shown()
    outcome.faults += 1
    seconds, next_scan = 0.0, _MINUTE
    with patch.object(relay.transport, "handle_request", _away):
        while seconds < hours * 3600:
            pause = _FIRST_PAUSE if seconds < _MINUTE else _PAUSE
            relay.client.clock.advance(pause)
            seconds += pause
            watch.exchange()
            if seconds >= _MINUTE and "cannot be reached" not in watch.problems():
                outcome.others.append(f"after {seconds:.0f} s the status does not say that the cloud is away")
            if abs(watch.health.pull_age() - seconds) > _MINUTE:
                outcome.wrong_answers.append(
                    f"after {seconds:.0f} s the age is {watch.health.pull_age():.0f} s"
                )
            if seconds >= next_scan:
                next_scan += 3600
                _scan(relay, len(reported), chance, reported, expected)
                outcome.operations += 3
                if relay.shown() != expected:
                    outcome.wrong_answers.append(f"after {seconds:.0f} s the list is not as it was left")
    if not outcome.others:
        outcome.named += 1
    outcome.told["waiting at the end"] = str(len(relay.journal.open_events()))
    outcome.told["what the status says then"] = watch.problems()
    return reported


def _away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("unreachable", request=request)


def _scan(
    relay: ExchangingRelay,
    hour: int,
    chance: Random,
    reported: dict[str, list[ProcedureStepEvent]],
    expected: dict[str, Status],
) -> None:
    item = an_item(f"{hour % 20:03}")
    uid = f"2.25.{UUID(int=chance.getrandbits(128), version=4).int}"
    at = datetime.fromtimestamp(relay.client.clock(), UTC)
    events = [
        an_event(item, uid, received_at=at),
        an_event(None, uid, EventKind.N_SET, "COMPLETED", received_at=at),
    ]
    for event in events:
        relay.report(event)
    linked = {"item_id": item.id, "item_ids": (item.id,)}
    reported[uid] = [each.model_copy(update=linked) for each in events]
    expected[item.id] = Status.COMPLETED


def _recover(watch: Watched) -> None:
    calls = 0
    while watch.relay.journal.open_events() and calls < 100:
        calls += 1
        watch.exchange()
    for _ in range(3):  # until the feed's last change has settled
        watch.relay.client.clock.advance(11)
        watch.exchange()
    watch.outcome.told["calls until all was delivered"] = str(calls)
    if watch.relay.journal.open_events():
        watch.outcome.lost.append("not everything was delivered after the outage")
    if watch.problems():
        watch.outcome.others.append(f"the status still says: {watch.problems()}")


def _compare(
    rig: ApiRig, relay: ExchangingRelay, reported: dict[str, list[ProcedureStepEvent]], outcome: Outcome
) -> None:
    for uid, events in reported.items():
        there = [event.event_id for event in rig.services.steps.events(uid)]
        outcome.lost += [f"{uid} {each.kind}" for each in events if each.event_id not in there]
        outcome.duplicated += [uid] if len(there) > len(set(there)) else []
        outcome.out_of_order += [uid] if there != [each.event_id for each in events] else []
    rows = rig.services.worklist.rows_after("north", 0, 500)[0]
    there_now = {
        row.item.id: row.item.performed_procedure_step_status for row in rows if isinstance(row, FeedItem)
    }
    if relay.shown() != there_now:
        outcome.wrong_answers.append("after the recovery relay and cloud show different lists")
