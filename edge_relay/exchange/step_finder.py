"""Asks the cloud for steps that this relay does not know: begun at another relay, or lost by a restore.

A scanner waits for the answer, so the time is short, few may wait, and after a call that failed nobody is
asked for a while. A step that was found is in the journal when the scanner's message is looked at again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import Full, Queue
from threading import Thread
from typing import Final, Protocol

from edge_relay.mpps.journal import Journal
from shared.errors import MwlError
from shared.steps.procedure_step import ProcedureStepEvent

log = logging.getLogger(__name__)

ASK_SECONDS: Final = 3.0
"""How long one call may take: scanners wait some ten seconds for an answer."""

_MOST_WAITING: Final = 8
_PAUSE_SECONDS: Final = 5.0


class Knowing(Protocol):
    """What is needed of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def recorded(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        """Return what is recorded of a step of this relay's site; nothing if it is not known."""


class StepFinder:
    """Looks steps up, one after the other, on a thread of its own.

    :param clock: seconds, only ever forward.
    """

    def __init__(self, cloud: Knowing, journal: Journal, clock: Callable[[], float]) -> None:
        self._cloud: Final = cloud
        self._journal: Final = journal
        self._clock: Final = clock
        self._waiting: Final[Queue[tuple[str, Callable[[], None]] | None]] = Queue(_MOST_WAITING)
        self._paused_until = clock()
        self._thread: Final = Thread(target=self._run, name="step-finder", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Look up what is waiting, and end; return whether that was done within the time, in seconds."""
        if self._thread.ident is not None:
            self._waiting.put(None)
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def look_up(self, sop_instance_uid: str, done: Callable[[], None]) -> bool:
        """Look for a step, and call ``done`` in any case; False if that is not possible at the moment."""
        if self._clock() < self._paused_until or not self._thread.is_alive():
            return False
        try:
            self._waiting.put_nowait((sop_instance_uid, done))
        except Full:
            return False
        return True

    def _run(self) -> None:
        while asked := self._waiting.get():
            uid, done = asked
            try:
                if self._clock() >= self._paused_until:
                    self._journal.give_back(self._cloud.recorded(uid))
            except Exception as error:  # noqa: BLE001  the scanner is answered by what is known here
                self._paused_until = self._clock() + _PAUSE_SECONDS
                said = (
                    str(error) if isinstance(error, MwlError) else f"internal fault: {type(error).__name__}"
                )
                log.warning("a step could not be looked up in the cloud: %s", said)
            finally:
                done()
