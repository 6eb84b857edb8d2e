"""A relay's status as `edge_relay.health.status` finds it, of which a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edge_relay.health.status import RelayStatus


def a_relay_status(**changes: Any) -> RelayStatus:
    """Return the status of a relay that runs, has 12 items and no trouble."""
    facts: dict[str, Any] = {
        "looked_at": datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
        "running": True,
        "health": None,
        "cache_age_seconds": 4.0,
        "items": 12,
        "unreadable": 0,
        "outbox": 0,
        "held": 0,
        "parked": 0,
        "oldest_event_at": None,
        "problems": (),
    }
    return RelayStatus(**{**facts, **changes})
