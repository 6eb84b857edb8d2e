"""The loop that does an exchange with the cloud again and again: timer, backoff, and log lines.

An exchange does its work once (`pull_once`, `push_once`, `heartbeat_once`), and raises what went wrong. Logs
are rate-limited: the first failure of a row, then one line every few minutes, and one when it works again.
"""

from __future__ import annotations

import logging
import random
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Final

from edge_relay.exchange.answers import Ended
from edge_relay.health.report import Health
from shared.errors import Forbidden, MwlError
from shared.text.quantity import quantity

log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS: Final = 1.0
_LOG_EVERY_SECONDS: Final = 300.0

Exchange = Callable[[], bool]
"""Does its work once; returns True if there is more to do at once, and raises what went wrong."""


class Backoff:
    """Pauses between attempts: doubling from one second to a ceiling, each drawn from its upper half.

    The jitter keeps the relays of a site from knocking all at once when the cloud comes back.
    """

    def __init__(self, longest_seconds: float, forbidden_seconds: float, chance: random.Random) -> None:
        self._longest: Final = longest_seconds
        self._forbidden: Final = forbidden_seconds
        self._chance: Final = chance

    def pause(self, failures: int, error: Exception) -> float:
        """Return how many seconds to wait after the given number of failures in a row (at least 1).

        What the other side asked us to wait is waited, but no longer than a refused relay would: a proxy may
        ask for days.
        """
        exponential = _FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 30)
        ceiling = self._forbidden if isinstance(error, Forbidden) else min(self._longest, exponential)
        asked = min(getattr(error, "retry_after", 0.0), max(self._forbidden, self._longest))
        return max(asked, ceiling * self._chance.uniform(0.5, 1.0))


class Loop:
    """Does one exchange again and again in a thread of its own, whatever happens, until stopped.

    :param exchange: does the work; returns True if there is more to do at once, raises if it failed.
    :param interval: seconds between exchanges if there is nothing more to do; or what says how many, after
        each of them.
    :param after: called after every exchange.
    :param gather: seconds to wait before an exchange there is work for, so that it does for what else comes.
    """

    def __init__(
        self,
        name: str,
        exchange: Exchange,
        interval: float | Callable[[], float],
        backoff: Backoff,
        health: Health,
        after: Callable[[], None] = lambda: None,
        gather: float = 0.0,
    ) -> None:
        self._name: Final = name
        self._exchange: Final = exchange
        self._interval: Final = interval if callable(interval) else lambda: interval
        self._backoff: Final = backoff
        self._health: Final = health
        self._after: Final = after
        self._gather: Final = gather
        self._stopping: Final = threading.Event()
        self._woken: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        self._failures = 0
        self._complained_at = 0.0

    def start(self) -> None:
        """Begin, with an exchange at once."""
        self._thread.start()

    def wake(self) -> None:
        """Do the next exchange now; while the last one failed, its pause is kept."""
        self._woken.set()

    def stop(self, timeout: float) -> bool:
        """Ask the loop to end; return whether it has within the time given, in seconds."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            pause = self._step()
            if self._failures:
                self._stopping.wait(pause)
            elif not pause or self._woken.wait(pause):
                self._stopping.wait(self._gather)

    def _step(self) -> float:
        try:
            more = self._exchange()
        except Ended:
            return self._interval()
        except Exception as error:  # noqa: BLE001  the loop must outlive every surprise; it is shown, and retried
            pause = self._failed(error)
        else:
            self._succeeded()
            pause = 0.0 if more else self._interval()
        self._after()
        return pause

    def _succeeded(self) -> None:
        if self._failures:
            log.info("%s works again after %s", self._name, quantity(self._failures, "failure"))
        self._failures = 0
        self._health.succeeded(self._name)

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        sentence = str(error) if isinstance(error, MwlError) else f"internal fault: {type(error).__name__}"
        self._health.failed(self._name, sentence, forbidden=isinstance(error, Forbidden))
        if self._failures == 1 or monotonic() - self._complained_at > _LOG_EVERY_SECONDS:
            self._complained_at = monotonic()
            # The traceback of a surprise is worth having; its message could hold data, so it is not logged.
            where = "" if isinstance(error, MwlError) else _last_place(error)
            log.warning("%s failed (%d in a row): %s%s", self._name, self._failures, sentence, where)
        return self._backoff.pause(self._failures, error)


def _last_place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
