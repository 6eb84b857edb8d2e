"""Scans that a scanner or a person has touched keep their item, whatever REDCap calls their row since.

A row with a name of its own gives an item of its own. So a record that was renamed, or a scan that was
entered again as another event or instance, would be offered to the scanner a second time, though it has
begun. Here such a row is found out by what it says, or by what REDCap's log says; and its item follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lambdas.mapping.patients import Bearer
from lambdas.mapping.record import Mapped, map_record
from lambdas.mapping.same_scan import as_under, is_same_scan, row_key, with_identity
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.store.by_source.keys import is_touched
from lambdas.store.followed_items import item_meant
from lambdas.store.ownership import StoredItem
from lambdas.store.worklist import WorklistStore
from shared.errors import Forbidden
from shared.identifiers import RowKey
from shared.worklist_item import WorklistItem

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

FEW: Final = 20
"""Items that are looked up one by one; for more, all that were touched are read at once."""
LOGS_ASKED_FOR: Final = 20
"""New records whose log is asked for in one run at most; a bulk import is no rename."""

Rows = Mapping[str, Sequence[RedcapRow]]
_SLOT: Final = frozenset({"scheduled_start_date", "scheduled_start_time"})
_WHEN_AND_WHERE: Final = frozenset({*_SLOT, "scheduled_station_aetitle"})


class ContinuedScans:
    """Which item each row of a source means.

    :param sites: every site the source's items may be at.
    :param codes: returns the project's own missing-data codes.
    :param thorough: look at every row; otherwise only at those that are new, or another's than before.
    """

    def __init__(
        self,
        definition: SourceDefinition,
        redcap: RedcapProject,
        worklist: WorklistStore,
        *,
        sites: Collection[str],
        codes: Callable[[], Collection[str]],
        thorough: bool,
    ) -> None:
        self._definition, self._redcap, self._worklist = definition, redcap, worklist
        self._sites, self._codes, self._thorough = sites, codes, thorough
        self._names: dict[str, str] | None = None  # row id -> item id
        self._touched: dict[str, StoredItem] | None = None  # all of them, once they are read
        self._stored: dict[str, StoredItem] = {}  # at their rows' own sites, of the items looked at
        self._moved: dict[str, StoredItem] = {}  # items that have followed their rows in this run
        self._logs: dict[str, frozenset[str]] = {}  # record -> its former names
        self._may_read_logs = True

    def item_id(self, row_id: str) -> str:
        """Return the id of the item that a row means, given the id that its name would give."""
        return item_meant(self._known_names(), row_id)

    def resolved(self, rows: Rows, mapped: Mapping[str, Mapped]) -> dict[str, Mapped]:
        """Return what records give, each item under the id of the scan it means."""
        named = {record: self._named(each) for record, each in mapped.items()}
        items = [item for each in named.values() for item in each.items]
        news = items if self._thorough else self._news(items)
        if not news:
            return named
        if self._thorough or len(news) > FEW:
            self._all_touched()
        ids = frozenset(item.id for item in news)
        return {record: self._followed(rows[record], each, ids) for record, each in named.items()}

    def look_at_every_row(self) -> None:
        """From now on look also at rows that are on the worklist just so."""
        self._thorough = True

    def touched_sites(self) -> frozenset[str]:
        """Return the sites where a scanner or a person has touched an item of the source."""
        return frozenset(stored.item.site for stored in self._all_touched().values())

    def removed(self, item_ids: Collection[str]) -> frozenset[str]:
        """Return which of some items a person removed."""
        if self._touched is None:
            found = self._touched_among(item_ids, self._sites)
        else:
            found = [self._touched[item_id] for item_id in item_ids if item_id in self._touched]
        return frozenset(stored.item.id for stored in found if stored.gone)

    def rivals_of_lost(self, records: Collection[str]) -> frozenset[str]:
        """Return the records that may be what touched scans of records that are gone are called now.

        A scan may begin when its record has another name already: then that name's item is there first.

        :param records: all that REDCap has.
        """
        lost = [each.item for each in self._all_touched().values() if each.item.source_record not in records]
        days = {item.scheduled_start_date for item in lost}
        return frozenset(
            record
            for day in sorted(days)
            for record in self._worklist.records_on(self._definition.id, day)
            if record in records
        )

    def _known_names(self) -> dict[str, str]:
        if self._names is None:
            self._names = self._worklist.followed.names(self._sites)
        return self._names

    def _all_touched(self) -> dict[str, StoredItem]:
        if self._touched is None:
            found = self._worklist.followed.touched(self._definition.id, self._sites)
            self._touched = {stored.item.id: stored for stored in found}
        return self._touched

    def _named(self, mapped: Mapped) -> Mapped:
        ids = [(item, self.item_id(item.id)) for item in mapped.items]
        if all(item.id == item_id for item, item_id in ids):
            return mapped
        items = (item if item.id == item_id else with_identity(item, item_id) for item, item_id in ids)
        return replace(mapped, items=tuple(items))

    def _news(self, items: Sequence[WorklistItem]) -> list[WorklistItem]:
        """Return the items that may have another name to be found: new ones, and somebody else's now."""
        by_site: dict[str, list[WorklistItem]] = {}
        for item in items:
            by_site.setdefault(item.site, []).append(item)
        for site, own in by_site.items():
            self._stored |= self._worklist.writer.read(site, [item.id for item in own])
        return [item for item in items if _is_news(self._stored.get(item.id), item)]

    def _followed(self, rows: Sequence[RedcapRow], mapped: Mapped, news: Collection[str]) -> Mapped:
        items = list(mapped.items)
        for position, item in enumerate(items):
            if item.id not in news or self._is_touched(item):
                continue
            found = self._alike(item, rows) or self._by_log(item)
            left = [each for each in found if self._has_left(each, mapped, item)]
            if len(left) == 1:
                items[position] = self._follow(left[0], item)
        return replace(mapped, items=tuple(items))

    def _is_touched(self, item: WorklistItem) -> bool:
        if self._touched is not None:
            return item.id in self._touched
        here = self._stored.get(item.id)
        elsewhere = [site for site in self._sites if site != item.site]
        return bool((here and is_touched(here)) or self._touched_among([item.id], elsewhere))

    def _touched_among(self, item_ids: Collection[str], sites: Collection[str]) -> list[StoredItem]:
        """Return those of some items, at some sites, that are touched."""
        found = {
            stored.item.id: stored
            for site in sites
            for stored in self._worklist.writer.read(site, sorted(item_ids)).values()
            if is_touched(stored)
        }
        return [self._moved.get(item_id, stored) for item_id, stored in found.items()]

    def _candidates(self, item: WorklistItem) -> list[StoredItem]:
        """Return the touched items that may be what an item was before, by their start."""
        if self._touched is not None:
            return list(self._touched.values())
        found = self._worklist.followed.touched_like(item, self._sites)
        return [self._moved.get(stored.item.id, stored) for stored in found]

    def _alike(self, item: WorklistItem, rows: Sequence[RedcapRow]) -> list[StoredItem]:
        return [
            each for each in self._candidates(item) if self._may_be(each, item) and self._is(each, item, rows)
        ]

    def _by_log(self, item: WorklistItem) -> list[StoredItem]:
        """Return what the log says the row was before; it is asked about a few new records at most."""
        place = _place(item)
        if self._touched is None:
            touched = self._touched_before(item)
        else:
            touched = [each for each in self._touched.values() if _place(each.item) == place]
            if not touched or not _is_news(self._read_anew(item), item):
                return []
        names = self._former_names(item.source_record) if touched else frozenset()
        return [each for each in touched if _place(each.item) == place and each.item.source_record in names]

    def _touched_before(self, item: WorklistItem) -> list[StoredItem]:
        """Return the touched items of a new row's former names; a row that was there is no new one."""
        before = self._stored.get(item.id)
        if before is not None and not before.gone:
            return []
        rows = [replace(row_key(item), record=name) for name in self._former_names(item.source_record)]
        return self._touched_among({self.item_id(row.item_id()) for row in rows}, self._sites) if rows else []

    def _read_anew(self, item: WorklistItem) -> StoredItem | None:
        return self._worklist.writer.read(item.site, [item.id]).get(item.id)

    def _former_names(self, record: str) -> frozenset[str]:
        if record not in self._logs and self._may_read_logs and len(self._logs) < LOGS_ASKED_FOR:
            try:
                self._logs[record] = self._redcap.former_names(record)
            except Forbidden:  # most tokens may not read the log, nor need to
                self._may_read_logs = False
        return self._logs.get(record, frozenset())

    def _may_be(self, touched: StoredItem, item: WorklistItem) -> bool:
        """Tell what can be told without mapping the row again."""
        return all(
            name in touched.edited or getattr(touched.item, name) == getattr(item, name) for name in _SLOT
        )

    def _is(self, touched: StoredItem, item: WorklistItem, rows: Sequence[RedcapRow]) -> bool:
        before = as_under(row_key(touched.item), self._definition, item, rows, self._codes())
        if before is None:
            return False
        # Who it is has to be the same in REDCap's own words: an edit may hide that it is somebody else.
        edited = {name: getattr(touched.item, name) for name in touched.edited if name in _WHEN_AND_WHERE}
        return is_same_scan(touched.item, before.model_copy(update=edited))

    def _has_left(self, touched: StoredItem, mapped: Mapped, item: WorklistItem) -> bool:
        """Tell whether REDCap has no scan any more where the touched one was."""
        key = row_key(touched.item)
        if key.record != item.source_record:
            rows = self._redcap.rows_of(key.record, self._definition.read_fields())
            mapped = map_record(self._definition, rows, self._codes())
        return key not in _keys(self._definition.id, mapped)

    def _follow(self, touched: StoredItem, item: WorklistItem) -> WorklistItem:
        item_id, row_id = touched.item.id, row_key(item).item_id()
        followed = with_identity(item, item_id)
        for site in self._sites:  # what this name was shown as, if it was
            self._worklist.withdraw(site, [item.id])
        names = self._known_names()
        before = next((name for name, meant in names.items() if meant == item_id), item_id)
        self._worklist.followed.follow(touched.item.site, followed, row_id, before)
        names.pop(before, None)
        if row_id != item_id:
            names[row_id] = item_id
        here = followed.model_copy(update={"site": touched.item.site})
        self._moved[item_id] = touched.model_copy(update={"item": here})
        if self._touched is not None:
            self._touched[item_id] = self._moved[item_id]
        return followed


def _place(item: WorklistItem) -> tuple[str, str, int]:
    """Return what a rename leaves as it is."""
    return item.source_event, item.source_instrument, item.source_instance


def _is_news(before: StoredItem | None, item: WorklistItem) -> bool:
    if before is None or before.gone:
        return True
    other_slot = any(getattr(before.item, name) != getattr(item, name) for name in _SLOT)
    return other_slot or Bearer.of(before.item) != Bearer.of(item)


def _keys(source: str, mapped: Mapped) -> frozenset[RowKey]:
    """Return the keys of the rows that are scans, on the worklist or not."""
    unshown = (*mapped.rejected, *mapped.held)
    rows = (RowKey(source, row.record, row.event, row.instrument, row.instance) for row in unshown)
    return frozenset(rows) | _item_keys(mapped.items)


def _item_keys(items: Iterable[WorklistItem]) -> frozenset[RowKey]:
    return frozenset(row_key(item) for item in items)
