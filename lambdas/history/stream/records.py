"""What the records of the tables' streams say, as facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lambdas.history.deployment import facts_of_source
from lambdas.history.facts.fact import Fact, entry_fact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.facts.reports import heartbeat_fact
from lambdas.store.images.row_image import entry_in, heartbeat_in, source_in

Record = Mapping[str, Any]
"""A record of a stream, as Lambda is given it."""

SiteOf = Callable[[str], str | None]
"""Which site a relay serves; None if there is no such relay."""


def facts_of(record: Record, names: Pseudonyms, site_of: SiteOf) -> Iterator[Fact]:
    """Yield what a record says; nothing if its row is of no use for the history, or was deleted."""
    change = record["dynamodb"]
    now = change.get("NewImage")
    if now is None:
        return
    before = change.get("OldImage")
    stored = entry_in(now)
    if stored is not None:
        fact = entry_fact(stored.entry, stored.hash, names)
        yield from (fact,) if fact else ()
        return
    source = source_in(now)
    if source is not None:
        yield from facts_of_source(source, source_in(before) if before else None, names)
        return
    yield from _heartbeat(now, before, site_of)


def _heartbeat(now: Any, before: Any, site_of: SiteOf) -> Iterator[Fact]:
    told = heartbeat_in(now)
    if told is None:
        return
    relay, beat = told
    site = site_of(relay)
    if site is not None:
        was = heartbeat_in(before) if before else None
        yield heartbeat_fact(relay, site, beat.seen_at, beat.health, was[1].health if was else None)
