"""Items that follow their REDCap row to another name: a record renamed, another event or instance number.

An item's id comes from its row's name, once. What a scanner or a person has touched keeps it when the row
gets another name; a row of the table then says which item the new name means:

    pk SITE#<site>, sk SAME#<the id the new name would give>: the item's id
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime

from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.commit import ItemWriter
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.item_rows import stored_item
from lambdas.store.models import ITEM, SAME, STATE, StepRow, Tables, same_key, site_key, step_key
from lambdas.store.ownership import StoredItem
from shared.errors import Conflict
from shared.identifiers import successor
from shared.worklist_item import WorklistItem


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
                if stored.item.source == source_id and (not stored.gone or stored.status_owner == "person"):
                    yield stored

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
