"""Relays and their scanners, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lambdas.api.pages.views.words import SILENT_SECONDS, ago
from lambdas.store.accounts.relays import Heartbeat, Relay
from shared.relay_health import ScannerActivity


class ScannerRow(NamedTuple):
    """A scanner behind a relay; ``answers``: how many exams its last query was answered with."""

    ae_title: str
    last_query: str
    last_report: str
    answers: int


@dataclass(frozen=True)
class RelayView:
    """A relay as its page shows it.

    :param state: ``well``, ``trouble``, ``silent``, ``new`` or ``revoked``.
    """

    relay_id: str
    name: str
    site: str
    state: str
    said: str
    version: str
    items: str
    waiting: str
    problems: tuple[str, ...]
    scanners: tuple[ScannerRow, ...]


def relay_views(
    relays: Sequence[Relay], heartbeats: Mapping[str, Heartbeat], now: datetime
) -> tuple[RelayView, ...]:
    """Return the relays, those that need somebody first.

    :param now: aware.
    """
    order = {"silent": 0, "trouble": 1, "new": 2, "well": 3, "revoked": 4}
    views = [relay_view(relay, heartbeats.get(relay.relay_id), now) for relay in relays]
    return tuple(sorted(views, key=lambda view: (order[view.state], view.site, view.name)))


def relay_view(relay: Relay, heartbeat: Heartbeat | None, now: datetime) -> RelayView:
    """Return a relay."""
    state, said = _state(relay, heartbeat, now)
    health = heartbeat.health if heartbeat else None
    return RelayView(
        relay_id=relay.relay_id,
        name=relay.name,
        site=relay.site,
        state=state,
        said=said,
        version=health.version if health else "",
        items="" if health is None or health.items is None else str(health.items),
        waiting=_waiting(heartbeat),
        problems=health.all_problems if health else (),
        scanners=tuple(_scanner(each, now) for each in health.scanners) if health else (),
    )


def _state(relay: Relay, heartbeat: Heartbeat | None, now: datetime) -> tuple[str, str]:
    if relay.revoked_at is not None:
        return "revoked", f"revoked {ago(relay.revoked_at, now)}"
    if heartbeat is None:
        return "new", "enrolled, and not heard of yet: is it running?"
    heard = f"heard of {ago(heartbeat.seen_at, now)}"
    if (now - heartbeat.seen_at).total_seconds() > SILENT_SECONDS:
        return "silent", f"silent: {heard}"
    return (
        ("trouble", f"needs attention: {heard}")
        if heartbeat.health.all_problems
        else ("well", f"well: {heard}")
    )


def _waiting(heartbeat: Heartbeat | None) -> str:
    if heartbeat is None:
        return ""
    health = heartbeat.health
    said = [f"{health.outbox} reports of scanners wait to be sent"] if health.outbox else []
    if health.parked:
        said.append(f"{health.parked} are parked: the cloud refused them for good")
    return "; ".join(said) or "nothing waits"


def _scanner(activity: ScannerActivity, now: datetime) -> ScannerRow:
    return ScannerRow(
        activity.ae_title,
        ago(activity.last_query_at, now) if activity.last_query_at else "never",
        ago(activity.last_mpps_at, now) if activity.last_mpps_at else "never",
        activity.last_answers,
    )
