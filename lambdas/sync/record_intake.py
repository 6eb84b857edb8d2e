"""What every kind of sync is made of: records are taken in, and what no row stands for any more is withdrawn.

Records come whole, with all their rows: an item whose record was read and gave nothing for it has vanished,
whatever else was not read. Four things are told apart:

    moved     its record is in another group now: withdrawn at the old site, written at the new one
    barred    a gate holds it, or its record is in no group that has a site: withdrawn, however many there are
    vanished  its row is gone, empty or wrong, or its record is: withdrawn, unless there are too many at once;
              then all of them wait for a person
    begun     a scanner has reported on it: it stays, and counts for nothing; if its row has another name
              now, it follows the row

REDCap may answer with half of a record's rows and say that all is well. So nothing is withdrawn on one
answer's word: its record is asked for again, or, if the record is gone, asked for by name. And if REDCap
lists a record and never returns it, the record is rejected, and its items stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypedDict

from lambdas.mapping.record import Mapped, map_record
from lambdas.redcap.row import DATA_ACCESS_GROUP, RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import Withheld
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow, UnshownRows
from lambdas.store.ownership import SCANNED
from lambdas.store.worklist import ItemRef, WorklistStore
from lambdas.sync import fuse
from lambdas.sync.patient_ids import PatientIds
from lambdas.sync.scans.continued_scans import ContinuedScans
from lambdas.sync.scans.portions import Items, Sweep, left_of, portions_of, records_of
from lambdas.sync.scans.saves import Saves
from lambdas.sync.scans.told_records import ANY_DAY, last_days
from shared.errors import Unavailable
from shared.identifiers import RowKey
from shared.worklist_item import WorklistItem

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

LOOKED_AT_AGAIN: Final = 200  # records held for another's Patient ID, at most
FEW: Final = 20  # records whose items are looked up; for more, all items of the source are read at once
LEFT_OUT: Final = (
    "REDCap lists this record and does not return it, even asked for it alone; its scans stay as they are. "
    "Open the record in REDCap, and look for spaces or other characters in its id"
)


class Found(TypedDict):
    """What some records gave besides items."""

    rejected: Collection[RejectedRow]
    held: Collection[HeldRow]
    read: Collection[str]
    notes: Collection[Note]
    left_out: Collection[str]


class RecordIntake:
    """One run over some records of a source.

    :param codes: the project's own missing-data codes.
    :param sites: every site the source's items may be at, those of an earlier definition among them.
    :param renew: holds the lease on; called before anything is written.
    :param confirmed: a person has agreed that however many items may be withdrawn.
    :param thorough: also look for shared Patient IDs among items that are on the worklist already.
    """

    def __init__(
        self,
        definition: SourceDefinition,
        redcap: RedcapProject,
        worklist: WorklistStore,
        *,
        codes: Collection[str],
        sites: Collection[str],
        renew: Callable[[], None],
        confirmed: bool = False,
        thorough: bool = False,
    ) -> None:
        self.saves = Saves()  # a dry run notes nothing
        self._definition, self._redcap, self._worklist = definition, redcap, worklist
        self.codes, self._renew, self.confirmed = codes, renew, confirmed
        self._sites = sorted({*sites, *definition.sites()})
        self._fields = definition.read_fields()
        self.continued = ContinuedScans(
            definition, redcap, worklist, sites=self._sites, codes=lambda: self.codes, thorough=thorough
        )
        self._patient_ids = PatientIds(definition, worklist, self.continued.removed, thorough=thorough)
        self._mapped: set[str] = set()  # ids of the items that the records read gave
        self._barred: set[str] = set()
        self._homes: dict[str, str] = {}  # record -> its group's site
        self.read: set[str] = set()
        self._gone: Set[str] = frozenset()  # of what was put back
        self._rejected: dict[str, tuple[RejectedRow, ...]] = {}
        self._held: dict[str, tuple[HeldRow, ...]] = {}
        self._notes: dict[str, tuple[Note, ...]] = {}
        self.written = self.unchanged = self.withdrawn = 0
        self._thorough = thorough
        self.changed: set[str] = set()
        """Records with at least one item written."""
        self.to_tell: dict[str, str] = {}
        """Records whose rows may have to say something else, each with its last day; see `last_days`."""
        self.left_out: set[str] = set()
        self.withheld: Withheld | None = None
        """What `withdraw` left where it is, for a person to look at."""

    def rows(self, records: Collection[str]) -> Iterator[list[RedcapRow]]:
        """Yield all rows of records, batch by batch; see `RedcapProject.rows`."""
        return self._redcap.rows(records, self._fields, self.left_out)

    def ask_again_for(self, left_out: Collection[str]) -> None:
        """Ask again for records that REDCap did not return to an earlier sync."""
        there = self._redcap.existing(left_out) if left_out else frozenset()
        self.left_out |= set(left_out) - there
        for batch in self.rows(there):
            self.take(batch)

    def look_at(self, put_back: Collection[str]) -> None:
        """Hold records against their exams, one of which is to be scanned again; one may be gone."""
        there = self._redcap.existing(put_back) if put_back else frozenset()
        self._gone = frozenset(put_back) - there
        self.read |= self._gone
        for batch in self.rows(there):
            self.take(batch)

    @property
    def dealt_with(self) -> Set[str]:
        """The records read, and those that REDCap did not return."""
        return self.read | self.left_out

    def rejected_as_left_out(self) -> list[RejectedRow]:
        """Return a rejected row for each record that REDCap did not return."""
        return [
            RejectedRow(
                record=record,
                field=self._definition.record_id_field,
                reason=LEFT_OUT,
                site=self._definition.site or self._homes.get(record, ""),
            )
            for record in sorted(self.left_out)
        ]

    def take(self, rows: Sequence[RedcapRow]) -> None:
        """Map the rows of whole records, and write what they give."""
        items: list[WorklistItem] = []
        records = by_record(rows)
        mapped = {name: map_record(self._definition, own, self.codes) for name, own in records}
        judged = self._patient_ids.judged(self.continued.resolved(dict(records), mapped))
        for name, own in records:
            items += self._judged(name, judged[name])
            if self._definition.sites_by_dag:
                group = own[0].values.get(DATA_ACCESS_GROUP, "")
                self._homes[name] = self._definition.sites_by_dag.get(group, "")
        if items:
            self._renew()
            put = self._worklist.put_if_changed(items, self._sites, saved=self.saves.of(items))
            self.written += put.written
            self.unchanged += put.unchanged
            self.changed |= put.records

    def look_again(self, before: Iterable[HeldRow]) -> None:
        """Look again at those held for another's Patient ID: the other may have been corrected meanwhile.

        :param before: what was held before this pass; of the records it read, what it found counts.
        """
        held = [*self.held, *(row for row in before if row.record not in self.read)]
        records = {row.record for row in held if row.because_of}
        if len(records) > LOOKED_AT_AGAIN:
            records = self._patient_ids.freed()
        if records:
            there = self._redcap.existing(records)
            self.read |= records - there  # gone: held no more
            for batch in self.rows(there):
                self.take(batch)

    def look_for_lost(self, records: Collection[str]) -> None:
        """Look whether touched scans of records that are gone are there under another name already.

        :param records: all that REDCap has.
        """
        rivals = self.continued.rivals_of_lost(records)
        if rivals and len(rivals) <= LOOKED_AT_AGAIN:
            self.continued.look_at_every_row()
            for batch in self.rows(rivals):
                self.take(batch)

    def _judged(self, record: str, mapped: Mapped) -> Sequence[WorklistItem]:
        self.read.add(record)
        self.left_out.discard(record)
        self.to_tell |= last_days(record, mapped, thorough=self._thorough)
        self._rejected.pop(record, None)
        if mapped.rejected:
            self._rejected[record] = self.saves.noted(mapped.rejected)
        self._held.pop(record, None)
        if mapped.held:
            self._held[record] = self.saves.noted(mapped.held)
        self._notes.pop(record, None)
        if mapped.notes:
            self._notes[record] = mapped.notes
        strays: list[RejectedRow | HeldRow] = [r for r in mapped.rejected if DATA_ACCESS_GROUP in r.field]
        barred = {self._item_id(row) for row in (*strays, *mapped.held)}
        self._mapped -= barred
        self._mapped.update(item.id for item in mapped.items)
        self._barred -= {item.id for item in mapped.items}
        self._barred |= barred
        return mapped.items

    @property
    def rejected(self) -> list[RejectedRow]:
        """Rows that cannot be items, of the records read, and the records that were not returned."""
        return [*self.rejected_rows, *self.rejected_as_left_out()]

    @property
    def rejected_rows(self) -> list[RejectedRow]:
        """Rows that cannot be items, of the records read."""
        return [row for name, rows in self._rejected.items() if name not in self.left_out for row in rows]

    @property
    def held(self) -> list[HeldRow]:
        """Scans that a gate keeps off the worklist, of the records read."""
        return [row for rows in self._held.values() for row in rows]

    @property
    def notes(self) -> list[Note]:
        """What was left out of items or put right, of the records read."""
        return [note for notes in self._notes.values() for note in notes]

    def note_gone(self, records: Collection[str], before: UnshownRows) -> None:
        """Take note that what was remembered of records which are gone is no news any more.

        :param records: all records that REDCap lists.
        """
        reported = {row.record for row in (*before.rejected, *before.held, *before.notes)}
        self.read |= reported - set(records)

    def found(self) -> Found:
        """Return what to remember of the records read; the arguments of `UnshownRows.after_reading`."""
        return {
            "rejected": self.rejected,
            "held": self.held,
            "read": self.dealt_with,
            "notes": self.notes,
            "left_out": self.left_out,
        }

    def _item_id(self, row: RejectedRow | HeldRow) -> str:
        key = RowKey(self._definition.id, row.record, row.event, row.instrument, row.instance)
        return self.continued.item_id(key.item_id())

    def sweep(
        self,
        records: Mapping[str, str] | None = None,
        suspects: Set[str] = frozenset(),
        *,
        last: bool = False,
    ) -> Sweep:
        """Look at all items of the source. Reads their sites' whole partitions, and writes nothing.

        :param records: all records, each with its group, to find those that are gone; None: not known.
        :param suspects: ids of items that were found without a row before, and are still there.
        :param last: every record has been read, by this pass or before.
        """
        found = Sweep(gone=set(self._gone))
        self._use_groups_of_left_out(records)
        for site in self._sites:
            for ref in self._worklist.items_of_source(self._definition.id, site):
                if ref.status_owner not in SCANNED:
                    found.total += 1
                    self._sort(found, site, ref, records, suspects, last=last)
        return found

    def sweep_changed(self) -> Sweep:
        """Look at the items of the records read; at all of them if one has no row: a share of all may go."""
        if len(self.read) > FEW or not all(map(self._worklist.followed.is_prepared, self._sites)):
            return self.sweep()
        found = Sweep(gone=set(self._gone))
        known = self._mapped - self._barred if len(self._sites) == 1 else frozenset()
        for record in sorted(self.read):
            for site, ref in self._worklist.items_of_record(self._definition.id, record, known):
                if ref.status_owner not in SCANNED:
                    self._sort(found, site, ref, None, frozenset(), last=False)
        return self.sweep() if found.barred or found.vanished else found

    def _use_groups_of_left_out(self, records: Mapping[str, str] | None) -> None:
        if records is None:
            return
        self.read |= self.left_out - records.keys()  # gone
        self.left_out &= records.keys()
        if self._definition.sites_by_dag:  # its rows are not known; where it may be shown, is
            for record in self.left_out:
                self._homes[record] = self._definition.sites_by_dag.get(records[record], "")

    def _sort(
        self,
        found: Sweep,
        site: str,
        ref: ItemRef,
        records: Mapping[str, str] | None,
        suspects: Set[str],
        *,
        last: bool,
    ) -> None:
        item_id, record = ref.item_id, ref.source_record
        gone = records is not None and record not in records
        if gone:
            found.gone.add(record)
        if self._is_barred(site, item_id, record, last=last):
            found.barred[site][item_id] = record
        elif gone:
            found.vanished[site][item_id] = record
        elif item_id in self._mapped:
            return
        elif record in self.read or item_id in suspects:
            found.vanished[site][item_id] = record

    def withdraw(self, found: Sweep, *, forgotten: int = 0) -> None:
        """Withdraw what was barred, and what has vanished, unless so much has that a person has to look.

        :param forgotten: items that vanished besides, and that nobody knows by their ids any more.
        :raises Unavailable: REDCap knows a record by name that its list of all records lacks.
        """
        self.withdraw_barred(found)
        if found.gone and self._redcap.existing(found.gone):
            raise Unavailable("REDCap's list of record ids is not complete", where=self._definition.url)
        portions = list(portions_of(found.vanished))
        if len(portions) == 1:  # so few that what REDCap has after all may keep the fuse whole
            portions = [self._still_vanished(portions[0], found)]
        ids = [item_id for some in portions for of_site in some.values() for item_id in of_site]
        if self._must_wait(len(ids) + forgotten, found.total) or (forgotten and not self.confirmed):
            self.withheld = Withheld.of(ids, found.total, forgotten)
            return
        for some in portions:
            self._withdraw(some if len(portions) == 1 else self._still_vanished(some, found))
            self.to_tell |= dict.fromkeys(records_of(some) - found.gone, ANY_DAY)
        self.withheld = Withheld.of((), found.total, forgotten) if forgotten else None

    def _still_vanished(self, some: Items, found: Sweep) -> Items:
        self._ask_again(some, but=found.gone)
        return left_of(
            some,
            lambda _site, item_id, record: (
                (record in found.gone or item_id not in self._mapped) and record not in self.left_out
            ),
        )

    def withdraw_barred(self, found: Sweep) -> None:
        """Withdraw what may not be shown, however many there are."""
        for some in portions_of(found.barred):
            self._ask_again(some, but=found.gone)
            self._withdraw(left_of(some, lambda *place: self._is_barred(*place, last=True)))
            self.to_tell |= dict.fromkeys(records_of(some) - found.gone, ANY_DAY)

    def _is_barred(self, site: str, item_id: str, record: str, *, last: bool) -> bool:
        if item_id in self._barred:
            return True
        if record in self._homes:
            return self._homes[record] != site
        return site not in self._definition.sites() and (last or record in self.read)

    def _ask_again(self, items: Items, *, but: Collection[str]) -> None:
        records = {record for of_site in items.values() for record in of_site.values()} - set(but)
        for batch in self.rows(records):
            self.take(batch)

    def _must_wait(self, vanished: int, total: int) -> bool:
        share = self._definition.max_withdrawn_share
        return not self.confirmed and fuse.blows(vanished, total, share)

    def withdraw_unmapped(self, record: str, rows: Sequence[RedcapRow]) -> None:
        """Withdraw the items of a record's rows that gave none, asked twice; looks at no other item."""
        ids = {self.continued.item_id(row.key(self._definition.id).item_id()) for row in rows} - self._mapped
        shown = {site: self._shown(site, ids) for site in self._sites}
        if any(shown.values()):
            again = self._redcap.rows_of(record, self._fields)
            if not again:
                return  # gone, or not returned: the next look at all ids tells which
            self.take(again)
            self._withdraw({site: sorted(of_site - self._mapped) for site, of_site in shown.items()})

    def _shown(self, site: str, item_ids: Collection[str]) -> set[str]:
        stored = self._worklist.writer.read(site, sorted(item_ids))
        return {item_id for item_id, each in stored.items() if not each.gone}

    def _withdraw(self, ids_by_site: Mapping[str, Collection[str]]) -> None:
        for site, item_ids in sorted(ids_by_site.items()):
            self._renew()
            self.withdrawn += self._worklist.withdraw(site, item_ids)
            self._patient_ids.gone({*item_ids} - self._shown(site, item_ids))  # what has begun stays


def by_record(rows: Sequence[RedcapRow]) -> list[tuple[str, list[RedcapRow]]]:
    """Return rows by record, in order of record id."""
    ordered = sorted(rows, key=lambda row: row.record)
    return [(record, list(own)) for record, own in groupby(ordered, key=lambda row: row.record)]
