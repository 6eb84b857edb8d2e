"""The events of one request, each judged by itself, for as long as there is time.

What cannot be judged now is left out of the answer, and the relay sends it again: what there was no time for,
and what failed. Later events of a step are left out too once one of it was, for their order matters. A
request none of whose events could be judged fails as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import ValidationError

from lambdas.api.guard import frames, logger
from lambdas.api.problems import flaws
from lambdas.api.services import Services
from lambdas.store.accounts.relays import Relay
from shared.errors import Conflict, Rejected, Unavailable
from shared.steps.procedure_step import EventResult, ProcedureStepEvent
from shared.text.storable import storable

LONGEST_SECONDS: Final = 8.0
"""How long a request is worked on; API Gateway gives up after 30, a relay after the time it tells us."""

_MOST_FAILURES: Final = 3  # then it is not the events
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")  # RFC 7240 4.3


def seconds_for(prefer: str) -> float:
    """Return how long to work on a request whose header ``Prefer`` is given."""
    found = _WAIT.search(prefer)
    return min(LONGEST_SECONDS, float(found[1])) if found else LONGEST_SECONDS


class MppsIntake:
    """Records what one request brought.

    :param now: seconds, to tell how long it has taken.
    """

    def __init__(self, services: Services, relay: Relay, *, now: Callable[[], float]) -> None:
        self._services: Final = services
        self._relay: Final = relay
        self._now: Final = now
        self._news: Final[list[str]] = []
        self._left_out: Final[set[str]] = set()
        self._failures: Final[list[Exception]] = []

    def record_all(self, events: Sequence[dict[str, Any]], seconds: float) -> list[EventResult]:
        """Record events in their order; return a result for each that was judged, of one at least.

        :raises Rejected: an event has no id, so that no answer could say which it is.
        :raises Unavailable: none could be judged; the same again is safe. Also whatever else kept the first
            from being judged.
        """
        event_ids = [_event_id(event, number) for number, event in enumerate(events)]
        until = self._now() + seconds
        results: list[EventResult] = []
        for event_id, event in zip(event_ids, events, strict=True):
            tired = (results and self._now() >= until) or len(self._failures) >= _MOST_FAILURES
            if tired:
                break
            result = self._judged(event_id, event)
            if result is not None:
                results.append(result)
        if self._failures and not results:
            raise self._failures[0]
        return results

    def send_wake_up_messages(self) -> None:
        """Wake the write-back; should that fail, the schedule will, so the intake does not."""
        wake_write_back(self._services, self._news)

    def _judged(self, event_id: str, raw: dict[str, Any]) -> EventResult | None:
        step = str(raw.get("sop_instance_uid"))
        if step in self._left_out:
            return None
        try:
            return self._record(event_id, raw)
        except Conflict as error:
            failure: Exception = Unavailable("an event could not be recorded", hint="send the same again")
            failure.__cause__ = error
        except Unavailable as error:
            failure = error
        except Exception as error:  # noqa: BLE001  one event nobody foresaw must not hold up the others
            logger.error(
                "an event failed", extra={"exception": type(error).__name__, "frames": frames(error)}
            )
            failure = error
        self._failures.append(failure)
        self._left_out.add(step)
        return None

    def _record(self, event_id: str, raw: dict[str, Any]) -> EventResult:
        try:
            event = ProcedureStepEvent.model_validate(raw)
        except ValidationError as error:
            found = flaws(error.errors(include_input=False, include_url=False, include_context=False))
            reason = "; ".join(f"{flaw.where}: {flaw.detail}" for flaw in found)
            return EventResult(event_id=event_id, outcome="refused", reason=reason)
        tested = self._services.self_tests.record_event(event, self._relay)
        if tested is not None:
            return tested
        result = self._services.steps.record_event(
            event, site=self._relay.site, relay_id=self._relay.relay_id
        )
        if result.outcome != "refused":
            # Also for a replay: the first time may have ended between the record and the wake-up message.
            self._news.append(event.sop_instance_uid)
        return result


def wake_write_back(services: Services, keys: Sequence[str]) -> None:
    """Wake the write-back of steps, or of exams completed without; should that fail, the schedule will."""
    try:
        services.wake_up_messages.send(keys)
    except Unavailable as error:
        logger.warning("wake-up messages not sent", extra={"reason": str(error)})


def _event_id(event: dict[str, Any], number: int) -> str:
    """Return an event's id: without one, no answer could say which event it means."""
    event_id = event.get("event_id")
    where = f"events.{number}.event_id"
    if not isinstance(event_id, str) or not 1 <= len(event_id) <= 64:
        raise Rejected("must be a text of 1 to 64 characters", where=where)
    try:
        storable(event_id)
    except Rejected as error:
        raise Rejected(error.what, where=where) from None
    return event_id
