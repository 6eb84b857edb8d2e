"""The relay's status, from its health report and its two databases.

One view for all who ask: ``mwl-relay status`` reads the report from the file that the relay keeps, the
relay's own status page and metrics hand it in. What needs attention is said in words, in `problems`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from edge_relay.health.report import HealthReport, LoopHealth, read_report
from edge_relay.health.words import date_of, since
from edge_relay.mpps.journal_reader import JournalReader
from edge_relay.mpps.journal_rows import OpenEvent
from edge_relay.storage.state_files import CACHE_FILE, HEALTH_FILE, JOURNAL_FILE
from edge_relay.worklist.cache import CacheReader
from shared.errors import MwlError

_STALE: Final = timedelta(minutes=5)
_GRACE: Final = timedelta(minutes=1)  # one lost packet is nobody's business
_CERTIFICATE_NOTICE: Final = timedelta(days=30)

_FAILURES: Final = {
    "pull": "the worklist may be out of date: the cloud cannot be reached",
    "push": "MPPS reports cannot be sent to the cloud; they are stored here and sent later",
    "heartbeat": "the heartbeat cannot be sent to the cloud",
    "journal": "MPPS reports cannot be stored; scanners get an error and keep them, queries still work",
    "certificate": "the new TLS certificate cannot be used; the previous one stays in use",
    "self_query": "the relay does not answer its own query",
    "status_page": "the status page does not work",
}
_TOLERATED: Final = ("pull", "push", "heartbeat")


class RelayStatus(BaseModel):
    """Everything ``status`` shows.

    :param looked_at: the time by the relay's clock, which the other times are by too.
    :param running: whether a relay is at work on this state folder.
    :param cache_age_seconds: since the last pull that worked, or since the start if none has; None if the
        relay is not running.
    :param items: worklist items in the cache; None if it cannot be read.
    :param unreadable: items of the cloud this relay is too old to read.
    :param outbox: events waiting to be sent; ``held`` of them wait behind a parked one.
    :param problems: what needs attention, in words; empty if nothing does.
    """

    model_config = ConfigDict(frozen=True)

    looked_at: datetime
    running: bool
    health: HealthReport | None
    cache_age_seconds: float | None
    items: int | None
    unreadable: int
    outbox: int
    held: int
    parked: int
    oldest_event_at: str | None
    problems: tuple[str, ...]


def look(state_dir: Path, now: datetime, report: HealthReport | None = None) -> RelayStatus:
    """Return how the relay on this state folder is doing.

    :param now: this machine's time; the relay's own time, if it hands in its report.
    :param report: what the running relay says of itself; without it, what its file says.
    """
    running = report is not None
    if report is None:
        report, now = _last_report(state_dir / HEALTH_FILE, now)
        running = report is not None and _is_alive(report.pid)
    items, unreadable = _cache(state_dir / CACHE_FILE)
    events = _outbox(state_dir / JOURNAL_FILE)
    open_events = events or []
    parked = sum(event.state == "parked" for event in open_events)
    problems = [*_problems(report, running, now)]
    problems += ["the cache cannot be read"] if items is None else []
    problems += ["the journal cannot be read"] if events is None else []
    problems += [f"{unreadable} items cannot be read: update this relay"] if unreadable else []
    problems += [f"{parked} MPPS events are parked: mwl-relay list --parked"] if parked else []
    return RelayStatus(
        looked_at=now,
        running=running,
        health=report,
        cache_age_seconds=cache_age(report, now) if report and running else None,
        items=items,
        unreadable=unreadable,
        outbox=len(open_events) - parked,
        held=sum(event.held for event in open_events if event.state == "pending"),
        parked=parked,
        oldest_event_at=open_events[0].received_at if open_events else None,
        problems=tuple(problems),
    )


def cache_age(report: HealthReport, now: datetime) -> float:
    """Return the seconds since the last pull that worked; since the start, if none has."""
    return max(0.0, (now - (report.pull.succeeded_at or report.started_at)).total_seconds())


def _problems(report: HealthReport | None, running: bool, now: datetime) -> Iterator[str]:
    if report is None:
        yield "the relay has not run on this state folder"
    elif not running:
        yield f"the relay is not running; it was last seen {since(report.written_at, now)}"
    else:
        if now - report.written_at > _STALE:
            yield f"the relay has not updated its status since {since(report.written_at, now)}"
        for name, sentence in _FAILURES.items():
            yield from _loop_problem(name, sentence, getattr(report, name), now)
        yield from _certificate_problem(report.certificate_not_after, now)


def _loop_problem(name: str, sentence: str, loop: LoopHealth, now: datetime) -> Iterator[str]:
    if loop.forbidden:
        yield f"{name}: the cloud refuses this relay; scanners are still served ({loop.failure})"
    elif loop.failure:
        failing_since = loop.failing_since or now
        if name not in _TOLERATED or now - failing_since >= _GRACE:
            yield f"{sentence}: {loop.failure} (since {since(failing_since, now)})"
    elif name == "self_query" and loop.succeeded_at and now - loop.succeeded_at > _STALE:
        yield f"the relay has not tested itself since {since(loop.succeeded_at, now)}"


def _certificate_problem(not_after: datetime | None, now: datetime) -> Iterator[str]:
    if not_after is None or not_after - now > _CERTIFICATE_NOTICE:
        return
    verb = "ended" if not_after <= now else "ends"
    yield f"the TLS certificate {verb} on {date_of(not_after)}: replace it"


def _last_report(path: Path, now: datetime) -> tuple[HealthReport | None, datetime]:
    """Return the report, and the time by the relay's clock: it follows the cloud's, not this machine's."""
    report = read_report(path)
    if report is None:
        return None, now
    try:
        age = now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None, now
    return report, report.written_at + max(age, timedelta())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's, but it is there
    return True


def _cache(path: Path) -> tuple[int | None, int]:
    try:
        with closing(CacheReader(path)) as cache:
            return cache.count(), cache.unreadable_count()
    except sqlite3.Error:
        return None, 0


def _outbox(path: Path) -> list[OpenEvent] | None:
    try:
        with closing(JournalReader(path)) as reader:
            return reader.open_events()
    except MwlError:
        return None
