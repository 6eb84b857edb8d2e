"""The running relay: everything wired together, started and stopped in order.

Start: cache and journal, the DICOM port (scanners are served from the cache at once), then the loops.
Stop: the loops, the port and its associations, the files; never longer than the time allowed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from edge_relay import health, scp, sync
from edge_relay.cache import Cache
from edge_relay.cloud import Cloud, make_client
from edge_relay.config import Settings
from edge_relay.identity import Clock, Identity
from edge_relay.journal import Journal
from edge_relay.pynetdicom_tuning import quiet
from shared.errors import Conflict, Unavailable

log = logging.getLogger(__name__)

CACHE_FILE: Final = "cache.db"
JOURNAL_FILE: Final = "journal.db"
HEALTH_FILE: Final = "health.json"
_LOCK_FILE: Final = "relay.lock"


@dataclass(frozen=True)
class Surroundings:
    """What comes from outside, so that tests can bring their own.

    :param clock: the cloud's time.
    :param new_uuid: random UUIDs.
    :param chance: jitter.
    """

    clock: Clock
    new_uuid: Callable[[], UUID] = uuid4
    chance: random.Random = random.SystemRandom()  # noqa: RUF009  (it has no state)


class Relay:
    """One relay, in one process, on one state folder. A context manager: entering starts it.

    :raises Conflict: if another process uses the state folder.
    :raises OSError: from starting, if the port is taken.
    """

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        state_dir: Path,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._settings: Final = settings
        self._identity: Final = identity
        self._state_dir: Final = state_dir
        self._outside: Final = surroundings or Surroundings(Clock())
        self._lock: int | None = None
        self._health_lock: Final = threading.Lock()

    def __enter__(self) -> Relay:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the files and the port, and begin."""
        quiet()
        self._lock = _lock(self._state_dir / _LOCK_FILE)
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            self._lock = None
            raise
        self._server.start()
        self._push.start()
        self._pull.start()

    def _open(self) -> None:
        relay, clock = self._settings.relay, self._outside.clock
        self.health = health.Health(clock.now)
        self.cache = Cache(self._state_dir / CACHE_FILE)
        self.journal = Journal(self._state_dir / JOURNAL_FILE, on_append=self._wake_push)
        services = scp.Services(
            self._settings, self.cache, self.journal, self.health, clock.now, self._outside.new_uuid
        )
        try:
            self._server = scp.listen(services)
        except OSError:
            self.journal.close()
            self.cache.close()
            raise
        self._clients: list[httpx.Client] = []
        feed, intake = self._cloud(), self._cloud()
        backoff = sync.Backoff(relay.retry_max_seconds, relay.forbidden_retry_seconds, self._outside.chance)
        wiring: dict[str, Any] = {
            "interval": relay.pull_interval_seconds,
            "backoff": backoff,
            "health": self.health,
            "after": self._write_health,
        }
        self._pull = sync.Loop("pull", self._pull_pass(feed), **wiring)
        self._push = sync.Loop("push", self._push_pass(intake), **wiring)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port scanners connect to."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    @property
    def site(self) -> str:
        """The site this relay serves."""
        return self._identity.enrolment.site

    def stop(self) -> bool:
        """Stop; return whether everything ended within the time allowed."""
        if self._lock is None:
            return True
        deadline = monotonic() + self._settings.relay.stop_timeout_seconds
        clean = self._server.stop(max(0.1, (deadline - monotonic()) / 2))
        for client in self._clients:
            client.close()  # ends a call that is under way
        for loop in (self._pull, self._push):
            clean = loop.stop(max(0.1, deadline - monotonic())) and clean
        self.journal.close()
        self.cache.close()
        os.close(self._lock)
        self._lock = None
        return clean

    def _cloud(self) -> Cloud:
        # One client a loop: a slow pull must not hold up a push.
        relay = self._settings.relay
        client = make_client(relay.cloud_url, relay.cloud_timeout_seconds)
        self._clients.append(client)
        return Cloud(client, self._identity, self._outside.clock, lambda: self._outside.new_uuid().hex)

    def _pull_pass(self, feed: Cloud) -> Callable[[], bool]:
        def one_pass() -> bool:
            outcome = sync.pull_once(feed, self.cache, self.journal, self._settings.relay.page_size)
            if outcome.unreadable:
                log.warning(
                    "%d items cannot be read: is the cloud newer than this relay?", outcome.unreadable
                )
            return False

        return one_pass

    def _push_pass(self, intake: Cloud) -> Callable[[], bool]:
        def one_pass() -> bool:
            outcome = sync.push_once(intake, self.journal, self._settings.relay.push_batch)
            if outcome.parked:
                log.warning("%d events were refused for good: see mwl-relay list --parked", outcome.parked)
            if outcome.unanswered:
                raise Unavailable(f"the cloud left {outcome.unanswered} events unanswered")
            return bool(outcome.delivered or outcome.parked)

        return one_pass

    def _wake_push(self) -> None:
        self._push.wake()

    def _write_health(self) -> None:
        host, port = self.address
        try:
            with self._health_lock:
                health.write_report(self._state_dir / HEALTH_FILE, self.health.report(f"{host}:{port}"))
        except OSError as error:
            log.warning("the health file cannot be written (%s)", error.strerror)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Conflict("another relay is running on this state folder", where=str(path.parent)) from None
    return descriptor
