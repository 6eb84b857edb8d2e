"""A relay's status as tables, for ``mwl-relay status``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from edge_relay.health.report import HealthReport, scanners_of
from edge_relay.health.status import RelayStatus
from edge_relay.health.words import ago, date_of, exchange, since


class Section(NamedTuple):
    """A table of the status: column names, empty if it needs none, and rows."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def sections(found: RelayStatus) -> list[Section]:
    """Return the status as tables; the first cell of a row says what the row is about."""
    shown = [Section("mwl-relay", ("", ""), facts(found))]
    if found.health is None:
        return shown
    now = found.looked_at
    scanners = [
        (
            f"scanner {title}",
            *(exchange(each, now) for each in (scanner.echo, scanner.query, scanner.mpps)),
            str(found.health.withheld.get(title, 0)),
        )
        for title, scanner in sorted(scanners_of(found.health).items())
    ]
    shown.append(Section("Scanners", ("", "last echo", "last query", "last MPPS", "withheld"), scanners))
    refused = [
        (
            f"refused {caller.ae_title} from {caller.address}",
            caller.why,
            f"{caller.count} x",
            ago(caller.last_at, now),
        )
        for caller in reversed(found.health.refused)
    ]
    shown.append(Section("Refused callers", ("", "why", "how often", "last"), refused))
    return [section for section in shown if section.rows]


def facts(found: RelayStatus) -> list[tuple[str, str]]:
    """Return what is true of the relay as a whole, as (name, value)."""
    health, now = found.health, found.looked_at
    lines = [("attention", problem) for problem in found.problems] or [("attention", "nothing, all is well")]
    if health:
        lines += [
            ("site", health.site or "-"),
            ("AE title", health.ae_title or "-"),
            ("address", health.address or "-"),
            ("running", f"since {since(health.started_at, now)}" if found.running else "no"),
            ("last good pull", ago(health.pull.succeeded_at, now)),
            ("last good push", ago(health.push.succeeded_at, now)),
            ("self-query", self_query(health, now)),
        ]
    lines += [
        ("worklist items", figure(found.items)),
        ("unreadable items", figure(found.unreadable)),
        ("MPPS journal", journal(found)),
        ("events to send", to_send(found)),
        ("oldest event", oldest_event(found)),
        ("parked events", figure(found.parked)),
    ]
    if health and health.certificate_not_after:
        lines.append(("TLS certificate", f"valid until {date_of(health.certificate_not_after)}"))
    return lines


def journal(found: RelayStatus) -> str:
    """Say how the journal is."""
    if found.health and found.health.journal.failure:
        return f"cannot be written: {found.health.journal.failure}"
    return "cannot be read" if found.outbox is None else "good"


def to_send(found: RelayStatus) -> str:
    """Say how many events are to be sent, and what holds them up."""
    return "-" if found.outbox is None else f"{found.outbox} ({found.held} behind a parked one)"


def figure(number: int | None) -> str:
    """Return a number; a dash if it is not known."""
    return "-" if number is None else str(number)


def oldest_event(found: RelayStatus) -> str:
    """Say since when the oldest event has been waiting."""
    if found.oldest_event_at is None:
        return "-"
    return ago(datetime.fromisoformat(found.oldest_event_at), found.looked_at)


def self_query(health: HealthReport, now: datetime) -> str:
    """Say when the relay last answered itself, and how fast."""
    answered = ago(health.self_query.succeeded_at, now)
    if health.self_query_seconds is None:
        return answered
    return f"answered {answered}, in {health.self_query_seconds * 1000:.0f} ms"
