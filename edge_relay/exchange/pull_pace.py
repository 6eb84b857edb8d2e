"""How often the relay asks for changes: as the cloud says, within the settings' bounds.

The cloud knows when a site opens, what is booked and what has just changed; `shared.feed.POLL_INTERVAL` says
what comes of it. It knows nothing of who stands at a scanner: whoever asks the relay, or reports to it, makes
it ask often again, at once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import Lock
from typing import Final, Protocol

ACTIVE_SECONDS: Final = 1800.0
"""How long a scanner's request makes the relay ask often."""

_SHARE: Final = 0.25
"""Of the age at which a worklist is old: so often the relay asks, whatever the cloud says."""


class Limits(Protocol):
    """What the settings say; `edge_relay.config.RelaySettings` is one."""

    @property
    def pull_interval_seconds(self) -> float:
        """The shortest pause."""

    @property
    def slowest_pull_seconds(self) -> float:
        """The longest pause."""

    @property
    def max_worklist_age_hours(self) -> float:
        """When a worklist is old; 0: it never is."""


class PullPace:
    """The time between two pulls; safe to use from all threads.

    :param asked: for how many seconds the cloud said there is no need to ask again.
    :param elapsed: seconds, only ever forward.
    """

    def __init__(self, limits: Limits, asked: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._fastest: Final = limits.pull_interval_seconds
        age_limit = limits.max_worklist_age_hours * 3600 * _SHARE or inf
        self._slowest: Final = min(limits.slowest_pull_seconds, age_limit)
        self._asked: Final = asked
        self._elapsed: Final = elapsed
        self._lock: Final = Lock()
        self._active_at = -inf
        self._seconds = self._fastest

    @property
    def seconds(self) -> float:
        """How many seconds may pass between the last pull and the next."""
        return self._seconds

    def next_pause(self) -> float:
        """Return for how many seconds to wait, after a pull that worked."""
        with self._lock:
            active = self._elapsed() - self._active_at < ACTIVE_SECONDS
            self._seconds = self._fastest if active else self._admitted(self._asked())
            return self._seconds

    def scanner_asks(self) -> bool:
        """Note that a scanner asks or reports; tell whether the relay is asking slowly until now."""
        with self._lock:
            self._active_at = self._elapsed()
            was_slow = self._seconds > self._fastest
            self._seconds = self._fastest
            return was_slow

    def _admitted(self, seconds: float) -> float:
        """Return the pause for which the cloud asked, as far as the settings admit it."""
        return max(self._fastest, min(seconds, self._slowest))
