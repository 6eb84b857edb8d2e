"""Whether two machines use one relay's identity: a copied state folder, or a backup put into service twice.

A relay names each of its runs by a random id, in every heartbeat. A restart brings a new id, and the old one
never comes back. If it does, two run at once. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

_REMEMBERED: Final = 8
TOLD_FOR: Final = timedelta(minutes=15)
"""How long after the last sign of it the relays are told."""


class RelayRuns(BaseModel):
    """The latest runs of a relay, the last heard of at the end.

    :param shared_at: when a run was heard of again after another; None if that never happened.
    """

    model_config = ConfigDict(frozen=True)

    runs: tuple[str, ...] = ()
    shared_at: AwareDatetime | None = None

    def heard(self, run: str, now: datetime) -> RelayRuns:
        """Return what is known after a heartbeat; an older relay names no run, and tells nothing.

        :param now: aware.
        """
        if not run or self.runs[-1:] == (run,):
            return self
        others = tuple(each for each in self.runs if each != run)
        shared_at = now if run in self.runs else self.shared_at
        return RelayRuns(runs=(*others, run)[-_REMEMBERED:], shared_at=shared_at)

    def is_shared(self, now: datetime) -> bool:
        """Tell whether two machines have used the identity lately.

        :param now: aware.
        """
        return self.shared_at is not None and now - self.shared_at <= TOLD_FOR
