"""The time by the cloud's clock. Whether it is known, and how wrong this machine's own clock is.

Until the cloud has answered, this machine's clock is all there is. Then the cloud's time counts, carried on
by a clock that nobody can set: a jump of the machine's own changes nothing any more.

An answer proves the time only if the cloud made it. What proves that: it accepted a token, and a token is
good for a minute. So a ``Date`` is taken only from an answer to an accepted token, and only if it fits the
time in that token: a proxy that stamps its own date on everything is not believed. If our clock is so wrong
that no token is accepted, the cloud's own 401 proposes a time; it counts for the next token, and for nothing
else until that token has been accepted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from edge_relay.clock.boot import seconds_since_boot

log = logging.getLogger(__name__)

_NOISE: Final = timedelta(seconds=2)  # a Date header has whole seconds
_FITS: Final = timedelta(seconds=90)  # how far from its own time the cloud may accept a token, and then some
TOLERATED: Final = timedelta(seconds=60)
"""How wrong this machine's clock may be before anybody is told."""


class Clock:
    """The time by the cloud's clock, as far as it is known; safe to use from many threads.

    :param wall: this machine's time: aware, UTC.
    :param elapsed: seconds, only ever forward.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        elapsed: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self._wall: Final = wall
        self._elapsed: Final = elapsed
        self._lock: Final = threading.Lock()
        self._origin: datetime | None = None
        self._proposed: datetime | None = None
        self._doubted = False

    def now(self) -> datetime:
        """Return the time: aware, UTC."""
        origin = self._origin
        return self._wall() if origin is None else origin + timedelta(seconds=self._elapsed())

    @property
    def known(self) -> bool:
        """Whether the cloud has told the time since the start."""
        return self._origin is not None

    @property
    def offset(self) -> timedelta:
        """How far the cloud's clock is ahead of this machine's."""
        return self.now() - self._wall()

    @property
    def problem(self) -> str:
        """What is wrong with this machine's clock, in words; empty if nothing is known to be."""
        offset = self.offset
        if not self.known or abs(offset) <= TOLERATED:
            return ""
        return f"it is {_words(offset)} the cloud's; the cloud's time is used: set this machine's clock"

    def token_time(self) -> datetime:
        """Return the time to put into a token: the proposed one, if there is one."""
        proposed = self._proposed
        return self.now() if proposed is None else proposed + timedelta(seconds=self._elapsed())

    def propose(self, cloud_time: datetime | None) -> None:
        """Take note of the time in a 401 of the cloud's own; None withdraws what was proposed."""
        with self._lock:
            self._proposed = None if cloud_time is None else self._origin_of(cloud_time)

    def accepted(self, token_time: datetime, cloud_time: datetime) -> None:
        """Take note that the cloud accepted a token of a time, in an answer that says which time it is."""
        fits = abs(cloud_time - token_time) <= _FITS
        with self._lock:
            proposed, self._proposed = self._proposed, None
            if fits:
                self._doubted = False
                self._take_over(self._origin_of(cloud_time))
                return
            if proposed is not None:  # the token is proof enough, whatever was written over the answer's date
                self._take_over(proposed)
        if not self._doubted:
            log.warning("an answer's date is not the cloud's time: does a proxy change it? It is ignored")
            self._doubted = True

    def _take_over(self, origin: datetime) -> None:
        before = self.now()
        after = origin + timedelta(seconds=self._elapsed())
        jump = after - before
        if self._origin is not None and abs(jump) <= _NOISE:
            return
        if abs(jump) <= _NOISE:
            origin = self._origin_of(before)
        self._origin = origin
        if abs(jump) > TOLERATED:
            log.warning("the time is corrected: this relay's clock was %s the cloud's", _words(jump))

    def _origin_of(self, moment: datetime) -> datetime:
        return moment - timedelta(seconds=self._elapsed())


def _words(offset: timedelta) -> str:
    seconds = abs(offset).total_seconds()
    side = "behind" if offset > timedelta() else "ahead of"
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 1.9 * size:
            return f"{seconds / size:.0f} {unit} {side}"
    return f"{seconds:.0f} seconds {side}"
