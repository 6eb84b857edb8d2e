"""What operators are told of relays and write-backs, as figures by site."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from lambdas.aws.observing.metric import Metric
from lambdas.notices.site_facts import is_silent
from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.store.unfinished_write_backs import ParkedWriteBack

Figures = dict[Metric, float]


def relay_figures(
    relays: Collection[Relay],
    heartbeats: Mapping[str, Heartbeat],
    parked: Collection[ParkedWriteBack],
    now: datetime,
) -> dict[str, Figures]:
    """Return the figures of each site that has a relay in use, or a write-back that is parked.

    A relay that is silent counts as that only: what it said last may be long over. One that was revoked, or
    that was never heard of, does not count.

    :param now: aware.
    """
    sites: dict[str, Figures] = {}
    for relay in relays:
        heartbeat = heartbeats.get(relay.relay_id)
        if relay.revoked_at is not None or heartbeat is None:
            continue
        figures = sites.setdefault(relay.site, {})
        if is_silent(heartbeat, now):
            _add(figures, Metric.RELAYS_SILENT, 1)
        else:
            _add_health(figures, heartbeat, now)
    for each in parked:
        _add(sites.setdefault(each.site, {}), Metric.WRITE_BACKS_PARKED, 1)
    return sites


def _add_health(figures: Figures, heartbeat: Heartbeat, now: datetime) -> None:
    health = heartbeat.health
    _add(figures, Metric.RELAYS_WITH_PROBLEMS, bool(health.all_problems))
    _add(figures, Metric.RELAY_EVENTS_PARKED, health.parked)
    waited = (now - health.outbox_oldest_at).total_seconds() if health.outbox_oldest_at else 0.0
    figures[Metric.RELAY_OUTBOX_AGE] = max(figures.get(Metric.RELAY_OUTBOX_AGE, 0.0), waited)


def _add(figures: Figures, metric: Metric, count: float) -> None:
    figures[metric] = figures.get(metric, 0.0) + count
