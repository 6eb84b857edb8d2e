"""What the records of the tables' streams say, as facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from lambdas.history.deployment import facts_of_source
from lambdas.history.facts.fact import Fact, entry_fact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.facts.reports import heartbeat_fact
from lambdas.sources.stored import StoredSource
from lambdas.store.images.row_image import entry_in, heartbeat_in
from lambdas.store.images.source_images import run_in
from lambdas.store.models import RunRow
from lambdas.store.runs.rows import state_in

Record = Mapping[str, Any]
"""A record of a stream, as Lambda is given it."""

SiteOf = Callable[[str], str | None]
"""Which site a relay serves; None if there is no such relay."""

SourceOf = Callable[[str], StoredSource | None]
"""A source as it is now; None if there is no such source."""


def facts_of(record: Record, names: Pseudonyms, site_of: SiteOf, source_of: SourceOf) -> Iterator[Fact]:
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
    run = run_in(now)
    if run is None:
        yield from _heartbeat(now, before, site_of)
    else:
        yield from _sync(run, run_in(before) if before else None, names, source_of)


def _sync(run: RunRow, before: RunRow | None, names: Pseudonyms, source_of: SourceOf) -> Iterator[Fact]:
    state = state_in(run)
    is_news = state.report is not None and (before is None or state_in(before).report != state.report)
    source = source_of(run.sk) if is_news else None
    if source is None:
        return
    # Of long lists of rows the record says only that they are elsewhere: they are read as they are now, which
    # is a little later.
    told = source.state.model_copy(update={"report": state.report}) if run.apart else state
    yield from facts_of_source(replace(source, state=told), names)


def _heartbeat(now: Any, before: Any, site_of: SiteOf) -> Iterator[Fact]:
    told = heartbeat_in(now)
    if told is None:
        return
    relay, beat = told
    site = site_of(relay)
    if site is not None:
        was = heartbeat_in(before) if before else None
        yield heartbeat_fact(relay, site, beat.seen_at, beat.health, was[1].health if was else None)
