"""A relay's test participant, as callers of the API are shown it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from lambdas.store.self_tests.outcome import SelfTest, State, outcome_of
from shared.steps.self_test import Hop


class SelfTestHop(BaseModel):
    """A hop of the way; `seconds` since the test began.

    `state` is `green`, `red`, `waiting` or `off` (not tried, or still to come); `said` says what went wrong
    and what to do.
    """

    hop: Hop
    label: str
    state: State
    at: datetime | None
    seconds: float | None
    said: str


class SelfTestView(BaseModel):
    """A test of a relay: `state` is `running`, `green` or `red`."""

    test_id: str
    relay_id: str
    site: str
    begun_at: datetime
    begun_by: str
    state: str
    hops: tuple[SelfTestHop, ...]

    @classmethod
    def of(cls, test: SelfTest, now: datetime) -> SelfTestView:
        """Return how a test stands at a moment."""
        outcome = outcome_of(test, now)
        return cls(
            test_id=test.test_id,
            relay_id=test.relay_id,
            site=test.site,
            begun_at=test.begun_at,
            begun_by=test.by,
            state=outcome.state,
            hops=tuple(SelfTestHop.model_validate(each._asdict()) for each in outcome.hops),
        )
