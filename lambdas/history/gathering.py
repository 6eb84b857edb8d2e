"""All facts that a table holds, made of its entries and items in whichever order they are read."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from lambdas.history.facts.fact import EntryFact, Fact, entry_fact
from lambdas.history.facts.found import Present, found
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.audit.entry import Entry, Stored, Subject
from lambdas.store.audit.item_subject import fields_of
from lambdas.store.ownership import StoredItem


class Gathering:
    """Takes in entries and items, and gives facts.

    :param now: what stands for the beginning of a site's audit trail that has no entry yet.
    """

    def __init__(self, names: Pseudonyms, now: datetime) -> None:
        self._names, self._now = names, now
        self._facts: dict[str, list[Fact]] = defaultdict(list)
        self._told: dict[str, _Told] = defaultdict(_Told)
        self._present: dict[str, dict[str, Present]] = defaultdict(dict)

    def take(self, stored: Stored) -> None:
        """Take in an audit entry."""
        entry = stored.entry
        fact = entry_fact(entry, stored.hash, self._names)
        if fact is not None:
            self._facts[fact.site].append(fact)
        if isinstance(fact, EntryFact):
            for item_id in self._told[fact.site].take(entry):
                self._present[fact.site].pop(item_id, None)

    def take_item(self, stored: StoredItem) -> None:
        """Take in an item of the table, also one that is gone."""
        site, item_id = stored.item.site, stored.item.id
        if item_id not in self._told[site].created:
            self._present[site][item_id] = Present(item_id, fields_of(stored), stored.gone)

    def add(self, fact: Fact) -> None:
        """Take in a fact of another kind."""
        self._facts[fact.site].append(fact)

    def facts(self) -> dict[str, list[Fact]]:
        """Return all facts, by site."""
        for site, present in self._present.items():
            told = self._told[site]
            before = found(site, told.began or self._now, present.values(), told.in_order(), self._names)
            if before is not None:
                self._facts[site].append(before)
        return self._facts


class _Told:
    """What a site's entries say of items whose beginning none of them tells."""

    def __init__(self) -> None:
        self.began: datetime | None = None
        self.created = set[str]()
        self._others: dict[str, list[tuple[int, Subject]]] = defaultdict(list)

    def take(self, entry: Entry) -> list[str]:
        """Take in an entry; return the items that it creates."""
        if entry.number == 1:
            self.began = entry.at
        created = [each.id for each in entry.subjects if each.kind == "item" and each.action == "created"]
        self.created.update(created)
        for item_id in created:
            self._others.pop(item_id, None)
        for subject in entry.subjects:
            if subject.kind == "item" and subject.id not in self.created:
                self._others[subject.id].append((entry.number, subject))
        return created

    def in_order(self) -> dict[str, list[Subject]]:
        """Return them by item, the oldest first."""
        return {
            item: [subject for _, subject in sorted(told, key=lambda pair: pair[0])]
            for item, told in self._others.items()
        }
