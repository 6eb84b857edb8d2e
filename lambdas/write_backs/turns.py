"""Whose turn it is at a REDCap project: it is asked by one at a time, also to be told something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from lambdas.redcap.refusals import BAN_SECONDS, Banned
from lambdas.sources.definition import SourceDefinition
from lambdas.store.sources import SourceStore
from lambdas.sync.connect import Outside
from shared.errors import Unavailable

FIRST_PAUSE_SECONDS: Final = 15
CLOSED_PAUSE_SECONDS: Final = 900

TURN_SECONDS: Final = 120.0
"""How long a turn lasts at most: as long as the function itself."""

TURN_TRIES: Final = 10
"""How often, a second apart, a turn is asked for before it is left to a later message."""


class NotYet(Unavailable):
    """REDCap was not asked: it is another's turn, or not the time. Not counted as a try.

    :param seconds: when to try again.
    """

    def __init__(self, what: str, seconds: float, *, where: str) -> None:
        super().__init__(what, where=where)
        self.seconds = seconds


class Turns:
    """Turns at all sources, by the lease that a source's sync takes."""

    def __init__(self, sources: SourceStore, outside: Outside) -> None:
        self._sources, self._now = sources, outside.now
        self._new_id, self._sleep = outside.new_id, outside.sleep

    def check_open(self, definition: SourceDefinition) -> None:
        """Raise `NotYet` if a source's project may not be asked now."""
        now, where = self._now(), f"source {definition.id}"
        banned_until = self._sources.state(definition.id).banned_until
        if banned_until > now:
            raise NotYet(
                "REDCap has banned this address; waiting",
                banned_until - now,
                where=where,
            )
        if not definition.enabled:
            raise NotYet("the source is not enabled", CLOSED_PAUSE_SECONDS, where=where)
        if not definition.open_at(datetime.fromtimestamp(now, UTC)):
            raise NotYet("it is outside the operating window", CLOSED_PAUSE_SECONDS, where=where)

    @contextmanager
    def turn(self, source_id: str) -> Iterator[str]:
        """Have REDCap to ourselves; yield our name. A ban in our turn holds for everybody."""
        owner = self._new_id()
        for _ in range(TURN_TRIES):
            # Not noted as a run of the source, or a busy scanner would put its next sync off again and again.
            if self._sources.acquire(source_id, owner, now=self._now(), seconds=TURN_SECONDS, noted=False):
                break
            self._sleep(1)
        else:
            raise NotYet("its sync is running", FIRST_PAUSE_SECONDS, where=f"source {source_id}")
        try:
            yield owner
        except Banned:
            state = self._sources.state(source_id)
            until = self._now() + BAN_SECONDS
            self._sources.save_state(source_id, owner, state.model_copy(update={"banned_until": until}))
            raise
        finally:
            self._sources.release(source_id, owner)
