"""Writing items: numbers are taken and items written in one transaction, or not at all.

`ItemWriter.change` is the only way any item row is written. It reads what is there, asks a pure function what
should be there, writes the difference on the condition that nothing moved meanwhile, and begins again if
something did. Called twice with the same wish, it writes once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from lambdas.store.audit.entry import SYSTEM, Actor, Link, Sealed, Subject
from lambdas.store.audit.item_subject import subject_of
from lambdas.store.audit.trail import Also, AuditTrail
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.feed import TOMBSTONE_SECONDS, Head, Mark
from lambdas.store.models import HEAD, SITES, HeadRow, ItemRow, Tables, connection, item_key, site_key
from lambdas.store.ownership import StoredItem
from shared.worklist_item import WorklistItem

Change = Callable[[StoredItem | None], StoredItem | None]
"""What should be in the table, given what is there; None or something equal leaves it."""

BATCH = 95
"""Items in one transaction: DynamoDB allows 100 actions; the head takes one, the list of sites one, the audit
entry one, an event and its step two."""


@dataclass(frozen=True)
class Written:
    """The outcome of a change.

    :param items: every item asked for that exists now, by id, as it now stands.
    :param written: how many of them were written.
    """

    items: Mapping[str, StoredItem]
    written: int


class ItemWriter:
    """Owner of all writes to a site's items and head.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier, for the epoch of a site's first head.
    :param settle: the settle window in seconds.
    """

    def __init__(
        self, tables: Tables, *, now: Callable[[], float], new_id: Callable[[], str], settle: float
    ) -> None:
        self._tables, self._now, self._new_id, self._settle = tables, now, new_id, settle
        self._connection = connection(tables.item)
        self._trail = AuditTrail(tables, now=now)

    def read(self, site: str, item_ids: Sequence[str]) -> dict[str, StoredItem]:
        """Return the stored items among ``item_ids``, tombstones included, consistently."""
        keys = [(site_key(site), item_key(item_id)) for item_id in dict.fromkeys(item_ids)]
        with translated("reading items"):
            rows = list(self._tables.item.batch_get(keys, consistent_read=True)) if keys else []
        return {stored.item.id: stored for stored in map(stored_item, rows)}

    def head(self, site: str) -> Head | None:
        """Return the site's head, consistently; None if the site has none yet."""
        row = self._head_row(site)
        return None if row is None else _head(row)

    def change(
        self,
        site: str,
        changes: Mapping[str, Change],
        also: Also | None = None,
        *,
        by: Actor | None = None,
        about: Sequence[Subject] = (),
    ) -> Written:
        """Apply changes to items of one site, at most `BATCH`, all or none, with one audit entry.

        :param also: adds further actions to the same transaction; the transaction then always happens.
        :param by: who changes them; None: the source of the items.
        :param about: what else the audit entry is about.
        :raises Conflict: other writers won every attempt, or a condition of ``also`` cannot hold.
        :raises Unavailable: DynamoDB did not answer; the transaction may or may not have happened, and the
            same call again is safe.
        """
        if len(changes) > BATCH:
            raise ValueError(f"at most {BATCH} items fit one transaction")
        # An action of `also` that fails by its own condition must be re-thought by its caller, not retried.
        return races(ATTEMPTS if also is None else 1)(self._try, site, changes, also, by, about)

    def _try(
        self,
        site: str,
        changes: Mapping[str, Change],
        also: Also | None,
        by: Actor | None,
        about: Sequence[Subject],
    ) -> Written:
        row = self._head_row(site)
        read_at = self._now()  # after the read: see Head.take
        current = self.read(site, list(changes))
        wanted = dict(_differences(current, changes))
        if not wanted and also is None:
            return Written(current, 0)
        link = Link.decode(row.audited if row else None)
        subjects = [*about, *(subject_of(current.get(each.item.id), each) for each in wanted.values())]
        sealed = self._trail.seal(f"site:{site}", link, by or _source_of(wanted), subjects, site=site)
        with translated("writing items"), TransactWrite(connection=self._connection) as transaction:
            seq = self._take(transaction, site, row, len(wanted), read_at, sealed)
            self._trail.add(transaction, sealed)
            for item_id, stored in wanted.items():
                seq += 1
                wanted[item_id] = stored.model_copy(update={"feed_seq": seq, "audited": sealed.key})
                self._save(transaction, wanted[item_id], current.get(item_id))
            if also is not None:
                also(transaction, sealed.key)
        return Written({**current, **wanted}, len(wanted))

    def _head_row(self, site: str) -> HeadRow | None:
        with translated("reading the feed's head"):
            try:
                return self._tables.head.get(site_key(site), HEAD, consistent_read=True)
            except DoesNotExist:
                return None

    def _take(
        self,
        transaction: TransactWrite,
        site: str,
        there: HeadRow | None,
        count: int,
        read_at: float,
        sealed: Sealed,
    ) -> int:
        """Take numbers and the next link of the audit chain; return the last number taken before."""
        model = self._tables.head
        before = Head(0, self._new_id()) if there is None else _head(there)
        after = before.take(count, read_at=read_at, settle=self._settle)
        row = model(site_key(site), HEAD, seq=after.seq, epoch=after.epoch, marks=_marks(after))
        row.audited = sealed.link.encode()
        if there is None:
            transaction.save(row, condition=HeadRow.pk.does_not_exist())
            # The list of sites is a convenience, made when a site is; it never changes afterwards.
            transaction.save(self._tables.site(SITES, site))
        else:
            unmoved = (HeadRow.seq == before.seq) & (HeadRow.epoch == before.epoch)
            transaction.save(row, condition=unmoved & _audited_as(there))
        return before.seq

    def _save(self, transaction: TransactWrite, stored: StoredItem, before: StoredItem | None) -> None:
        unmoved = ItemRow.pk.does_not_exist() if before is None else ItemRow.feed_seq == before.feed_seq
        transaction.save(self._row(stored), condition=unmoved)

    def _row(self, stored: StoredItem) -> ItemRow:
        item = stored.item
        row = self._tables.item(
            site_key(item.site),
            item_key(item.id),
            feed_seq=stored.feed_seq,
            gone=stored.gone,
            body=item.model_dump_json(),
            status_owner=stored.status_owner,
            edited=list(stored.edited),
            progress=stored.progress.model_dump(mode="json", exclude_defaults=True) or None,
            audited=stored.audited or None,
            study_instance_uid=item.study_instance_uid,
        )
        if not stored.gone:
            row.status = item.performed_procedure_step_status.value
            row.starts_at = f"{item.scheduled_start_date}{item.scheduled_start_time}#{item.id}"
        elif stored.status_owner != "person" or not item.source:
            # What a person removed from a source must stay buried, or the next sync would raise it.
            row.expires_at = datetime.fromtimestamp(self._now() + TOMBSTONE_SECONDS, UTC)
        return row


def stored_item(row: ItemRow) -> StoredItem:
    """Return what a row holds."""
    return StoredItem.model_validate(
        {
            "item": WorklistItem.model_validate_json(row.body or "{}"),
            "feed_seq": int(row.feed_seq),
            "edited": tuple(row.edited or ()),
            "progress": row.progress or {},
            "status_owner": row.status_owner or "source",
            "gone": bool(row.gone),
            "audited": row.audited or "",
        }
    )


def _differences(
    current: Mapping[str, StoredItem], changes: Mapping[str, Change]
) -> Iterator[tuple[str, StoredItem]]:
    for item_id, change in changes.items():
        before = current.get(item_id)
        after = change(before)
        if after is not None and (before is None or not before.same_content(after)):
            yield item_id, after


def _source_of(wanted: Mapping[str, StoredItem]) -> Actor:
    source = next((stored.item.source for stored in wanted.values()), "")
    return Actor(kind="source", name=source) if source else SYSTEM


def _head(row: HeadRow) -> Head:
    marks = tuple(Mark(int(seq), float(at)) for seq, at in row.marks)
    return Head(int(row.seq), row.epoch, marks)


def _audited_as(row: HeadRow) -> Condition:
    # A step without an item moves the chain and not the number.
    return HeadRow.audited == row.audited if row.audited else HeadRow.audited.does_not_exist()


def _marks(head: Head) -> list[list[float]]:
    return [[mark.seq, mark.at] for mark in head.marks]
