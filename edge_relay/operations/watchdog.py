"""The relay asking itself, over DICOM, whether it still answers: health is proven by traffic, not by state.

The self-query connects to the relay's own port, as a scanner would: C-ECHO, then a C-FIND that no item can
match. Only when both have been answered is systemd told that we are alive; a relay that hangs stops telling
it, and is started anew.

Alive is not the same as ready. A relay whose cloud is away goes on serving scanners, and one that has not
been given a worklist yet answers the C-FIND with a failure status (A700): both are alive, and starting them
anew would help nobody. So any DIMSE status of the C-FIND counts as an answer. A status other than success is
shown as a problem, but for A700: its cause is shown already. No answer, a refused or an aborted association,
an echo that fails: the relay has not answered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from edge_relay.client import scu
from edge_relay.health.report import SELF_QUERY, Health
from edge_relay.operations.systemd_notify import Notifier
from shared.errors import MwlError, Rejected

log = logging.getLogger(__name__)

DEFAULT_INTERVAL_SECONDS: Final = 30.0
SELF_QUERY_TIMEOUT_SECONDS: Final = 5.0
_PARTS: Final = 3  # of the time systemd allows: one late or failed self-query is not the end
_NO_PATIENT: Final = "mwl-relay self-query"  # no participant has this id
_OUT_OF_RESOURCES: Final = "A700"
_LOG_EVERY_SECONDS: Final = 300.0


def ask(peer: scu.Peer) -> str:
    """Send an echo and a query that matches nobody; return what is wrong with the answers, or nothing.

    :raises MwlError: if it does not answer.
    """
    scu.echo(peer)
    try:
        scu.find(peer, scu.worklist_query(patient_id=_NO_PATIENT))
    except Rejected as error:
        return "" if _OUT_OF_RESOURCES in error.what else error.what
    return ""


def interval(watchdog_seconds: float | None, wanted: float = DEFAULT_INTERVAL_SECONDS) -> float:
    """Return how often to ask, in seconds: never less often than twice in what systemd allows."""
    return wanted if watchdog_seconds is None else min(wanted, watchdog_seconds / _PARTS)


class Watchdog:
    """A thread that asks every so often, tells `Health`, and tells systemd after each success.

    :param self_query: asks once; returns a complaint or nothing, raises if there is no answer. See `ask`.
    :param describe: says in one line how the relay is, for ``systemctl status``.
    :param seconds: between two questions; see `interval`.
    :param after: called after each question, whatever came of it.
    """

    def __init__(
        self,
        self_query: Callable[[], str],
        health: Health,
        notifier: Notifier,
        describe: Callable[[], str],
        *,
        seconds: float = DEFAULT_INTERVAL_SECONDS,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self._self_query: Final = self_query
        self._health: Final = health
        self._notifier: Final = notifier
        self._describe: Final = describe
        self._seconds: Final = seconds
        self._after: Final = after
        self._stopped: Final = threading.Event()
        self._logged: float | None = None
        self._thread: Final = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin, with a first question at once."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Ask no more; return whether the thread has ended within the timeout (s)."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def check(self) -> bool:
        """Ask once, and tell who needs to know; return whether there was an answer."""
        began = monotonic()
        try:
            complaint = self._self_query()
        except Exception as error:  # noqa: BLE001  whatever it was, the relay has not been seen to answer
            self._failed(str(error) if isinstance(error, MwlError) else type(error).__name__)
            return False
        if complaint:
            self._failed(complaint)
        else:
            self._answered(monotonic() - began)
        self._notifier.alive(self._describe())
        return True

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            # After a failure sooner, so that systemd hears of a success while it still waits for one.
            pause = self._seconds if self.check() else self._seconds / _PARTS
            self._after()

    def _answered(self, seconds: float) -> None:
        self._health.self_query_answered(seconds)
        if self._logged is not None:
            log.info("the self-query is answered again")
            self._logged = None

    def _failed(self, sentence: str) -> None:
        if self._stopped.is_set():
            return  # the port was closed under it
        self._health.failed(SELF_QUERY, sentence, forbidden=False)
        if self._logged is None or monotonic() - self._logged >= _LOG_EVERY_SECONDS:
            log.warning("the self-query failed: %s", sentence)
            self._logged = monotonic()
