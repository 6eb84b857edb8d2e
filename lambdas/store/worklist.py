"""The worklist in DynamoDB: every way an item is written, found or handed to a relay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from lambdas.mapping.patients import Bearer
from lambdas.store import ownership
from lambdas.store.audit.entry import SYSTEM, Actor
from lambdas.store.by_source.items import ItemRef, bearers, items_of_record, items_of_source
from lambdas.store.commit import BATCH, Change, ItemWriter, Written
from lambdas.store.faults import translated
from lambdas.store.feed import FeedRow, Head, is_ancestor, is_current, read_page
from lambdas.store.followed_items import FollowedItems
from lambdas.store.item_rows import stored_item
from lambdas.store.item_site import SiteMove, site_move
from lambdas.store.listing import BookedRow, ItemPage, ItemQuery, booked_rows, items_of_days, list_items
from lambdas.store.models import SELF_TEST, SITES, ItemRow, Tables, item_key, site_key
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.timing import Saved
from lambdas.store.self_tests.outcome import feed_row
from shared.batches import batches
from shared.errors import AlreadyExists, NotFound
from shared.feed import Cursor, FeedItem, FeedPage, Tombstone
from shared.identifiers import study_instance_uid
from shared.worklist_item import Status, WorklistItem

__all__ = ["ItemPage", "ItemQuery", "ItemRef", "PutResult", "StoredItem", "WorklistStore"]

_BATCH_GET: Final = 100
_TO_BE_DONE: Final = (Status.SCHEDULED, Status.ARRIVED, Status.READY)
_MOST_A_DAY: Final = 1000

Edit = Callable[[StoredItem], Mapping[str, Any]]
"""What to change of an item, given how it stands."""

Check = Callable[[StoredItem], None]
"""Raises if an item, as it stands, is not to be changed."""


@dataclass(frozen=True)
class PutResult:
    """How many items a source's write changed, their records, and how many were already right."""

    written: int
    unchanged: int
    records: frozenset[str] = frozenset()


class WorklistStore:
    """Items of all sites.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier at every call.
    :param settle_seconds: how long a committed change may take to be seen by every read.
    :param writer: writes the items; None: to the table.
    :param followed: items that followed their rows to another name; None: those of the table.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        settle_seconds: float = 10.0,
        writer: ItemWriter | None = None,
        followed: FollowedItems | None = None,
    ) -> None:
        self._tables, self._now, self._settle = tables, now, settle_seconds
        self.writer: Final[ItemWriter] = writer or ItemWriter(
            tables, now=now, new_id=new_id, settle=settle_seconds
        )
        self.followed: Final[FollowedItems] = followed or FollowedItems(tables, self.writer, now=now)

    def sites(self) -> list[str]:
        """Return every site that ever had an item."""
        with translated("listing sites"):
            return sorted(row.sk for row in self._tables.site.query(SITES, consistent_read=True))

    def find(self, item_id: str, *, gone: bool = False) -> StoredItem | None:
        """Return an item by id, whichever its site; None if there is none.

        :param gone: also one that is gone, if no site has it otherwise.
        """
        there, buried = self._in_index(item_id)
        if there is not None:
            return there
        keys = [(site_key(site), item_key(item_id)) for site in self.sites()]
        for some in batches(keys, _BATCH_GET):
            with translated("finding an item"):
                rows = list(self._tables.item.batch_get(some, consistent_read=True))
            for row in rows:
                if not row.gone:
                    return stored_item(row)
                buried = stored_item(row)
        return buried if gone else None

    def _in_index(self, item_id: str) -> tuple[StoredItem | None, StoredItem | None]:
        """Return an item, or its tombstone, by the study that most items have by their id.

        The index may be a moment behind, and knows nothing of an item with another study: what it does not
        find may be there all the same.
        """
        index = self._tables.item.by_study
        with translated("finding an item"):
            rows = index.query(study_instance_uid(item_id), self._tables.item.sk == item_key(item_id))
            keys = [(row.pk, row.sk) for row in rows]
            found = list(self._tables.item.batch_get(keys, consistent_read=True)) if keys else []
        stored = [stored_item(row) for row in found]
        there = next((each for each in stored if not each.gone), None)
        return there, next(iter(stored), None)

    def list_items(
        self, query: ItemQuery, *, limit: int, start: str | None = None, offset: int = 0
    ) -> ItemPage:
        """Return a page of items for people; see `lambdas.store.listing.list_items`."""
        return list_items(self._tables, query, limit=limit, now=self._now(), start=start, offset=offset)

    def of_days(
        self,
        site: str,
        first: str,
        last: str,
        admits: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> list[StoredItem]:
        """Return a site's items of some days; see `lambdas.store.listing.items_of_days`."""
        return list(items_of_days(self._tables, site, first, last, admits))

    def booked(self, site: str, first: str, last: str) -> Iterator[BookedRow]:
        """Yield what was planned at a site for some days; see `lambdas.store.listing.booked_rows`."""
        return booked_rows(self._tables, site, first, last)

    def put_if_changed(
        self,
        items: Iterable[WorklistItem],
        sites: Collection[str] = (),
        *,
        by: Actor | None = None,
        saved: Mapping[str, Saved] | None = None,
    ) -> PutResult:
        """Write what a source says of items, where it differs and where the source owns it.

        :param sites: all sites the items may be at; where one has moved, it is withdrawn there first, and
            takes along what a person changed.
        :param by: who says so; None: the items' source.
        :param saved: what is known of when their plans were entered, by item id.
        :raises Conflict, Unavailable: as `ItemWriter.change`; what was written before stays, and the same
            call again writes only the rest.
        """
        placings = self._placings(list(items), sites)
        for site in sorted({site for each in placings.values() for site in each.leave}):
            gone = [item_id for item_id, each in placings.items() if site in each.leave]
            self.withdraw(site, gone, by=by, moved=True)
        written, records = 0, set[str]()
        placed = [(each.item, each.inherited) for each in placings.values() if each.item is not None]
        placed.sort(key=lambda pair: pair[0].site)
        for site, of_site in groupby(placed, key=lambda pair: pair[0].site):
            for some in batches(list(of_site), BATCH):
                changes = {item.id: _from_source(item, inherited) for item, inherited in some}
                done = self.writer.change(site, changes, by=by, saved=saved)
                written += done.written
                records |= {item.source_record for item, _ in some if item.id in done.changed}
        return PutResult(written, len(placings) - written, frozenset(records))

    def _placings(self, items: Sequence[WorklistItem], sites: Collection[str]) -> dict[str, SiteMove]:
        if all({item.site}.issuperset(sites) for item in items):
            return {item.id: SiteMove(item) for item in items}
        found: dict[str, dict[str, StoredItem]] = {item.id: {} for item in items}
        for site in sorted({*sites, *(item.site for item in items)}):
            for item_id, stored in self.writer.read(site, list(found)).items():
                found[item_id][site] = stored
        return {item.id: site_move(item, found[item.id]) for item in items}

    def create(self, item: WorklistItem, *, by: Actor = SYSTEM) -> StoredItem:
        """Write an item made by hand. :raises AlreadyExists: one with this id exists."""

        def change(current: StoredItem | None) -> StoredItem:
            if current is not None:
                # Our own retry after an answer that never came finds its own work done.
                if current.item == item:
                    return current
                raise AlreadyExists("an item with this id exists", where="id")
            return StoredItem(item=item, feed_seq=0)

        return self._change_one(item.site, item.id, change, by)

    def edit(self, item_id: str, changes: Mapping[str, Any] | Edit, *, by: Actor = SYSTEM) -> StoredItem:
        """Change fields of an item by a person, who owns them from then on.

        :param changes: the fields, or what finds them, given the item as it stands at the moment of writing;
            it may raise to refuse.
        :raises NotFound: no such item.
        :raises Rejected: a field that may not be edited, or a value it cannot hold.
        """

        def change(current: StoredItem | None) -> StoredItem:
            there = _present(current)
            wanted = changes(there) if callable(changes) else changes
            return ownership.from_person(there, wanted) if wanted else there

        return self._change_one(self._site_of(item_id), item_id, change, by)

    def remove(self, item_id: str, check: Check = lambda _: None, *, by: Actor = SYSTEM) -> None:
        """Remove an item by a person; a source will not bring it back.

        :param check: raises if the item, as it stands at the moment of writing, is not to be removed.
        :raises NotFound: no such item.
        """

        def change(current: StoredItem | None) -> StoredItem:
            there = _present(current)
            check(there)
            return ownership.removed(there)

        self._change_one(self._site_of(item_id), item_id, change, by)

    def release(
        self, item_id: str, fields: Collection[str], check: Check = lambda _: None, *, by: Actor = SYSTEM
    ) -> StoredItem:
        """Give fields of an item back to its source; see `ownership.released`, which raises too.

        :raises NotFound: no such item.
        """

        def change(current: StoredItem | None) -> StoredItem:
            there = _present(current)
            check(there)
            return ownership.released(there, fields)

        return self._change_one(self._site_of(item_id), item_id, change, by)

    def restore(self, item_id: str, check: Check = lambda _: None, *, by: Actor = SYSTEM) -> StoredItem:
        """Bring back an item that a person removed; one that is there stays as it is.

        :raises NotFound: there never was such an item, or it was removed too long ago.
        :raises Rejected: nobody removed it; its row is gone from its source.
        """
        found = self.find(item_id, gone=True)
        if found is None:
            raise NotFound("no such worklist item", where="id")
        check(found)
        return self._change_one(
            found.item.site, item_id, lambda now: None if now is None else ownership.restored(now), by
        )

    def withdraw(
        self, site: str, item_ids: Iterable[str], *, by: Actor | None = None, moved: bool = False
    ) -> int:
        """Remove items whose rows vanished from their source; return how many were.

        An item a scanner has reported on stays: the scan is real.

        :param moved: they are at another site now, and so were not cancelled.
        """
        written = 0
        for some in batches(list(dict.fromkeys(item_ids)), BATCH):
            changes: dict[str, Change] = dict.fromkeys(some, _moved_away if moved else _withdrawn)
            written += self.writer.change(site, changes, by=by).written
        return written

    def items_of_source(self, source_id: str, site: str) -> Iterator[ItemRef]:
        """Yield a source's items at a site; see `lambdas.store.by_source.items.items_of_source`."""
        return items_of_source(self._tables, source_id, site)

    def items_of_record(
        self, source_id: str, record: str, but: Collection[str] = ()
    ) -> Iterator[tuple[str, ItemRef]]:
        """Yield a record's items, with their sites; see `lambdas.store.by_source.items.items_of_record`."""
        return items_of_record(self._tables, source_id, record, but)

    def records_on(self, source_id: str, day: str) -> frozenset[str]:
        """Return the records of a source with a scan still to be done on a day (``YYYYMMDD``)."""
        query = ItemQuery(statuses=_TO_BE_DONE, date_from=day, date_to=day)
        page = list_items(self._tables, query, limit=_MOST_A_DAY, now=self._now())
        return frozenset(each.item.source_record for each in page.items if each.item.source == source_id)

    def bearers(self, site: str) -> Iterator[Bearer]:
        """Yield whose Patient IDs a site's items bear; see `lambdas.store.by_source.items.bearers`."""
        return bearers(self._tables, site)

    def head(self, site: str) -> Head | None:
        """Return a site's head; `lambdas.store.feed.FeedTable`."""
        return self.writer.head(site)

    def is_in_history(self, site: str, version: int, stamp: str) -> bool:
        """Tell whether a write of a site's head left this stamp; `lambdas.store.feed.FeedTable`."""
        return self.writer.is_in_history(site, version, stamp)

    def rows_after(self, site: str, seq: int, limit: int) -> tuple[Sequence[FeedRow], bool]:
        """Return rows of the feed in order; `lambdas.store.feed.FeedTable`."""
        model = self._tables.item
        with translated("reading the feed"):
            rows = list(
                model.feed.query(site_key(site), model.feed_seq > seq, consistent_read=True, limit=limit + 1)
            )
        now = self._now()
        return [_feed_row(row, now) for row in rows[:limit]], len(rows) > limit

    def changes_after(self, site: str, cursor: str | None, limit: int) -> FeedPage:
        """Return the next page of a site's feed; see `lambdas.store.feed.read_page`."""
        return read_page(self, site, cursor, limit=limit, now=self._now(), settle=self._settle)

    def quiet_seconds(self, site: str, cursor: str | None, head: Head | None = None) -> float | None:
        """Return how long nothing has changed; None if a relay with this cursor may miss something.

        Costs half a read unit: what was written this moment it is told with its next poll.

        :param head: the site's, if it was read already.
        """
        head = head or (self.writer.head(site, consistent=False) if cursor else None)
        current = head is not None and is_current(Cursor.decode(cursor or ""), head)
        return head.quiet_seconds(self._now()) if head is not None and current else None

    def knows(self, site: str, cursor: str) -> bool:
        """Tell whether what a relay with this cursor saw is part of a site's history.

        :raises Rejected: the cursor is not one of ours.
        """
        head = self.head(site)
        return head is not None and is_ancestor(self, site, Cursor.decode(cursor), head)

    def _site_of(self, item_id: str) -> str:
        return _present(self.find(item_id)).item.site

    def _change_one(self, site: str, item_id: str, change: Change, by: Actor) -> StoredItem:
        written: Written = self.writer.change(site, {item_id: change}, by=by)
        return written.items[item_id]


def _from_source(item: WorklistItem, inherited: StoredItem | None) -> Change:
    def change(current: StoredItem | None) -> StoredItem:
        settled = current is not None and (not current.gone or current.status_owner == "person")
        if inherited is not None and not settled:
            brought = inherited.item.model_copy(update={"site": item.site})
            moved = inherited.model_copy(update={"item": brought, "gone": False})
            return ownership.from_source(moved, item)
        return ownership.from_source(current, item)

    return change


def _withdrawn(current: StoredItem | None) -> StoredItem | None:
    return None if current is None else ownership.withdrawn(current)


def _moved_away(current: StoredItem | None) -> StoredItem | None:
    return None if current is None else ownership.moved_away(current)


def _present(stored: StoredItem | None) -> StoredItem:
    if stored is None or stored.gone:
        raise NotFound("no such worklist item", where="id")
    return stored


def _feed_row(row: ItemRow, now: float) -> FeedRow:
    if row.sk.startswith(SELF_TEST):
        return feed_row(row.body or "{}", int(row.feed_seq), now)
    stored = stored_item(row)
    if stored.gone:
        return Tombstone(feed_seq=stored.feed_seq, id=stored.item.id)
    return FeedItem(feed_seq=stored.feed_seq, item=stored.item)
