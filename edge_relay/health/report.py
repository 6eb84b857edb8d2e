"""How the relay is doing: what its threads report, kept in memory, and in a small file for other processes.

It holds times, counts and AE titles; never anything of a participant. Whoever is on the network can make up
AE titles, so nothing here grows with their number: titles nobody configured share one record, `UNKNOWN`, and
of the callers that were refused only the last `MOST_REFUSALS` are kept.

The DICOM server reports from its one thread, on the way to each answer: a report is a few dictionary
operations under a lock. Models are made only when somebody looks.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from edge_relay.clock.boot import Moment, boot_id
from edge_relay.health.loop_health import LoopHealth, LoopTimes

UNKNOWN: Final = "(unknown)"
"""Where titles are counted that no profile names."""
MOST_REFUSALS: Final = 50
_MOST_SCANNERS: Final = 1024
_LONGEST_TITLE: Final = 16  # AE, PS3.5 Table 6.2-1
_LONGEST_TEXT: Final = 120
_LONGEST_SENTENCE: Final = 300

SERVICES: Final = ("C-ECHO", "C-FIND", "N-CREATE", "N-SET", "N-GET")
OTHER_SERVICE: Final = "(other)"
BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the durations counted together, in seconds; what took longer comes after the last."""
_KINDS: Final = {"C-ECHO": "echo", "C-FIND": "query", "N-CREATE": "mpps", "N-SET": "mpps"}

SELF_QUERY: Final = "self_query"
STATUS_PAGE: Final = "status_page"
DISK: Final = "disk"
CLOCK: Final = "clock"
SETTINGS: Final = "settings"
LOOPS: Final = (
    "pull", "push", "heartbeat", "journal", "certificate", SELF_QUERY, STATUS_PAGE, DISK, CLOCK, SETTINGS,
    "identity", "self_test", "images",
)  # fmt: skip
"""What can work or fail by itself, apart from the requests of scanners."""


class Exchange(BaseModel):
    """A request of a scanner and how it was answered; ``answers`` counts the items a query was given."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    service: str
    status: int
    answers: int = 0


class ScannerHealth(BaseModel):
    """What a scanner did last, and what it has done since the relay started."""

    model_config = ConfigDict(frozen=True)

    echo: Exchange | None = None
    query: Exchange | None = None
    mpps: Exchange | None = None
    associations_open: int = 0
    associations: int = 0
    requests: int = 0
    answers: int = 0


class RefusedCaller(BaseModel):
    """Somebody whose associations were refused: the usual cause is an AE title missing in the settings."""

    model_config = ConfigDict(frozen=True)

    ae_title: str
    address: str
    why: str
    last_at: datetime
    count: int


class HealthReport(BaseModel):
    """One moment of a running relay.

    :param address: where scanners connect, for people.
    :param scanners: by AE title; with those configured that have not been heard of yet.
    :param withheld: by AE title, how many of a scanner's own exams it is not shown, because its character set
        cannot carry what identifies them.
    :param refused: the latest comes last.
    :param boot: which start of the machine it is; ``uptime`` is counted from it, in seconds, and goes on
        whatever is done to the wall clock.
    :param pull_seconds: how much time may pass between two pulls, with that for the second.
    :param self_query_seconds: how long the last successful self-query took.
    :param certificate_not_after: when the certificate of DICOM's TLS ends; None without TLS.
    """

    model_config = ConfigDict(frozen=True)

    pid: int = Field(gt=0)
    started_at: datetime
    written_at: datetime
    address: str
    ae_title: str = ""
    site: str = ""
    version: str = ""
    pull: LoopHealth = LoopHealth()
    push: LoopHealth = LoopHealth()
    heartbeat: LoopHealth = LoopHealth()
    journal: LoopHealth = LoopHealth()
    certificate: LoopHealth = LoopHealth()
    self_query: LoopHealth = LoopHealth()
    status_page: LoopHealth = LoopHealth()
    disk: LoopHealth = LoopHealth()
    clock: LoopHealth = LoopHealth()
    identity: LoopHealth = LoopHealth()
    self_test: LoopHealth = LoopHealth()
    images: LoopHealth = LoopHealth()
    settings: LoopHealth = LoopHealth()
    boot: str = ""
    uptime: float = 0.0
    pull_seconds: float = 15.0
    self_query_seconds: float | None = None
    certificate_not_after: datetime | None = None
    scanners: dict[str, ScannerHealth] = {}
    withheld: dict[str, int] = {}
    refused: tuple[RefusedCaller, ...] = ()


class Durations(NamedTuple):
    """How long answers took: how many fell into each of `BUCKETS` and beyond, and their sum in seconds."""

    counts: tuple[int, ...]
    seconds: float


class Traffic(NamedTuple):
    """Counts since the start.

    :param requests: by AE title, service and status.
    :param durations: by service.
    :param refused: associations refused.
    """

    scanners: dict[str, ScannerHealth]
    requests: dict[tuple[str, str, int], int]
    durations: dict[str, Durations]
    refused: int


class _Refused(NamedTuple):
    why: str
    last: float
    times: int


class _Scanner:
    __slots__ = ("answers", "associations", "associations_open", "last", "requests")

    def __init__(self) -> None:
        self.last: dict[str, tuple[float, str, int, int]] = {}
        self.requests: dict[tuple[str, int], int] = {}
        self.associations_open = self.associations = self.answers = 0

    def health(self, at: Callable[[float], datetime]) -> ScannerHealth:
        exchanges = {
            kind: Exchange(at=at(when), service=service, status=status, answers=answers)
            for kind, (when, service, status, answers) in self.last.items()
        }
        return ScannerHealth(
            echo=exchanges.get("echo"),
            query=exchanges.get("query"),
            mpps=exchanges.get("mpps"),
            associations_open=self.associations_open,
            associations=self.associations,
            requests=sum(self.requests.values()),
            answers=self.answers,
        )


class _Durations:
    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0


class Health:
    """Collects what the relay's threads report; safe to use from all of them.

    :param now: the time: aware, UTC.
    :param known: tells whether an AE title may have a record of its own; any other is counted as `UNKNOWN`.
    :param elapsed: seconds, only ever forward, by which everything is dated; a report then says when it was
        by the time as it is known now. Without it, ``now`` is taken to go forward only.
    :param pulled_before: when an earlier run last had the worklist from the cloud, if that is known.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        known: Callable[[str], bool] = lambda _: True,
        elapsed: Callable[[], float] | None = None,
        pulled_before: Moment | None = None,
    ) -> None:
        self._now: Final = now
        self._elapsed: Final = elapsed or (lambda: now().timestamp())
        self._pulled_before: Final = pulled_before
        self._known: Final = known
        self._lock: Final = threading.Lock()
        self._started: Final = self._elapsed()
        self._loops: Final = {name: LoopTimes() for name in LOOPS}
        self._scanners: Final[dict[str, _Scanner]] = {}
        self._durations: Final = {service: _Durations() for service in (*SERVICES, OTHER_SERVICE)}
        self._refused: Final[OrderedDict[tuple[str, str], _Refused]] = OrderedDict()
        self._refusals = 0
        self._self_query_seconds: float | None = None
        self._certificate_not_after: datetime | None = None

    def succeeded(self, loop: str) -> None:
        """Note that a pass of one of `LOOPS` worked."""
        with self._lock:
            self._loops[loop] = LoopTimes(succeeded=self._elapsed())

    def failed(self, loop: str, sentence: str, *, forbidden: bool) -> None:
        """Note that a pass failed, and why."""
        with self._lock:
            before = self._loops[loop]
            since = self._elapsed() if before.failing_since is None else before.failing_since
            failure = _printable(sentence, _LONGEST_SENTENCE)
            self._loops[loop] = LoopTimes(before.succeeded, since, failure, forbidden)

    def note(self, loop: str, failure: str) -> None:
        """Note how a part stands that is not tried in passes: what is wrong with it, or nothing."""
        if failure:
            self.failed(loop, failure, forbidden=False)
        else:
            self.succeeded(loop)

    def pull_age(self) -> float:
        """Return the seconds since the worklist was last had from the cloud, or since the start."""
        elapsed = self._elapsed()
        with self._lock:
            succeeded = self._loops["pull"].succeeded
        if succeeded is not None:
            return elapsed - succeeded
        if self._pulled_before is not None:
            return self._pulled_before.age(Moment(boot=boot_id(), seconds=elapsed, at=self._now()))
        return elapsed - self._started

    def self_query_answered(self, seconds: float) -> None:
        """Note that the relay has answered itself over DICOM."""
        self.succeeded(SELF_QUERY)
        self._self_query_seconds = seconds

    def certificate_ends(self, not_after: datetime | None) -> None:
        """Note until when the certificate of DICOM's TLS is valid; None if there is none."""
        self._certificate_not_after = not_after

    def association_opened(self, ae_title: str) -> None:
        """Note an association accepted."""
        with self._lock:
            scanner = self._scanners.get(ae_title) or self._admitted(ae_title)
            scanner.associations += 1
            scanner.associations_open += 1

    def association_closed(self, ae_title: str) -> None:
        """Note the end of an association that was accepted."""
        with self._lock:
            scanner = self._scanners.get(ae_title) or self._admitted(ae_title)
            scanner.associations_open = max(0, scanner.associations_open - 1)

    def association_refused(self, ae_title: str, address: str, why: str) -> None:
        """Note an association refused, by whom and why: texts from the network are made printable."""
        key = _printable(ae_title, _LONGEST_TITLE), _printable(address, _LONGEST_TEXT)
        with self._lock:
            self._refusals += 1
            before = self._refused.pop(key, None)
            count = before.times + 1 if before else 1
            self._refused[key] = _Refused(_printable(why, _LONGEST_TEXT), self._elapsed(), count)
            if len(self._refused) > MOST_REFUSALS:
                self._refused.popitem(last=False)

    def answered(self, ae_title: str, service: str, status: int, seconds: float, answers: int = 0) -> None:
        """Note a request answered.

        :param service: one of `SERVICES`; any other is counted as `OTHER_SERVICE`.
        :param status: the DIMSE status of the final response.
        :param seconds: from the request's last byte to the response.
        :param answers: the items a query was given.
        """
        now = self._elapsed()
        with self._lock:
            scanner = self._scanners.get(ae_title) or self._admitted(ae_title)
            durations = self._durations.get(service)
            if durations is None:
                service, durations = OTHER_SERVICE, self._durations[OTHER_SERVICE]
            durations.counts[bisect_left(BUCKETS, seconds)] += 1
            durations.seconds += seconds
            key = service, status
            scanner.requests[key] = scanner.requests.get(key, 0) + 1
            scanner.answers += answers
            if kind := _KINDS.get(service):
                scanner.last[kind] = now, service, status, answers

    def report(
        self,
        address: str,
        *,
        ae_title: str = "",
        site: str = "",
        version: str = "",
        titles: Iterable[str] = (),
        withheld: Mapping[str, int] | None = None,
        pull_seconds: float = 15.0,
    ) -> HealthReport:
        """Return how things stand now.

        :param titles: the AE titles configured, shown also if they have not been heard of.
        :param withheld: how many exams each is not shown for its character set.
        :param pull_seconds: how much time may pass between two pulls.
        """
        elapsed, now = self._elapsed(), self._now()

        def at(when: float) -> datetime:
            return now - timedelta(seconds=elapsed - when)

        with self._lock:
            scanners = {title: ScannerHealth() for title in titles}
            scanners |= {title: scanner.health(at) for title, scanner in self._scanners.items()}
            loops = {name: loop.told(at) for name, loop in self._loops.items()}
            refused = [
                RefusedCaller(ae_title=title, address=address, why=why, last_at=at(last), count=count)
                for (title, address), (why, last, count) in self._refused.items()
            ]
        if loops["pull"].succeeded_at is None and self._pulled_before is not None:
            before = now - timedelta(seconds=self.pull_age())
            loops["pull"] = loops["pull"].model_copy(update={"succeeded_at": before})
        return HealthReport(
            pid=os.getpid(),
            started_at=at(self._started),
            written_at=now,
            boot=boot_id(),
            uptime=elapsed,
            pull_seconds=pull_seconds,
            address=address,
            ae_title=ae_title,
            site=site,
            version=version,
            **loops,
            self_query_seconds=self._self_query_seconds,
            certificate_not_after=self._certificate_not_after,
            scanners=scanners,
            withheld=dict(withheld or {}),
            refused=tuple(refused),
        )

    def traffic(self) -> Traffic:
        """Return what was counted since the start."""
        elapsed, now = self._elapsed(), self._now()

        def at(when: float) -> datetime:
            return now - timedelta(seconds=elapsed - when)

        with self._lock:
            return Traffic(
                scanners={title: scanner.health(at) for title, scanner in self._scanners.items()},
                requests={
                    (title, service, status): count
                    for title, scanner in self._scanners.items()
                    for (service, status), count in scanner.requests.items()
                },
                durations={
                    service: Durations(tuple(durations.counts), durations.seconds)
                    for service, durations in self._durations.items()
                },
                refused=self._refusals,
            )

    def _admitted(self, ae_title: str) -> _Scanner:
        if len(self._scanners) >= _MOST_SCANNERS or not self._known(ae_title):
            ae_title = UNKNOWN
        return self._scanners.setdefault(_printable(ae_title, _LONGEST_TITLE), _Scanner())


def _printable(text: str, longest: int) -> str:
    # It ends up on terminals and in log files: no control character of a stranger may.
    return "".join(c if c.isprintable() else "?" for c in text[:longest]).strip()


def scanners_of(health: HealthReport) -> dict[str, ScannerHealth]:
    """Return the scanners of a report, without the relay itself, which calls under its own title."""
    return {title: scanner for title, scanner in health.scanners.items() if title != health.ae_title}
