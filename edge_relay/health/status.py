"""The relay's status, from its health report and its two databases.

One view for all who ask: ``mwl-relay status`` reads the report from the file that the relay keeps, the
relay's own status page and metrics hand it in. What needs attention is said in words, in `problems`: see
`edge_relay.health.judgement`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from edge_relay.clock.boot import boot_id, seconds_since_boot
from edge_relay.health.alive import is_alive
from edge_relay.health.judgement import Held, cache_age, critical, problems
from edge_relay.health.report import HealthReport
from edge_relay.health.report_file import read_report
from edge_relay.mpps.journal_reader import JournalReader
from edge_relay.mpps.journal_rows import OpenEvent
from edge_relay.storage.state_files import CACHE_FILE, HEALTH_FILE, JOURNAL_FILE
from edge_relay.worklist.cache_reader import CacheReader
from shared.errors import MwlError


class RelayStatus(BaseModel):
    """Everything ``status`` shows.

    :param looked_at: the time by the relay's clock, which the other times are by too.
    :param running: whether a relay is at work on this state folder.
    :param cache_age_seconds: since the last pull that worked, or since the start if none is known of; None if
        no relay has run.
    :param items: worklist items in the cache; None if it cannot be read.
    :param unreadable: items of the cloud this relay is too old to read; None if the cache cannot be read.
    :param outbox: events waiting to be sent; ``held`` of them wait behind a parked one. All three numbers of
        events, and ``missing``, are None if the journal cannot be read.
    :param missing: events the journal had taken, and no longer has.
    :param outbox_age_seconds: how long the oldest event that could be sent has been waiting; None if none is.
    :param critical: scanners are not served, or what they report cannot be stored.
    :param problems: what needs attention, in words; empty if nothing does.
    """

    model_config = ConfigDict(frozen=True)

    looked_at: datetime
    running: bool
    health: HealthReport | None
    cache_age_seconds: float | None
    items: int | None
    unreadable: int | None
    outbox: int | None
    held: int | None
    parked: int | None
    missing: int | None = 0
    outbox_age_seconds: float | None = None
    oldest_event_at: str | None
    problems: tuple[str, ...]
    critical: bool = False


def look(state_dir: Path, now: datetime, report: HealthReport | None = None) -> RelayStatus:
    """Return how the relay on this state folder is doing.

    :param now: this machine's time; the relay's own time, if it hands in its report.
    :param report: what the running relay says of itself; without it, what its file says.
    """
    running = report is not None
    if report is None:
        report, now = _last_report(state_dir / HEALTH_FILE, now)
        running = report is not None and is_alive(report)
    items, unreadable, complete = _cache(state_dir / CACHE_FILE)
    outbox = _outbox(state_dir / JOURNAL_FILE, report, now)
    events = outbox.events if outbox else ()
    parked = sum(event.state == "parked" for event in events)
    held = Held(
        items,
        unreadable,
        len(events) if outbox else None,
        parked,
        outbox.missing if outbox else 0,
        outbox.waiting_seconds if outbox else None,
        complete,
    )
    return RelayStatus(
        looked_at=now,
        running=running,
        health=report,
        cache_age_seconds=cache_age(report, now) if report else None,
        items=items,
        unreadable=None if items is None else unreadable,
        **_numbers(outbox, parked),
        outbox_age_seconds=held.waiting_seconds,
        oldest_event_at=events[0].received_at if events else None,
        problems=tuple(problems(report, running, held, now)),
        critical=critical(report, running),
    )


def _last_report(path: Path, now: datetime) -> tuple[HealthReport | None, datetime]:
    """Return the report, and the time by the relay's clock: it follows the cloud's, not this machine's."""
    report = read_report(path)
    if report is None:
        return None, now
    if report.boot and report.boot == boot_id():  # a clock that nobody has set meanwhile
        return report, report.written_at + timedelta(seconds=max(0.0, seconds_since_boot() - report.uptime))
    try:
        age = now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None, now
    return report, report.written_at + max(age, timedelta())


def _cache(path: Path) -> tuple[int | None, int, bool]:
    try:
        with closing(CacheReader(path)) as cache:
            return cache.count(), cache.unreadable_count(), cache.is_complete()
    except sqlite3.Error:
        return None, 0, True  # what is wrong is said of the file


class _Outbox(NamedTuple):
    events: Sequence[OpenEvent]
    missing: int
    waiting_seconds: float | None


def _numbers(outbox: _Outbox | None, parked: int) -> dict[str, int | None]:
    """Return the numbers of events: not known, and not 0, where the journal cannot be read."""
    if outbox is None:
        return dict.fromkeys(("outbox", "held", "parked", "missing"))
    return {
        "outbox": len(outbox.events) - parked,
        "held": sum(event.held for event in outbox.events if event.state == "pending"),
        "parked": parked,
        "missing": outbox.missing,
    }


def _outbox(path: Path, report: HealthReport | None, now: datetime) -> _Outbox | None:
    try:
        with closing(JournalReader(path)) as reader:
            uptime = report.uptime if report else 0.0
            return _Outbox(reader.open_events(), len(reader.missing()), reader.waiting_seconds(now, uptime))
    except MwlError:
        return None
