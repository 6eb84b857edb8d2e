"""What the records of the tables' streams say, as facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lambdas.history.deployment import facts_of_source
from lambdas.history.facts.fact import Fact, entry_fact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.facts.reports import heartbeat_fact
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.stored import StoredSource
from lambdas.store.images.row_image import entry_in, heartbeat_in
from lambdas.store.images.source_images import run_in
from lambdas.store.models import RunRow
from lambdas.store.runs.packing import unpacked

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
        return
    report, was = (_report(each) if each else None for each in (run, run_in(before) if before else None))
    if report is not None and report != was and (source := source_of(run.sk)) is not None:
        # The record has the report, and of long lists of rows only that they are elsewhere: they are read as
        # they are now, which is a little later.
        told = StoredSource(run.sk, source.definition, source.problem, _state(run, source), 0.0)
        yield from facts_of_source(told, None, names)


def _report(run: RunRow) -> SyncReport | None:
    return unpacked(run.state, None, run.watermark, run.last_run_at).report


def _state(run: RunRow, source: StoredSource) -> SourceState:
    state = unpacked(run.state, None, run.watermark, run.last_run_at)
    return source.state.model_copy(update={"report": state.report}) if run.apart else state


def _heartbeat(now: Any, before: Any, site_of: SiteOf) -> Iterator[Fact]:
    told = heartbeat_in(now)
    if told is None:
        return
    relay, beat = told
    site = site_of(relay)
    if site is not None:
        was = heartbeat_in(before) if before else None
        yield heartbeat_fact(relay, site, beat.seen_at, beat.health, was[1].health if was else None)
