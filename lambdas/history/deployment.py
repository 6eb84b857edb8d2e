"""All facts that the tables of a deployment hold now: what an export is made of, and a first load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from lambdas.history.facts.fact import Fact, SyncFact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.facts.reports import heartbeat_fact, sync_facts
from lambdas.history.gathering import Gathering
from lambdas.history.rows.state import Study
from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.listing import items_of_site
from lambdas.store.models import Tables
from lambdas.store.ownership import StoredItem
from lambdas.store.sources import SourceStore

Count = Callable[[str, int], None]
"""Told how many things of a kind have been read so far."""


class Deployment:
    """Reads a deployment's tables as a whole.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, relays: RelayStore, *, now: Callable[[], float]) -> None:
        self._tables, self._relays, self._now = tables, relays, now
        self._trail, self._sources = AuditTrail(tables, now=now), SourceStore(tables, now=now)

    def studies(self) -> dict[str, Study]:
        """Return every study whose definition can be read, by id."""
        return studies_of(self._sources.all())

    def items(self, sites: Iterable[str]) -> Iterator[StoredItem]:
        """Yield all items of some sites, those gone too."""
        for site in sites:
            yield from items_of_site(self._tables, site)

    def facts(
        self, names: Pseudonyms, sites: Iterable[str], count: Count = lambda *_: None
    ) -> dict[str, list[Fact]]:
        """Return all facts, by site.

        :param sites: those that ever had an item.
        """
        gathering = Gathering(names, datetime.fromtimestamp(self._now(), UTC))
        for number, stored in enumerate(self._trail.all(), 1):
            gathering.take(stored)
            count("audit entries", number)
        for item in self.items(sites):
            gathering.take_item(item)
        self._add_reports(gathering, names)
        return gathering.facts()

    def _add_reports(self, gathering: Gathering, names: Pseudonyms) -> None:
        heartbeats = self._relays.heartbeats()
        for relay in self._relays.all():
            beat = heartbeats.get(relay.relay_id)
            if beat is not None:
                gathering.add(heartbeat_fact(relay.relay_id, relay.site, beat.seen_at, beat.health, None))
        for source in self._sources.all():
            for fact in facts_of_source(source, names):
                gathering.add(fact)


def facts_of_source(source: StoredSource, names: Pseudonyms) -> Iterator[SyncFact]:
    """Yield what a source tells of its last sync, for each of its sites."""
    report = source.state.report
    if source.definition is None or report is None:
        return
    yield from sync_facts(source.source_id, source.definition.sites(), report, source.state, names)


def studies_of(sources: Iterable[StoredSource]) -> dict[str, Study]:
    """Return what the rows of each study are made with."""
    return {
        source.source_id: Study(
            zone=source.definition.zone(),
            time_zone=source.definition.time_zone,
            shifted=source.definition.history.shift_dates,
            sites=source.definition.sites(),
            enabled=source.definition.enabled,
            no_show_days=source.definition.no_show_days,
        )
        for source in sources
        if source.definition is not None
    }
