"""All facts that the tables of a deployment hold now: what an export is made of, and a first load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from lambdas.history.facts.fact import EntryFact, Fact, entry_fact
from lambdas.history.facts.found import Present, found
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.facts.reports import heartbeat_fact, sync_facts
from lambdas.history.rows.state import Study
from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.audit.entry import Entry, Subject
from lambdas.store.audit.item_subject import fields_of
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
        facts: dict[str, list[Fact]] = defaultdict(list)
        told: dict[str, _Told] = defaultdict(_Told)
        for number, stored in enumerate(self._trail.all(), 1):
            entry = stored.entry
            fact = entry_fact(entry, stored.hash, names)
            if fact is not None:
                facts[fact.site].append(fact)
            if isinstance(fact, EntryFact):
                told[fact.site].take(entry)
            count("audit entries", number)
        for site in sites:
            items = (
                Present(each.item.id, fields_of(each), each.gone)
                for each in items_of_site(self._tables, site)
                if each.item.id not in told[site].created
            )
            began = told[site].began or datetime.fromtimestamp(self._now(), UTC)
            there_before = found(site, began, items, told[site].in_order(), names)
            facts[site] += [there_before] if there_before else []
        self._add_reports(facts, names)
        return facts

    def _add_reports(self, facts: dict[str, list[Fact]], names: Pseudonyms) -> None:
        heartbeats = self._relays.heartbeats()
        for relay in self._relays.all():
            beat = heartbeats.get(relay.relay_id)
            if beat is not None:
                fact = heartbeat_fact(relay.relay_id, relay.site, beat.seen_at, beat.health, None)
                facts[relay.site].append(fact)
        for source in self._sources.all():
            report = source.state.report
            if source.definition is not None and report is not None:
                for told in sync_facts(
                    source.source_id, source.definition.sites(), report, source.state, names
                ):
                    facts[told.site].append(told)


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


class _Told:
    """What a site's entries say of items whose beginning none of them tells."""

    def __init__(self) -> None:
        self.began: datetime | None = None
        self.created = set[str]()
        self._others: dict[str, list[tuple[int, Subject]]] = defaultdict(list)

    def take(self, entry: Entry) -> None:
        if entry.number == 1:
            self.began = entry.at
        for subject in entry.subjects:
            if subject.kind == "item" and subject.action == "created":
                self.created.add(subject.id)
                self._others.pop(subject.id, None)
            elif subject.kind == "item" and subject.id not in self.created:
                self._others[subject.id].append((entry.number, subject))

    def in_order(self) -> dict[str, list[Subject]]:
        """Return them by item, the oldest first."""
        return {
            item: [subject for _, subject in sorted(told, key=lambda pair: pair[0])]
            for item, told in self._others.items()
        }
