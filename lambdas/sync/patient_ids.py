"""The items of a batch of records, less those whose Patient ID is somebody else's at their site.

Who was on the worklist under that ID first stays; the later one is held, with a reason that names both
records. It is looked at again with every sync that read something, and comes back when either of them was
corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lambdas.mapping.patients import Bearer, Patients, in_order, shared_id_reason
from lambdas.mapping.record import Mapped
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.unshown_rows import HeldRow
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import WorklistItem


class PatientIds:
    """Judges a source's items, batch by batch, against all items of their sites.

    :param thorough: also look at items that are on the worklist just so: an earlier build may have let them.
    """

    def __init__(self, definition: SourceDefinition, worklist: WorklistStore, *, thorough: bool) -> None:
        self._definition, self._worklist, self._thorough = definition, worklist, thorough
        self._patients = Patients()
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
        held: dict[str, HeldRow] = {}
        of = {item.id: item for item in items}
        for bearer in in_order(map(Bearer.of, items), before):
            if (other := self._patients.another(bearer)) is None:
                self._patients.add(bearer)
            else:
                held[bearer.item_id] = self._held(of[bearer.item_id], bearer, other)
        return {record: _without(each, held) for record, each in mapped.items()} if held else dict(mapped)

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
            for bearer in self._worklist.bearers(site):
                self._patients.add(bearer)
            self._sites.add(site)

    def _held(self, item: WorklistItem, later: Bearer, earlier: Bearer) -> HeldRow:
        return HeldRow(
            record=item.source_record,
            event=item.source_event,
            instrument=item.source_instrument,
            instance=item.source_instance,
            field=", ".join(self._definition.redcap_fields("patient_id")) or "fields.patient_id",
            reason=shared_id_reason(later, earlier),
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
