"""The running relay: everything wired together, started and stopped in order.

Start: cache and journal, the DICOM ports (scanners are served from the cache at once), then the loops.
Stop: the ports and what scanners are being answered, the step intake, the loops, the files; never longer
than the time allowed.
"""

from __future__ import annotations

import logging
import os
import random
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from importlib.metadata import version
from math import inf
from pathlib import Path
from ssl import SSLContext
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

import httpx

from edge_relay.client.scu import Peer
from edge_relay.clock.boot import boot_id, seconds_since_boot
from edge_relay.clock.cloud_clock import Clock
from edge_relay.config import Settings
from edge_relay.evidence.asking import images_loops
from edge_relay.exchange.cloud import Cloud
from edge_relay.exchange.heartbeat import RelaySide, health_for_cloud, heartbeat_exchange
from edge_relay.exchange.identity import Identity
from edge_relay.exchange.loop import Backoff, Loop
from edge_relay.exchange.pull import pull_exchange
from edge_relay.exchange.pull_pace import PullPace
from edge_relay.exchange.push import push_exchange
from edge_relay.exchange.redelivery import checked_push
from edge_relay.exchange.self_test import SelfTester
from edge_relay.exchange.shown import also_telling
from edge_relay.exchange.step_finder import ASK_SECONDS, StepFinder
from edge_relay.exchange.transport import make_client, ssl_context
from edge_relay.health import report as health
from edge_relay.health import status
from edge_relay.health.report_file import last_pull, write_report
from edge_relay.health.shown_items import ShownItems
from edge_relay.health.words import span
from edge_relay.mpps.event_times import Stamp
from edge_relay.mpps.intake import StepIntake
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.links import CachedWorklist
from edge_relay.services.admission import Admission
from edge_relay.services.ports import files_of, make_listener, make_tls
from edge_relay.services.profiles import Profiles
from edge_relay.services.scanner_view import Withheld, scanner_view
from edge_relay.services.scp import Scp, Services
from edge_relay.storage.folder_lock import lock
from edge_relay.storage.state_files import CACHE_FILE, HEALTH_FILE, JOURNAL_FILE, SHOWN_FILE
from edge_relay.upper_layer.pynetdicom_tuning import quiet
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.finding import check_profile
from shared.relay_health import RelayHealth
from shared.worklist_item import WorklistItem

log = logging.getLogger(__name__)

_VERSION: Final = version("mwl-relay")
_LOCK_FILE: Final = "relay.lock"
_OWN_SECONDS: Final = 10.0  # for an answer of its own DICOM port
_GATHER_SECONDS: Final = 0.1  # a scanner's reports come in pairs, and many scanners' at once
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  how to call who listens everywhere


class CannotListen(OSError):
    """A DICOM port is taken, or is not ours to take."""


class MakeUuid(Protocol):
    """Makes random UUIDs."""

    def __call__(self) -> UUID:
        """Return one never made before."""


@dataclass(frozen=True)
class Surroundings:
    """What comes from outside, so that tests can bring their own.

    :param clock: the cloud's time.
    :param new_uuid: random UUIDs.
    :param chance: jitter.
    """

    clock: Clock
    new_uuid: MakeUuid = uuid4
    chance: random.Random = random.SystemRandom()  # noqa: RUF009  (it has no state)


class Relay:
    """One relay, in one process, on one state folder. A context manager: entering starts it.

    :raises AlreadyExists: if another process uses the state folder.
    :raises Rejected: from starting, if the TLS files cannot be used.
    :raises CannotListen: from starting, if a port is taken.
    :raises OSError, sqlite3.Error: from starting, if the state folder cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        state_dir: Path,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._settings = settings
        self._identity: Final = identity
        self._state_dir: Final = state_dir
        self._outside: Final = surroundings or Surroundings(Clock())
        # Where the machine's own name for its start is hidden, this process's has to do.
        self._boot: Final = boot_id() or self._outside.new_uuid().hex
        self._lock: int | None = None
        self._disk_trouble = ""
        self._health_lock: Final = Lock()
        self._clients: Final[list[httpx.Client]] = []
        self._trusted: Final = ssl_context(settings.relay.client_certificate)

    def __enter__(self) -> Relay:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the files and the ports, and begin."""
        quiet()
        self._lock = lock(self._state_dir / _LOCK_FILE)
        try:
            self._tls = make_tls(self._settings)
            self._open_state()
            self._open_ports()
        except BaseException:
            os.close(self._lock)
            self._lock = None
            raise
        self._loops = self._make_loops()
        self._step_finder.start()
        self._steps.start()
        self._listener.start()
        for loop in self._loops:
            loop.start()

    def stop(self) -> bool:
        """Stop; return whether everything ended within the time allowed."""
        if self._lock is None:
            return True
        deadline = monotonic() + self._settings.relay.stop_timeout_seconds
        clean = self._listener.stop(max(0.1, (deadline - monotonic()) / 2))
        clean = self._steps.stop(max(0.1, deadline - monotonic())) and clean
        for client in self._clients:
            client.close()  # ends a call that is under way
        clean = self._step_finder.stop(max(0.1, deadline - monotonic())) and clean
        for loop in self._loops:
            clean = loop.stop(max(0.1, deadline - monotonic())) and clean
        self.write_health()
        self._close_state()
        os.close(self._lock)
        self._lock = None
        return clean

    @property
    def address(self) -> tuple[str, int]:
        """The host and port scanners connect to; the plain one, if there are two."""
        return self._listener.addresses[0]

    @property
    def tls_address(self) -> tuple[str, int] | None:
        """The host and port of DICOM over TLS, None if there is none."""
        return self._listener.addresses[-1] if self._tls else None

    @property
    def site(self) -> str:
        """The site this relay serves."""
        return self._identity.enrolment.site

    def report(self) -> health.HealthReport:
        """Return how the relay is now."""
        self._note_files()
        plain, tls = self._is_plain(), self.tls_address
        addresses = [f"{self.address[0]}:{self.address[1]}"] if plain else []
        addresses += [f"TLS {tls[0]}:{tls[1]}"] if tls else []
        return self.health.report(
            ", ".join(addresses),
            ae_title=self._settings.relay.ae_title,
            site=self.site,
            version=_VERSION,
            titles=[profile.ae_title for profile in self.profiles.all()],
            withheld=self._withheld(),
            pull_seconds=self._pace.seconds + self._settings.relay.cloud_timeout_seconds,
        )

    def write_health(self) -> None:
        """Put the report where ``mwl-relay status`` looks for it; a disk that fails is a log line."""
        try:
            with self._health_lock:
                write_report(self._state_dir / HEALTH_FILE, self.report())
            trouble = ""
        except OSError as error:
            trouble = f"{HEALTH_FILE}: {error.strerror}"
        if trouble and trouble != self._disk_trouble:
            log.warning("the relay's folder cannot be written (%s)", trouble)
        self._disk_trouble = trouble
        self.health.note(health.DISK, trouble)

    def own_peer(self, timeout_seconds: float) -> Peer:
        """Return how to call this relay from its own machine, under its own AE title."""
        host, port = self.address
        title = self._settings.relay.ae_title
        return Peer(_ANY_ADDRESS.get(host, host), port, title, title, timeout_seconds, self._own_tls())

    def take_up(self, settings: Settings) -> None:
        """Go on with other settings, as far as they need no restart; see `edge_relay.operations.reloading`.

        :raises Rejected: the TLS files cannot be used; nothing was changed.
        """
        if self._tls is not None and settings.tls is not None:
            self._tls.take_up(files_of(settings.tls))
        self.profiles.take_up(settings)
        self._services.admission.take_up(settings.relay)
        self._settings = settings

    def seen_by(self, ae_title: str) -> Iterable[WorklistItem] | None:
        """Return what a scanner would be shown now, None if it is not known; safe from any thread."""
        profile = self.profiles.get(ae_title)
        if profile is None:
            return None
        cache, overlay = self._state_dir / CACHE_FILE, self.journal.overlay()
        return scanner_view(profile, self._settings.relay, self._today(), cache, overlay)

    def _open_state(self) -> None:
        relay, clock = self._settings.relay, self._outside.clock
        self.profiles = Profiles(self._settings, self._state_dir, check_profile)
        self.health = health.Health(
            clock.now,
            known=lambda title: title == relay.ae_title or self.profiles.get(title) is not None,
            elapsed=seconds_since_boot,
            pulled_before=last_pull(self._state_dir / HEALTH_FILE),
        )
        self.cache = Cache(self._state_dir / CACHE_FILE)
        self._reader = self.cache.reader()
        self._withheld_exams = Withheld(self.cache, self._state_dir / CACHE_FILE)
        self.journal = Journal(
            self._state_dir / JOURNAL_FILE, self._wake_push, stamp=self._stamp_now, boot=self._boot
        )
        self._shown = ShownItems(self._state_dir / SHOWN_FILE, clock.now, own=relay.ae_title)
        self._step_finder = StepFinder(self._cloud(ASK_SECONDS), self.journal, monotonic)
        self._steps = StepIntake(
            self.journal,
            CachedWorklist(self.cache),
            now=clock.now,
            new_uuid=self._outside.new_uuid,
            elsewhere=self._step_finder,
        )
        self._services = Services(
            admission=Admission(relay, self.profiles),
            worklist=self._reader,
            overlay=self.journal.overlay,
            steps=self._steps,
            health=self.health,
            today=self._today,
            shown=self._note_shown,
            old=self._old_worklist,
            refuse_old=lambda: self._settings.relay.old_worklist == "refuse",
        )

    def _open_ports(self) -> None:
        try:
            self._listener = make_listener(self._settings, Scp(self._services), self._tls)
        except OSError as error:
            self._close_state()
            raise CannotListen(*error.args) from error

    def _close_state(self) -> None:
        self._reader.close()
        self._shown.keep()
        self.journal.close()
        self.cache.close()

    def _make_loops(self) -> tuple[Loop, ...]:
        relay = self._settings.relay
        backoff = Backoff(relay.retry_max_seconds, relay.forbidden_retry_seconds, self._outside.chance)
        common: dict[str, Any] = {"backoff": backoff, "health": self.health, "after": self.write_health}
        retention = timedelta(days=relay.retain_delivered_days)
        now = self._outside.clock.now
        # One client a loop: a slow pull must not hold up a push.
        feed = self._cloud()
        self._pace = PullPace(relay, lambda: feed.quiet_seconds, monotonic)
        pull = pull_exchange(feed, self.cache, self.journal, relay.page_size)
        intake = self._cloud()
        pushing = push_exchange(intake, self.journal, relay.push_batch, retention, now)
        push = checked_push(pushing, intake, self.journal, self.cache)
        note = partial(self.health.note, "identity")
        side = RelaySide(self._outside.new_uuid().hex, note, self.journal, now)
        care = self._cloud()
        heartbeat = also_telling(
            heartbeat_exchange(care, self.profiles, self._health_for_cloud, side), care, self._shown
        )
        self._pull = Loop("pull", pull, self._pace.next_pause, **{**common, "after": self._pulled})
        self._push = Loop("push", push, relay.pull_interval_seconds, gather=_GATHER_SECONDS, **common)
        beat = relay.heartbeat_interval_seconds
        self._self_test = Loop("self_test", self._self_tester().exchange_once, beat, backoff, self.health)
        known = self.cache, self.journal.overlay, self.profiles.all, self._local_now
        images = images_loops(self._settings, self._cloud, *known, backoff, self.health)
        return self._push, self._self_test, self._pull, Loop("heartbeat", heartbeat, beat, **common), *images

    def _self_tester(self) -> SelfTester:
        return SelfTester(
            self._cloud(),
            self.cache,
            self.journal,
            lambda: self.own_peer(_OWN_SECONDS),
            now=self._outside.clock.now,
            local_now=self._local_now,
            new_uuid=self._outside.new_uuid,
        )

    def _pulled(self) -> None:
        self.write_health()
        self._self_test.wake()

    def _cloud(self, most_seconds: float = inf) -> Cloud:
        relay = self._settings.relay
        seconds = min(relay.cloud_timeout_seconds, most_seconds)
        client = make_client(relay.cloud_url, seconds, self._trusted)
        self._clients.append(client)
        new_id = lambda: self._outside.new_uuid().hex  # noqa: E731
        return Cloud(client, self._identity, self._outside.clock, new_id, seconds)

    def _health_for_cloud(self) -> RelayHealth:
        report = self.report()
        try:
            cursor = self.cache.bookmark().cursor
        except sqlite3.Error:
            cursor = ""  # the status says what is wrong with cache.db
        return health_for_cloud(status.look(self._state_dir, report.written_at, report), report, cursor)

    def _today(self) -> date:
        return self._local_now().date()

    def _local_now(self) -> datetime:
        return self._outside.clock.now().astimezone(self._settings.relay.zone)

    def _old_worklist(self) -> str:
        """Say how old the worklist is, if older than relay.max_worklist_age_hours lets it be."""
        hours = self._settings.relay.max_worklist_age_hours
        age = self.health.pull_age()
        return f"worklist is {span(age)} old: the cloud cannot be reached" if 0 < hours * 3600 < age else ""

    def _stamp_now(self) -> Stamp:
        clock = self._outside.clock
        return Stamp(clock.now(), self._boot, seconds_since_boot(), clock.known)

    def _withheld(self) -> dict[str, int]:
        relay, overlay = self._settings.relay, self.journal.overlay
        return self._withheld_exams.counts(self.profiles.all(), relay, self._today(), overlay)

    def _note_shown(self, ae_title: str, item_ids: Sequence[str]) -> None:
        self._shown.note(ae_title, item_ids)
        if ae_title != self._settings.relay.ae_title:
            self._somebody_scans()

    def _somebody_scans(self) -> None:
        if self._pace.scanner_asks():
            self._pull.wake()

    def _wake_push(self) -> None:
        self._push.wake()
        self._somebody_scans()

    def _note_files(self) -> None:
        self.health.note("journal", self.journal.problem)
        self.health.note(health.CLOCK, self._outside.clock.problem)
        if self._tls is not None:
            self.health.note("certificate", self._tls.problem)
            self.health.certificate_ends(self._tls.not_after())

    def _is_plain(self) -> bool:
        return self._settings.tls is None or self._settings.tls.plain_port

    def _own_tls(self) -> SSLContext | None:
        return None if self._tls is None or self._is_plain() else self._tls.self_client()
