"""How a relay is doing, put together for ``mwl-relay status`` from its health file and its two databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from edge_relay.cache import CacheReader
from edge_relay.health import HealthReport, read_report
from edge_relay.journal import JournalReader, OpenEvent
from edge_relay.relay import CACHE_FILE, HEALTH_FILE, JOURNAL_FILE
from shared.errors import MwlError

_STALE: Final = timedelta(minutes=5)


class RelayStatus(BaseModel):
    """Everything ``status`` shows.

    :param items: worklist items in the cache; None if it cannot be read.
    :param unreadable: items of the cloud this relay is too old to read.
    :param outbox: events waiting to be sent; ``held`` of them wait behind a parked one.
    :param problems: what needs attention, in words; empty if nothing does.
    """

    model_config = ConfigDict(frozen=True)

    health: HealthReport | None
    items: int | None
    unreadable: int
    outbox: int
    held: int
    parked: int
    oldest_event_at: str | None
    problems: tuple[str, ...]


def look(state_dir: Path, now: datetime) -> RelayStatus:
    """Return how the relay on this state folder is doing."""
    report = read_report(state_dir / HEALTH_FILE)
    items, unreadable = _cache(state_dir / CACHE_FILE)
    events = _outbox(state_dir / JOURNAL_FILE)
    open_events = events or []
    parked = [event for event in open_events if event.state == "parked"]
    pending = [event for event in open_events if event.state == "pending"]
    problems = [*_health_problems(report, now)]
    problems += ["the cache cannot be read"] if items is None else []
    problems += ["the journal cannot be read"] if events is None else []
    problems += [f"{unreadable} items cannot be read: update this relay"] if unreadable else []
    problems += [f"{len(parked)} MPPS events are parked: mwl-relay list --parked"] if parked else []
    return RelayStatus(
        health=report,
        items=items,
        unreadable=unreadable,
        outbox=len(pending),
        held=sum(event.held for event in pending),
        parked=len(parked),
        oldest_event_at=open_events[0].received_at if open_events else None,
        problems=tuple(problems),
    )


def rows(found: RelayStatus) -> list[tuple[str, str]]:
    """Return the status as (name, value), for a table."""
    health = found.health
    lines = [
        ("address", health.address if health else "-"),
        ("last good pull", _moment(health.pull.succeeded_at if health else None)),
        ("last good push", _moment(health.push.succeeded_at if health else None)),
        ("worklist items", "-" if found.items is None else str(found.items)),
        ("unreadable items", str(found.unreadable)),
        ("events to send", f"{found.outbox} ({found.held} behind a parked one)"),
        ("oldest event", found.oldest_event_at or "-"),
        ("parked events", str(found.parked)),
    ]
    for title, scanner in sorted(health.scanners.items()) if health else ():
        lines.append((f"scanner {title}", f"asked {_moment(scanner.asked_at)}, {scanner.answers} answers"))
    lines += [("attention", problem) for problem in found.problems] or [("attention", "nothing")]
    return lines


def _health_problems(report: HealthReport | None, now: datetime) -> list[str]:
    if report is None:
        return ["the relay has not run on this state folder"]
    problems = []
    if now - report.written_at > _STALE:
        problems.append(f"the relay has shown no life since {_moment(report.written_at)}")
    for name, loop in (("pull", report.pull), ("push", report.push)):
        if loop.forbidden:
            problems.append(
                f"{name}: the cloud refuses this relay; scanners are still served ({loop.failure})"
            )
        elif loop.failure:
            problems.append(f"{name} fails since {_moment(loop.failing_since)}: {loop.failure}")
    return problems


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


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else "never"
