"""The simulator's clock: any callable that tells the time, and a hand that moves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Now = Callable[[], datetime]


def system_now() -> datetime:
    """The machine's time, with a zone."""
    return datetime.now(UTC)


class SimClock:
    """`base()` plus what has been added by `advance` and `set`; always UTC."""

    def __init__(self, base: Now = system_now) -> None:
        self._base = base
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """The time now."""
        return self._base().astimezone(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Let it be `moment` now; the clock goes on from there."""
        if moment.tzinfo is None:
            raise ValueError("the moment needs a time zone")
        self._offset += moment - self()
