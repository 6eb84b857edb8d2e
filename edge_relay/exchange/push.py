"""Pushes MPPS events: `push_once` sends the events that are due, and records the answers in the journal.

The journal hands events out oldest first, one of each SOP instance. How many go into one call is a `Portion`:
fewer after a call that the cloud did not manage, more again after one that it did. What it leaves unanswered
is sent again. An event counts as tried only if it may be the cause itself: the cloud answered for one behind
it, or failed on it alone. An outage is not an attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from edge_relay.exchange.answers import Away
from edge_relay.exchange.loop import Exchange
from edge_relay.exchange.portion import Portion
from edge_relay.mpps.journal import Journal
from shared.errors import Rejected
from shared.steps.event_body import carried
from shared.steps.procedure_step import EventResult, ProcedureStepEvent
from shared.text.quantity import quantity

log = logging.getLogger(__name__)

_PRUNE_EVERY: Final = timedelta(days=1)
_CHECKPOINT_EVERY: Final = timedelta(seconds=5)  # while there is always more to send: it holds scanners up


class Intake(Protocol):
    """What a push needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
        """Send events, return the results."""


class PushOutcome(NamedTuple):
    """What one push achieved; ``unanswered`` events stay pending."""

    delivered: int
    parked: int
    unanswered: int


NOTHING_DUE: Final = PushOutcome(0, 0, 0)


def push_exchange(
    intake: Intake,
    journal: Journal,
    batch: int,
    retention: timedelta,
    now: Callable[[], datetime],
) -> Exchange:
    """Return the exchange that sends what scanners reported; once a day it forgets what was sent long ago."""
    pruned_at: datetime | None = None
    settled_at: datetime | None = None
    portion = Portion(batch)

    def exchange_once() -> bool:
        nonlocal pruned_at, settled_at
        outcome = push_once(intake, journal, portion)
        if outcome.parked:
            refused = quantity(outcome.parked, "event was", "events were")
            log.warning("%s refused for good: see mwl-relay list --parked", refused)
        settled = outcome.delivered + outcome.parked
        if not settled or settled_at is None or not timedelta() <= now() - settled_at < _CHECKPOINT_EVERY:
            journal.checkpoint()
            settled_at = now()
        if outcome.unanswered and not settled:
            raise Away(f"the cloud left {outcome.unanswered} events unanswered")
        if pruned_at is None or now() - pruned_at >= _PRUNE_EVERY:
            journal.prune(now() - retention)
            pruned_at = now()
        return bool(settled)

    return exchange_once


def push_once(intake: Intake, journal: Journal, portion: Portion) -> PushOutcome:
    """Send what is due, at most one event of each SOP instance, and take the answers down.

    A batch the cloud rejects as a whole is sent again one by one, so that only the bad event is parked.
    """
    if not journal.settle_times():
        intake.push([])  # the answer teaches us the time, and then we know when they were received
        journal.settle_times()
    events = _as_sent(journal, journal.due(portion.size))
    if not events:
        return NOTHING_DUE
    try:
        results = intake.push(events)
    except Rejected as error:
        if len(events) == 1:
            journal.park(events[0].event_id, str(error))
            return PushOutcome(0, 1, 0)
        return _push_singly(intake, journal, events)
    except Away as error:
        if error.too_much:
            portion.too_much(len(events))
            if len(events) == 1:
                journal.record_unanswered([events[0].event_id])
        raise
    outcome = _take_down(journal, events, results)
    if results:
        portion.managed(len(events))
    else:
        portion.too_much(len(events))
    return outcome


def _as_sent(journal: Journal, events: Sequence[ProcedureStepEvent]) -> list[ProcedureStepEvent]:
    """Return events as the cloud takes them; park what an earlier version took and it never will."""
    found = []
    for event in events:
        try:
            found.append(carried(event))
        except Rejected as error:
            journal.park(event.event_id, str(error))
    return found


def _push_singly(intake: Intake, journal: Journal, events: list[ProcedureStepEvent]) -> PushOutcome:
    delivered = parked = unanswered = 0
    for event in events:
        try:
            one = _take_down(journal, [event], intake.push([event]))
        except Rejected as error:
            journal.park(event.event_id, str(error))
            one = PushOutcome(0, 1, 0)
        delivered += one.delivered
        parked += one.parked
        unanswered += one.unanswered
    return PushOutcome(delivered, parked, unanswered)


def _take_down(journal: Journal, events: list[ProcedureStepEvent], results: list[EventResult]) -> PushOutcome:
    answered = {result.event_id: result for result in results}
    journal.record_results(list(answered.values()))
    unanswered = [event.event_id for event in events if event.event_id not in answered]
    suspects = _suspects(events, answered)
    if suspects:
        journal.record_unanswered(suspects)
    parked = sum(result.outcome == "refused" for result in answered.values())
    return PushOutcome(len(answered) - parked, parked, len(unanswered))


def _suspects(events: list[ProcedureStepEvent], answered: dict[str, EventResult]) -> list[str]:
    """Return the unanswered that no lack of time explains: a later one was answered, or it was alone."""
    if len(events) == 1:
        return [event.event_id for event in events if event.event_id not in answered]
    last = max((n for n, event in enumerate(events) if event.event_id in answered), default=0)
    return [event.event_id for event in events[:last] if event.event_id not in answered]
