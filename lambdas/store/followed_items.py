"""Items that follow their REDCap row to another name: a record renamed, another event or instance number.

An item's id comes from its row's name, once. What a scanner or a person has touched keeps it when the row
gets another name; a row of the table then says which item the new name means:

    pk SITE#<site>, sk SAME#<the id the new name would give>: the item's id

A row with a new name is held against the touched items that begin when it does. Those whose start says
nothing of their row's, because a person has set or removed them, have a row each that says so:

    pk SITE#<site>, sk APART#<the item's id>
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.by_source.keys import APART, apart_key, is_apart, is_touched, record_key
from lambdas.store.commit import ItemWriter
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.item_rows import stored_item
from lambdas.store.models import ITEM, SAME, STATE, ItemRow, StepRow, Tables, same_key, site_key, step_key
from lambdas.store.ownership import StoredItem
from shared.errors import Conflict
from shared.identifiers import successor
from shared.worklist_item import WorklistItem

MOST_PREPARED: Final = 200
"""Rows of an earlier build to which one sync adds what they are looked up by."""


def key_of(row: ItemRow) -> str:
    """Return what an item's row is found by, as its record; empty if it is of no record."""
    body = json.loads(row.body or "{}")
    return record_key(body["source"], body.get("source_record", "")) if body.get("source") else ""


def item_meant(names: Mapping[str, str], row_id: str) -> str:
    """Return the id of the item that a row means, given the id that its name would give.

    :param names: as `FollowedItems.names` returns them.
    """
    if row_id in names:
        return names[row_id]
    taken = frozenset(names.values())
    while row_id in taken:  # that item has followed its own row to another name
        row_id = successor(row_id)
    return row_id


class FollowedItems:
    """Which item a row's name means, where it is not the one that its own name would give.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, writer: ItemWriter, *, now: Callable[[], float]) -> None:
        self._tables, self._writer, self._now = tables, writer, now

    def names(self, sites: Collection[str]) -> dict[str, str]:
        """Return row id -> id of the item that followed the row, at all these sites."""
        model = self._tables.same
        with translated("reading which items followed their rows"):
            return {
                row.sk.removeprefix(SAME): row.item_id
                for site in sorted(sites)
                for row in model.query(site_key(site), model.sk.startswith(SAME), consistent_read=True)
            }

    def touched(self, source_id: str, sites: Collection[str]) -> Iterator[StoredItem]:
        """Yield the items of a source that a scanner or a person has touched; reads whole partitions.

        Those a person has removed are among them: under another name they stay removed.
        """
        model = self._tables.item
        touched = (model.status_owner != "source") | (model.edited != [])
        for site in sorted(sites):
            with translated("listing a source's touched items"):
                rows = list(
                    model.query(
                        site_key(site),
                        model.sk.startswith(ITEM),
                        filter_condition=touched,
                        consistent_read=True,
                    )
                )
            for stored in map(stored_item, rows):
                if stored.item.source == source_id and is_touched(stored):
                    yield stored

    def touched_like(self, item: WorklistItem, sites: Collection[str]) -> Iterator[StoredItem]:
        """Yield the touched items of an item's source that begin when it does, or may do so for their source.

        Reads those and no others, consistently.
        """
        for site in sorted(sites):
            ids = {*self._of_slot(site, item), *self._apart(site)}
            for stored in self._writer.read(site, sorted(ids)).values():
                if stored.item.source == item.source and is_touched(stored):
                    yield stored

    def is_prepared(self, site: str) -> bool:
        """Tell whether all items of a site have what they are looked up by; earlier builds wrote none."""
        with translated("reading whether items can be looked up"):
            try:
                self._tables.site.get(site_key(site), APART, consistent_read=True)
            except DoesNotExist:
                return False
        return True

    def prepare(self, site: str, rows: Sequence[ItemRow]) -> None:
        """Add to a site's rows, once, what earlier builds did not write; of many, so many in one go.

        :param rows: all items of the site.
        """
        lacking = [row for row in rows if not row.record_key and key_of(row)]
        done = [self._add_key(row) for row in lacking[:MOST_PREPARED]]
        keys = [apart_key(stored.item.id) for stored in map(stored_item, rows) if is_apart(stored)]
        if all(done) and len(done) == len(lacking):
            keys.append(APART)  # the last: it says that the others are there
        with translated("noting what a person has set or removed"):
            for key in keys:
                self._tables.site(site_key(site), key).save()

    def _add_key(self, row: ItemRow) -> bool:
        """Let an item be found by its record; return False if it was changed meanwhile."""
        model = self._tables.item
        try:
            with translated("letting an item be found by its record"):
                row.update(
                    actions=[model.record_key.set(key_of(row))], condition=model.feed_seq == row.feed_seq
                )
        except Conflict:
            return False
        return True

    def _apart(self, site: str) -> list[str]:
        """Return the ids of a site's items that their start does not find."""
        with translated("reading what a person has set or removed"):
            model = self._tables.site
            rows = model.query(site_key(site), model.sk.startswith(APART), consistent_read=True)
            ids = [row.sk.removeprefix(APART) for row in rows]
        if "" in ids:
            return [each for each in ids if each]
        items = self._tables.item
        with translated("listing a site's items"):
            all_rows = list(items.query(site_key(site), items.sk.startswith(ITEM), consistent_read=True))
        found = [stored.item.id for stored in map(stored_item, all_rows) if is_apart(stored)]
        self.prepare(site, all_rows)
        return found

    def _of_slot(self, site: str, item: WorklistItem) -> list[str]:
        """Return the ids of a site's items that begin when an item does, as an index has them."""
        model = self._tables.item
        slot = f"{item.scheduled_start_date}{item.scheduled_start_time}#"
        with translated("listing the exams of an hour"):
            rows = model.by_start.query(site_key(site), model.starts_at.startswith(slot))
            return [row.sk.removeprefix(ITEM) for row in rows]

    def follow(self, site: str, item: WorklistItem, row_id: str, before: str) -> None:
        """Let a touched item follow its row to another name, and make its write-backs due again.

        :param site: where the item is stored.
        :param item: what the row gives now, under the item's own id.
        :param row_id: the id that the row's name would give now.
        :param before: the id that its name before would give.
        :raises Conflict, Unavailable: as `ItemWriter.change`; nothing was written.
        """
        here = item.model_copy(update={"site": site})

        def change(current: StoredItem | None) -> StoredItem:
            return ownership.from_source(current, here)

        def rename(transaction: TransactWrite, _key: str) -> None:
            same = self._tables.same
            if row_id != item.id:
                transaction.save(same(site_key(site), same_key(row_id), item_id=item.id))
            if before not in {row_id, item.id}:  # that name may be given to another row now
                transaction.delete(same(site_key(site), same_key(before)))

        written = races(ATTEMPTS)(self._writer.change, site, {item.id: change}, rename)
        self._tell_again(written.items[item.id])

    def _tell_again(self, stored: StoredItem) -> None:
        """Make the write-backs of its steps due: REDCap has not been told under this name."""
        at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="microseconds")
        for uid in stored.progress.steps:
            try:
                with translated("noting a write-back"):
                    row = self._tables.step(step_key(uid), STATE)
                    row.update(actions=row.due_again(at), condition=StepRow.pk.exists())
            except Conflict:  # the item knows of a step that the table lost: there is nothing to tell
                continue
