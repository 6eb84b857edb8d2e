"""How fast REDCap may be asked, and when it wants to be left alone. Pure.

REDCap bans an address that asks more than 600 times a minute. So a server is asked half as often at most, by
all functions together: see `lambdas.store.servers.request_rates`. A project that is opened alone keeps its
own pace.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

REQUESTS_A_MINUTE: Final = 300
"""Never more in any minute: half of what REDCap bans an address for, because others share the address."""
BURST: Final = 150
"""So many of them may follow each other at once."""

USUAL_REST_SECONDS: Final = 60.0
"""How long to leave a server alone that says "too many requests" and not for how long."""
LONGEST_REST_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class Rate:
    """So many requests in any minute, and so many of them at once."""

    a_minute: int
    burst: int

    def after(self, due: float, now: float, count: int = 1) -> float:
        """Return when the next request is due, if all were evenly spread, once ``count`` more are sent."""
        return max(due, now) + count * 60.0 / (self.a_minute - self.burst)

    def wait(self, due_after: float, now: float) -> float:
        """Return how many seconds to wait before the last of the requests that led to ``due_after``."""
        return max(0.0, due_after - self.burst * 60.0 / (self.a_minute - self.burst) - now)


REQUESTS: Final = Rate(REQUESTS_A_MINUTE, BURST)
HINTS: Final = Rate(90, 30)
"""Single records that Data Entry Triggers wake a sync for; of more, the next sync reads them in batches."""


MOST_AHEAD_SECONDS: Final = 2 * LONGEST_REST_SECONDS
"""No moment that the rate needs lies further ahead."""


def plausible(moment: float, now: float) -> float:
    """Return a moment that others noted; 0 if it lies so far ahead that their clock must have been wrong.

    One computer whose clock is a day ahead, an administrator's perhaps, must not stop all for a day.

    :param moment: seconds since 1970, as ``now``.
    """
    return moment if moment <= now + MOST_AHEAD_SECONDS else 0.0


class Pace(Protocol):
    """Lets requests through, one by one."""

    def wait(self) -> None:
        """Return when the next request may be sent. :raises Unavailable: that would take too long."""

    def rest(self, seconds: float, *, banned: bool = False) -> None:
        """Send nothing for some seconds: the server has said so."""


class Throttle:
    """The pace of one project alone.

    :param clock: seconds that never go back.
    :param sleep: waits, given seconds.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock, self._sleep = clock, sleep
        self._due = self._rests_until = 0.0

    def wait(self) -> None:
        """Return when the next request may be sent."""
        now = self._clock()
        self._due = REQUESTS.after(self._due, now)
        seconds = max(REQUESTS.wait(self._due, now), self._rests_until - now)
        if seconds > 0:
            self._sleep(seconds)

    def rest(self, seconds: float, *, banned: bool = False) -> None:
        """Send nothing for some seconds; whoever is banned is told by an error in any case."""
        if not banned:
            self._rests_until = max(self._rests_until, self._clock() + seconds)


def rest_of(retry_after: str, now: datetime) -> float:
    """Return for how many seconds a server wants to be left alone, by its Retry-After (RFC 9110, 10.2.3).

    :param retry_after: seconds, or a date; `USUAL_REST_SECONDS` if it is neither.
    :param now: aware.
    """
    seconds = USUAL_REST_SECONDS
    if retry_after.strip().isdecimal():
        seconds = float(retry_after)
    else:
        with suppress(ValueError):
            seconds = (parsedate_to_datetime(retry_after).astimezone(UTC) - now).total_seconds()
    return min(max(seconds, 1.0), LONGEST_REST_SECONDS)
