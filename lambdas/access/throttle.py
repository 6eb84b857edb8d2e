"""How often a password may be tried: after five failures, waits that double up to 15 minutes. Pure."""

from __future__ import annotations

import math
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.errors import Forbidden

FREE_FAILURES: Final = 5
FIRST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 900.0
FORGOTTEN_AFTER: Final = 86_400
"""Seconds after the last attempt at which failures no longer count."""


class Throttled(Forbidden):
    """Too many attempts; ``retry_after`` is how many whole seconds to wait."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__("too many attempts to log in", hint=f"wait {self.retry_after} seconds")


class Attempts(BaseModel):
    """The attempts on one name that have not ended in a success.

    :param locked_until: no attempt is looked at before this moment.
    """

    model_config = ConfigDict(frozen=True)

    failures: int = 0
    last_at: float = 0.0
    locked_until: float = 0.0


def next_attempt(before: Attempts | None, now: float) -> Attempts:
    """Return the state with one more attempt counted, or raise `Throttled` if it comes too early.

    An attempt counts as a failure before the password is looked at, and a success clears it afterwards:
    otherwise a hundred attempts at once would all be the first.
    """
    if before is None or now - before.last_at > FORGOTTEN_AFTER:
        before = Attempts()
    if now < before.locked_until:
        raise Throttled(before.locked_until - now)
    failures = before.failures + 1
    excess = failures - FREE_FAILURES
    wait = 0.0 if excess < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(excess, 10))
    return Attempts(failures=failures, last_at=now, locked_until=now + wait)
