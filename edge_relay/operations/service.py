"""The operators' side of a running relay: status page, watchdog, messages to the service manager.

None of it may keep scanners from being served. A status page whose port is taken is a log line and a problem
that the status names, not a reason to stop.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from edge_relay.client.scu import Peer
from edge_relay.config import StatusSettings
from edge_relay.health import status
from edge_relay.health.report import STATUS_PAGE, Health, HealthReport
from edge_relay.health.words import one_line
from edge_relay.operations import watchdog
from edge_relay.operations.status_page import Sources, StatusPage
from edge_relay.operations.status_socket import StatusSocket
from edge_relay.operations.systemd_notify import Notifier
from shared.worklist_item import WorklistItem

log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 1.0
_MARGIN_SECONDS: Final = 5.0


class Running(Protocol):
    """What is needed of a relay that has started; `edge_relay.relay.Relay` is one."""

    @property
    def health(self) -> Health:
        """What its threads report to."""

    def report(self) -> HealthReport:
        """Return how it is now."""

    def write_health(self) -> None:
        """Put that where ``mwl-relay status`` looks for it; never raises for a disk that fails."""

    def own_peer(self, timeout_seconds: float) -> Peer:
        """Return how to call it from this machine, under its own AE title."""

    def seen_by(self, ae_title: str) -> Iterable[WorklistItem] | None:
        """Return what a scanner would be shown now, None if it is not known; safe to call from any thread."""


class Operations:
    """Starts and stops with a relay, on the same state folder."""

    def __init__(self, relay: Running, settings: StatusSettings, state_dir: Path, notifier: Notifier) -> None:
        self._relay: Final = relay
        self._settings: Final = settings
        self._state_dir: Final = state_dir
        self._notifier: Final = notifier
        self._page: StatusPage | None = None
        self._socket: StatusSocket | None = None
        self._watchdog: Final = watchdog.Watchdog(
            self._ask,
            relay.health,
            notifier,
            self._describe,
            seconds=watchdog.interval(notifier.watchdog_seconds),
            after=relay.write_health,
        )

    def start(self) -> None:
        """Call this once scanners can connect."""
        self._socket = self._make_socket()
        if self._settings.port:
            self._page = self._make_page(self._settings)
        self._notifier.ready(self._describe())
        self._watchdog.start()

    def stopping(self, seconds: float) -> None:
        """Call this before the relay stops, which may take so many seconds."""
        self._notifier.stopping(seconds + _STOP_SECONDS + _MARGIN_SECONDS)
        self._watchdog.stop(0)  # the port is about to close: what it asks now need not be answered

    def stop(self) -> bool:
        """Call this after the relay has stopped; return whether everything here has ended too."""
        if self._page is not None:
            self._page.stop()
        if self._socket is not None:
            self._socket.stop()
        return self._watchdog.stop(_STOP_SECONDS)

    @property
    def page_address(self) -> tuple[str, int] | None:
        """Where the status page is, None if there is none."""
        return self._page.address if self._page else None

    def _make_socket(self) -> StatusSocket | None:
        try:
            made = StatusSocket(self._state_dir, self._look)
        except OSError as error:
            log.warning("mwl-relay status has to do with a file: no socket (%s)", error.strerror or error)
            return None
        made.start()
        return made

    def _make_page(self, settings: StatusSettings) -> StatusPage | None:
        sources = Sources(self._look, self._relay.health.traffic, self._relay.seen_by)
        try:
            page = StatusPage(settings.host, settings.port, sources, show_names=settings.show_names)
        except OSError as error:
            sentence = f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
            log.warning("no status page: it %s (see status.port and status.host)", sentence)
            self._relay.health.failed(STATUS_PAGE, sentence, forbidden=False)
            return None
        page.start()
        return page

    def _look(self) -> status.RelayStatus:
        report = self._relay.report()
        return status.look(self._state_dir, report.written_at, report)

    def _describe(self) -> str:
        return one_line(self._look().problems)

    def _ask(self) -> str:
        return watchdog.ask(self._relay.own_peer(watchdog.SELF_QUERY_TIMEOUT_SECONDS))
