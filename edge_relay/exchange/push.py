"""Pushing what scanners reported: `push_once` sends what the journal has due, and takes the answers down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from edge_relay.exchange.loop import Exchange
from edge_relay.mpps.journal import Journal
from shared.errors import MwlError, Rejected, Unavailable
from shared.procedure_step import EventResult, ProcedureStepEvent

log = logging.getLogger(__name__)

_PRUNE_EVERY: Final = timedelta(days=1)


class Intake(Protocol):
    """What a push needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def push(self, events: list[ProcedureStepEvent]) -> list[EventResult]:
        """Send events, return the results."""


class PushOutcome(NamedTuple):
    """What one push achieved; ``unanswered`` events stay pending."""

    delivered: int
    parked: int
    unanswered: int


NOTHING_DUE: Final = PushOutcome(0, 0, 0)


def push_exchange(
    intake: Intake, journal: Journal, batch: int, retention: timedelta, now: Callable[[], datetime]
) -> Exchange:
    """Return the exchange that sends what scanners reported; once a day it forgets what was sent long ago."""
    pruned_at: datetime | None = None

    def exchange_once() -> bool:
        nonlocal pruned_at
        outcome = push_once(intake, journal, batch)
        if outcome.parked:
            log.warning("%d events were refused for good: see mwl-relay list --parked", outcome.parked)
        if outcome.unanswered:
            raise Unavailable(f"the cloud left {outcome.unanswered} events unanswered")
        if pruned_at is None or now() - pruned_at >= _PRUNE_EVERY:
            journal.prune(now() - retention)
            pruned_at = now()
        return bool(outcome.delivered or outcome.parked)

    return exchange_once


def push_once(intake: Intake, journal: Journal, limit: int) -> PushOutcome:
    """Send what is due, at most one event of each SOP instance, and take the answers down.

    A batch the cloud rejects as a whole is sent again one by one, so that only the bad event is parked.
    """
    events = journal.due(limit)
    if not events:
        return NOTHING_DUE
    try:
        results = intake.push(events)
    except Rejected as error:
        if len(events) == 1:
            journal.park(events[0].event_id, str(error))
            return PushOutcome(0, 1, 0)
        return _push_singly(intake, journal, events)
    except MwlError:
        journal.record_unanswered(event.event_id for event in events)
        raise
    return _take_down(journal, events, results)


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
    if unanswered:
        journal.record_unanswered(unanswered)
    parked = sum(result.outcome == "refused" for result in answered.values())
    return PushOutcome(len(answered) - parked, parked, len(unanswered))
