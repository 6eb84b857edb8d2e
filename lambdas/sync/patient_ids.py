"""The items of a batch of records, less those whose Patient ID is somebody else's at their site.

Who was on the worklist under that ID first stays; the later one is held, with a reason that names both
records. It is looked at again with every sync that read something, and comes back when either of them was
corrected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from lambdas.mapping.patients import Bearer, Patients, in_order, shared_id_reason
from lambdas.mapping.record import Mapped
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.unshown_rows import HeldRow
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import WorklistItem


class PatientIds:
    """Judges a source's items, batch by batch, against all items of their sites.

    :param removed: returns which of some items a person removed; they bear no Patient ID.
    :param thorough: also look at items that are on the worklist just so: an earlier build may have let them.
    """

    def __init__(
        self,
        definition: SourceDefinition,
        worklist: WorklistStore,
        removed: Callable[[Collection[str]], Collection[str]],
        *,
        thorough: bool,
    ) -> None:
        self._definition, self._worklist, self._thorough = definition, worklist, thorough
        self._removed = removed
        self._patients = Patients()
        self._held: dict[str, Bearer] = {}
        self._sites: set[str] = set()

    def judged(self, mapped: Mapping[str, Mapped]) -> dict[str, Mapped]:
        """Return what records give, with those items held that bear somebody else's Patient ID."""
        items = [item for each in mapped.values() for item in each.items]
        if self._definition.allow_shared_patient_id or not items or not self._concerns(items):
            return dict(mapped)
        self._load({item.site for item in items})
        before = frozenset[Bearer]().union(
            *(self._patients.forget_record(self._definition.id, record) for record in mapped)
        )
        of = {item.id: item for item in items}
        removed = self._removed([item.id for item in items])
        there = [Bearer.of(item) for item in items if item.id not in removed]
        rivals = self._rivals(there, before)
        held = {item_id: self._held_row(of[item_id], other) for item_id, other in rivals.items()}
        return {record: _without(each, held) for record, each in mapped.items()} if held else dict(mapped)

    def _rivals(self, bearers: Collection[Bearer], before: Collection[Bearer]) -> dict[str, Bearer]:
        """Return the items that have to wait, each with whose Patient ID it bears; take the others in.

        What the worklist shows and no row gives, or gives with somebody else's Patient ID, stays there as it
        was: until it is withdrawn, or for good if a scanner has begun it. So it keeps its Patient ID.

        :param before: the items of the same records as the worklist shows them, taken out of the others.
        """
        given = {bearer.item_id for bearer in bearers}
        new = frozenset(bearers) - frozenset(before)
        self._add(bearer for bearer in before if bearer.item_id not in given)
        rivals: dict[str, Bearer] = {}
        waiting = deque(in_order(bearers, frozenset(before)))
        while waiting:
            bearer = waiting.popleft()
            other = self._patients.another(bearer)
            if other is None:
                self._patients.add(bearer)
                self._held.pop(bearer.item_id, None)
                continue
            rivals[bearer.item_id], self._held[bearer.item_id] = other, bearer
            for old in (each for each in before if each.item_id == bearer.item_id):
                taken = [each for each in self._patients.others(old) if each in new]
                self._patients.forget(each.item_id for each in taken)
                waiting.extend(taken)
                self._patients.add(old)
        return rivals

    def _add(self, bearers: Iterable[Bearer]) -> None:
        for bearer in bearers:
            self._patients.add(bearer)

    def freed(self) -> set[str]:
        """Return the records with an item that was held, and whose Patient ID is nobody else's any more."""
        return {each.record for each in self._held.values() if self._patients.another(each) is None}

    def gone(self, item_ids: Iterable[str]) -> None:
        """Take note that items were withdrawn."""
        self._patients.forget(item_ids)

    def _concerns(self, items: Iterable[WorklistItem]) -> bool:
        """Tell whether there is anything to judge: a new item, or one whose participant reads otherwise."""
        if self._thorough or self._sites:
            return True
        by_site: dict[str, list[WorklistItem]] = {}
        for item in items:
            by_site.setdefault(item.site, []).append(item)
        for site, own in by_site.items():
            stored = self._worklist.writer.read(site, [item.id for item in own])
            for item in own:
                before = stored.get(item.id)
                if before is None or before.gone or Bearer.of(before.item) != Bearer.of(item):
                    return True
        return False

    def _load(self, sites: set[str]) -> None:
        for site in sorted(sites - self._sites):
            self._add(self._worklist.bearers(site))
            self._sites.add(site)

    def _held_row(self, item: WorklistItem, earlier: Bearer) -> HeldRow:
        return HeldRow(
            record=item.source_record,
            event=item.source_event,
            instrument=item.source_instrument,
            instance=item.source_instance,
            field=", ".join(self._definition.redcap_fields("patient_id")) or "fields.patient_id",
            reason=shared_id_reason(Bearer.of(item), earlier),
            because_of=earlier.record or earlier.item_id,
            day=item.scheduled_start_date,
            site=item.site,
        )


def _without(mapped: Mapped, held: Mapping[str, HeldRow]) -> Mapped:
    own = [item.id for item in mapped.items if item.id in held]
    if not own:
        return mapped
    rows = tuple(held[item_id] for item_id in own)
    gone = {(row.event, row.instrument, row.instance) for row in rows}
    return replace(
        mapped,
        items=tuple(item for item in mapped.items if item.id not in held),
        held=(*mapped.held, *rows),
        notes=tuple(
            note for note in mapped.notes if (note.event, note.instrument, note.instance) not in gone
        ),
    )
