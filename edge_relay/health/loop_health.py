"""How one part of the relay goes, that works or fails by itself: as it is kept, and as it is told.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class LoopHealth(BaseModel):
    """How a part goes; ``failure`` is empty while it works; ``forbidden``: we are refused."""

    model_config = ConfigDict(frozen=True)

    succeeded_at: datetime | None = None
    failing_since: datetime | None = None
    failure: str = ""
    forbidden: bool = False


class LoopTimes(NamedTuple):
    """As `LoopHealth`, with seconds of a clock that nobody can set."""

    succeeded: float | None = None
    failing_since: float | None = None
    failure: str = ""
    forbidden: bool = False

    def told(self, at: Callable[[float], datetime]) -> LoopHealth:
        """Return it with times.

        :param at: the time of a moment.
        """
        return LoopHealth(
            succeeded_at=None if self.succeeded is None else at(self.succeeded),
            failing_since=None if self.failing_since is None else at(self.failing_since),
            failure=self.failure,
            forbidden=self.forbidden,
        )
