"""A month of so many sites, in dollars. Pure: units, use and prices come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

from tests.cost.prices import Prices

Unit = tuple[float, float]
"""Read and write units of one go, as docs/cost.md tells them."""

MINUTES: Final = 30 * 24 * 60
ALARMS: Final = 19
"""One for each metric that an alarm looks at."""
METRICS: Final = 4
"""Told all the time. Those of trouble cost for the hours in which there is some."""
RELAY_UNITS: Final = 1.0
"""What is read each minute of a relay and its last heartbeat."""
SECONDS: Final = {
    "poll": 0.010,
    "report": 0.08,
    "sync": 0.9,
    "schedule": 0.5,
    "look": 0.1,
    "write-back": 1.5,
    "page": 0.15,
}
"""How long a call takes; the sync and the write-back wait for REDCap most of the time."""
POLL_GB, SYNC_GB = 1.0, 0.5
LOG_BYTES: Final = 350
"""Of a line; each call writes its own and two of Lambda's."""


@dataclass(frozen=True)
class Use:
    """What a site does.

    :param sources_per_secret: whose REDCap tokens one secret holds, as `mwl-cloud sources token` puts them.
    :param poll_seconds: between a relay's polls while something is expected.
    :param quiet_poll_seconds: between its polls at any other time.
    :param open_share: of the week in which its sources are synced (`operating_window`).
    :param awake_share: of the week in which something is expected: a while more than it is open.
    :param sync_seconds: between the syncs of a source.
    :param exams: booked a day; each is changed ``changes`` times, and scanned once.
    :param page_views: of people, a day.
    :param free_alarms: that cost an account nothing, as ``free_metrics`` (CloudWatch's free tier, which does
        not end).
    """

    sources: float = 1
    sources_per_secret: float = 50
    relays: float = 1
    poll_seconds: float = 5
    quiet_poll_seconds: float = 60
    open_share: float = 60 / 168  # twelve hours on weekdays
    awake_share: float = 65 / 168
    sync_seconds: float = 60
    exams: float = 12
    changes: float = 3
    page_views: float = 100
    free_alarms: float = 10
    free_metrics: float = 10


class Bill(NamedTuple):
    """Dollars a month, by what they are for."""

    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All together."""
        return sum(self.parts.values())


def bill(sites: int, use: Use, units: Mapping[str, Unit], prices: Prices) -> Bill:
    """Return what so many sites cost a month.

    :param units: by the names of docs/cost.md.
    """
    rate = use.awake_share / use.poll_seconds + (1 - use.awake_share) / use.quiet_poll_seconds
    polls = sites * use.relays * MINUTES * 60 * rate
    beats = sites * use.relays * MINUTES
    syncs = sites * use.sources * MINUTES * 60 / use.sync_seconds * use.open_share
    changes, exams = sites * use.exams * use.changes * 30, sites * use.exams * 30
    views = sites * use.page_views * 30

    def database(count: float, name: str, factor: float = 1.0) -> float:
        reads, writes = units[name]
        return count * factor * (reads * prices.read_million + writes * prices.write_million) / 1e6

    def calls(count: float, kind: str, memory: float) -> float:
        compute = SECONDS[kind] * memory * prices.lambda_gb_second
        logs = 3 * LOG_BYTES / 1e9 * prices.logs_gb
        return count * (prices.lambda_million / 1e6 + compute + logs)

    def through_api(count: float, kind: str) -> float:
        return count * prices.api_million / 1e6 + calls(count, kind, POLL_GB)

    stored_gb = exams * 12 * 6e3 / 1e9
    parts = {
        "relays ask for news": through_api(polls, "poll") + database(polls, "A relay's poll without news"),
        "relays' heartbeats": through_api(beats, "poll") + database(beats, "A relay's heartbeat"),
        "syncs without news": calls(syncs, "sync", SYNC_GB)
        + database(syncs, "A sync without news")
        + 3 * syncs * prices.queue_million / 1e6,
        "exams booked and changed": database(
            changes, "A sync that finds an exam moved, among 400 participants"
        ),
        "scans reported and written back": through_api(2 * exams, "report")
        + calls(2 * exams, "write-back", SYNC_GB)
        + database(exams, "A scan reported as begun")
        + database(exams, "A scan reported as ended")
        + database(2 * exams, "A write-back noted as done"),
        "people's pages": through_api(views, "page") + database(views, "A list of 100 exams"),
        "the schedule": calls(MINUTES, "schedule", SYNC_GB)
        + database(MINUTES, "A minute of the schedule", max(1.0, sites * use.sources / 100)),
        "a look at the relays, every minute": calls(MINUTES, "look", SYNC_GB)
        + MINUTES * (2 + sites * use.relays * RELAY_UNITS) * prices.read_million / 1e6,
        "secrets": _secrets(sites * use.sources, syncs, views, use, prices),
        "what is kept": stored_gb * (prices.stored_gb + prices.recovery_gb),
        "alarms and metrics": max(0.0, ALARMS - use.free_alarms) * prices.alarm
        + max(0.0, METRICS - use.free_metrics) * prices.metric,
    }
    return Bill(parts)


def _secrets(sources: float, syncs: float, views: float, use: Use, prices: Prices) -> float:
    """Return what REDCap tokens and the signing key cost, which each function reads once a minute at most."""
    shared = min(use.sources_per_secret, sources)
    # As many functions as sync at a time; a source is synced by any of them, which may have read its secret.
    functions = max(1.0, sources * SECONDS["sync"] / use.sync_seconds)
    share: float = functions * (1 - (1 - 1 / functions) ** shared) / shared
    readings = syncs * share + views
    return (ceil(sources / shared) + 1) * prices.secret + readings * prices.secret_million / 1e6
