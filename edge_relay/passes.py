"""What the relay's loops do, pass by pass: pull, push, and tell the cloud how it is.

A pass returns True if there is more to do at once, and raises what went wrong; `edge_relay.sync.Loop` owns
timer, backoff and log lines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from edge_relay import sync
from edge_relay.cache import Cache
from edge_relay.cloud import Cloud
from edge_relay.journal import Journal
from edge_relay.profiles import Profiles
from shared.errors import Unavailable
from shared.relay_health import RelayHealth

log = logging.getLogger(__name__)

Pass = Callable[[], bool]

_PRUNE_EVERY: Final = timedelta(days=1)


def pull(feed: Cloud, cache: Cache, journal: Journal, page_size: int) -> Pass:
    """Return the pass that takes over what changed in the worklist."""

    def one_pass() -> bool:
        outcome = sync.pull_once(feed, cache, journal, page_size)
        if outcome.unreadable:
            log.warning("%d items cannot be read: is the cloud newer than this relay?", outcome.unreadable)
        return False

    return one_pass


def push(
    intake: Cloud, journal: Journal, batch: int, retention: timedelta, now: Callable[[], datetime]
) -> Pass:
    """Return the pass that sends what scanners reported; once a day it forgets what was sent long ago."""
    pruned_at: datetime | None = None

    def one_pass() -> bool:
        nonlocal pruned_at
        outcome = sync.push_once(intake, journal, batch)
        if outcome.parked:
            log.warning("%d events were refused for good: see mwl-relay list --parked", outcome.parked)
        if outcome.unanswered:
            raise Unavailable(f"the cloud left {outcome.unanswered} events unanswered")
        if pruned_at is None or now() - pruned_at >= _PRUNE_EVERY:
            journal.prune(now() - retention)
            pruned_at = now()
        return bool(outcome.delivered or outcome.parked)

    return one_pass


def heartbeat(care: Cloud, profiles: Profiles, told: Callable[[], RelayHealth]) -> Pass:
    """Return the pass that tells the cloud how this relay is, and takes over its scanners' profiles."""

    def one_pass() -> bool:
        sync.heartbeat_once(care, profiles, told())
        return False

    return one_pass
