"""Writing items: numbers are taken and items written in one transaction, or not at all.

`ItemWriter.change` is the only way any item row is written; `ItemWriter.number` writes the feed's other rows.
It reads what is there, asks a pure function what should be there, writes the difference on the condition that
nothing moved meanwhile, and begins again if something did. Called twice with the same wish, it writes once.
Every transaction moves the head's version and leaves a stamp under it, also one that takes no number (an
event of no item): history is then all that happened at a site, and a restored table shows that some is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.audit.entry import SYSTEM, Actor, Link, Subject
from lambdas.store.audit.item_subject import subject_of
from lambdas.store.audit.trail import Also, AuditTrail
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.feed import TOMBSTONE_SECONDS, Head, Mark
from lambdas.store.models import (
    DUE,
    HEAD,
    SITES,
    STATE,
    HeadRow,
    ItemRow,
    Tables,
    connection,
    item_key,
    site_key,
    stamp_key,
    step_key,
)
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.keys import cancelled_group
from lambdas.store.plans.timing import Saved, Timing, timed
from lambdas.store.unfinished_write_backs import no_show_of
from shared.batches import batches
from shared.worklist_item import WorklistItem

Change = Callable[[StoredItem | None], StoredItem | None]
"""What should be in the table, given what is there; None or something equal leaves it."""

BATCH = 95
"""Items in one transaction of at most 100 actions: head, stamp, audit entry, event, step."""

CANCELLED_SECONDS: Final = 400 * 86_400
"""How long a booking that was taken off the list before a scan is kept for reports of a year."""

_NOTHING_KNOWN: Final = Saved()
_MOST_ROWS: Final = 96
"""Items and write-backs in one transaction without ``also``: head, stamp, audit entry and a new site take one
each."""
_SAFE: Final = _MOST_ROWS // 2
"""So many items fit in any case."""


class _TooMany(Exception):
    """The rows that have to be told do not fit into the transaction too."""


@dataclass(frozen=True)
class Written:
    """The outcome of a change.

    :param items: every item asked for that exists now, by id, as it now stands.
    :param written: how many of them were written.
    :param changed: the ids of those.
    """

    items: Mapping[str, StoredItem]
    written: int
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Why:
    """What is told of a change besides what it is; see `ItemWriter.change`."""

    by: Actor | None
    about: Sequence[Subject]
    saved: Mapping[str, Saved]


class ItemWriter:
    """Owner of all writes to a site's items and head.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier, for the epoch of a site's first head and for stamps.
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
        with translated("reading the feed's head"):
            try:
                row = self._tables.head.get(site_key(site), HEAD, consistent_read=True)
            except DoesNotExist:
                return None
        marks = tuple(Mark(int(seq), float(at)) for seq, at in row.marks)
        return Head(int(row.seq), row.epoch, marks, int(row.version or 0), row.stamp or "", row.audited or "")

    def stamp_at(self, site: str, version: int) -> str | None:
        """Return the stamp that a write of a site's head left, consistently; None if it is not known."""
        with translated("reading the feed's history"):
            try:
                row = self._tables.stamp.get(site_key(site), stamp_key(version), consistent_read=True)
            except DoesNotExist:
                return None
        return str(row.stamp)

    def begin_epoch(self, site: str) -> Head:
        """Give a site's feed another epoch: every relay then starts from nothing, and says what it sent.

        :raises Conflict, Unavailable: as `change`.
        """
        return races(ATTEMPTS)(self._begin_epoch, site)

    def change(
        self,
        site: str,
        changes: Mapping[str, Change],
        also: Also | None = None,
        *,
        by: Actor | None = None,
        about: Sequence[Subject] = (),
        saved: Mapping[str, Saved] | None = None,
    ) -> Written:
        """Apply changes to items of one site, at most `BATCH`, all or none, with an audit entry.

        Without ``also`` they are two transactions or three, if many rows have to be told of missed scans.

        :param also: adds further actions to the same transaction; the transaction then always happens.
        :param by: who changes them; None: the source of the items.
        :param about: what else the audit entry is about.
        :param saved: what is known of when their plans were entered, by item id.
        :raises Conflict: other writers won every attempt, or a condition of ``also`` cannot hold.
        :raises Unavailable: DynamoDB did not answer; the transaction may or may not have happened, and the
            same call again is safe.
        """
        if len(changes) > BATCH:
            raise ValueError(f"at most {BATCH} items fit one transaction")
        why = _Why(by, about, saved or {})
        if also is None and len(changes) > _SAFE:
            try:
                return self._change(site, changes, None, why)
            except _TooMany:
                items = list(changes.items())
                halves = [self._change(site, dict(some), None, why) for some in batches(items, _SAFE)]
                written = sum(half.written for half in halves)
                return Written({key: each for half in halves for key, each in half.items.items()}, written)
        return self._change(site, changes, also, why)

    def number(
        self,
        site: str,
        save: Callable[[TransactWrite, int], None],
        *,
        by: Actor | None = None,
        about: Sequence[Subject] = (),
    ) -> None:
        """Take the feed's next number for a row that is no item, and write the row in the same transaction.

        :param save: writes the row, given its number.
        :param about: what the audit entry says; nothing: there is none.
        :raises Conflict: another writer was first, or the condition of ``save`` does not hold.
        :raises Unavailable: as `change`.
        """
        head = self.head(site)
        read_at = self._now()  # after the read: see Head.take
        link = Link.decode(head.audited if head else "")
        sealed = self._trail.seal(f"site:{site}", link, by or SYSTEM, about, site=site) if about else None
        with translated("writing to the feed"), TransactWrite(connection=self._connection) as transaction:
            last = self._take(transaction, site, head, 1, read_at, sealed.link if sealed else link)
            if sealed is not None:
                self._trail.add(transaction, sealed)
            save(transaction, last + 1)

    def _change(self, site: str, changes: Mapping[str, Change], also: Also | None, why: _Why) -> Written:
        # An action of `also` that fails by its own condition must be re-thought by its caller, not retried.
        return races(ATTEMPTS if also is None else 1)(self._try, site, changes, also, why)

    def _try(self, site: str, changes: Mapping[str, Change], also: Also | None, why: _Why) -> Written:
        head = self.head(site)
        read_at = self._now()  # after the read: see Head.take
        current = self.read(site, list(changes))
        wanted = dict(_differences(current, changes))
        if not wanted and also is None:
            return Written(current, 0)
        telling = [
            stored
            for item_id, stored in wanted.items()
            if ownership.tells_source(current.get(item_id), stored)
        ]
        if len(wanted) + len(telling) > _MOST_ROWS:
            raise _TooMany
        for item_id, stored in wanted.items():
            timing = self._timing(current.get(item_id), stored, why, read_at)
            wanted[item_id] = stored.model_copy(update={"timing": timing})
        subjects = [*why.about, *(subject_of(current.get(item_id), each) for item_id, each in wanted.items())]
        link = Link.decode(head.audited if head else "")
        sealed = self._trail.seal(f"site:{site}", link, why.by or _source_of(wanted), subjects, site=site)
        with translated("writing items"), TransactWrite(connection=self._connection) as transaction:
            seq = self._take(transaction, site, head, len(wanted), read_at, sealed.link)
            self._trail.add(transaction, sealed)
            for item_id, stored in wanted.items():
                seq += 1
                wanted[item_id] = stored.model_copy(update={"feed_seq": seq, "audited": sealed.key})
                self._save(transaction, wanted[item_id], current.get(item_id))
            for stored in telling:
                self._tell_source(transaction, stored)
            if also is not None:
                also(transaction, sealed.key)
        return Written({**current, **wanted}, len(wanted), frozenset(wanted))

    def _timing(self, before: StoredItem | None, after: StoredItem, why: _Why, now: float) -> Timing:
        saved = why.saved.get(after.item.id, _NOTHING_KNOWN)
        was, becomes = (None if each is None or each.gone else each.item for each in (before, after))
        return timed(after.timing, was, becomes, datetime.fromtimestamp(now, UTC), saved)

    def _take(
        self,
        transaction: TransactWrite,
        site: str,
        head: Head | None,
        count: int,
        read_at: float,
        link: Link,
    ) -> int:
        """Take numbers and the next link of the audit chain; return the last number taken before."""
        before = head or Head(0, self._new_id())
        after = before.take(count, read_at=read_at, settle=self._settle, stamp=self._new_id())
        self._move(transaction, site, head, replace(after, audited=link.encode()))
        if head is None:
            # The list of sites is a convenience, made when a site is; it never changes afterwards.
            transaction.save(self._tables.site(SITES, site))
        return before.seq

    def _begin_epoch(self, site: str) -> Head:
        head = self.head(site) or Head(0, "")
        read_at = self._now()
        moved = head.take(0, read_at=read_at, settle=self._settle, stamp=self._new_id())
        after = replace(moved, epoch=self._new_id())
        with (
            translated("giving the feed another epoch"),
            TransactWrite(connection=self._connection) as transaction,
        ):
            self._move(transaction, site, head if head.epoch else None, after)
        return after

    def _move(self, transaction: TransactWrite, site: str, before: Head | None, after: Head) -> None:
        """Move the head on the condition that nobody else did, and leave the stamp of this write."""
        row = self._tables.head(
            site_key(site),
            HEAD,
            seq=after.seq,
            epoch=after.epoch,
            marks=_marks(after),
            version=after.version,
            stamp=after.stamp,
            audited=after.audited or None,
        )
        transaction.save(row, condition=_unmoved(before))
        kept_until = datetime.fromtimestamp(self._now() + TOMBSTONE_SECONDS, UTC)
        transaction.save(
            self._tables.stamp(
                site_key(site), stamp_key(after.version), stamp=after.stamp, expires_at=kept_until
            )
        )

    def _save(self, transaction: TransactWrite, stored: StoredItem, before: StoredItem | None) -> None:
        unmoved = ItemRow.pk.does_not_exist() if before is None else ItemRow.feed_seq == before.feed_seq
        transaction.save(self._row(stored), condition=unmoved)

    def _tell_source(self, transaction: TransactWrite, stored: StoredItem) -> None:
        """Make the write-back of a missed scan due. The number is the version: it never comes twice."""
        transaction.save(
            self._tables.step(
                step_key(no_show_of(stored.item.id)),
                STATE,
                site=stored.item.site,
                version=stored.feed_seq,
                body=stored.item.id,
                write_back_due=DUE,
                write_back_at=datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="microseconds"),
            )
        )

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
            progress=_plain(stored.progress) or None,
            audited=stored.audited or None,
            performed=[each.model_dump(mode="json", exclude_defaults=True) for each in stored.performed]
            or None,
            study_instance_uid=item.study_instance_uid,
            timing=_plain(stored.timing) or None,
        )
        starts_at = f"{item.scheduled_start_date}{item.scheduled_start_time}#{item.id}"
        was_cancelled = stored.gone and stored.timing.cancelled_at is not None
        if was_cancelled:
            row.group_key, row.group_at = cancelled_group(item.site), starts_at
        if not stored.gone:
            row.status, row.starts_at = item.performed_procedure_step_status.value, starts_at
        elif stored.status_owner != "person" or not item.source:
            # What a person removed from a source must stay buried, or the next sync would raise it.
            kept = CANCELLED_SECONDS if was_cancelled else TOMBSTONE_SECONDS
            row.expires_at = datetime.fromtimestamp(self._now() + kept, UTC)
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
            "performed": row.performed or (),
            "timing": row.timing or {},
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


def _unmoved(head: Head | None) -> Condition:
    if head is None:
        return HeadRow.pk.does_not_exist()
    # An earlier build's head has no version; it may write one yet while both builds are running.
    version = HeadRow.version == head.version if head.version else HeadRow.version.does_not_exist()
    unmoved: Condition = (HeadRow.seq == head.seq) & (HeadRow.epoch == head.epoch) & version
    return unmoved


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_defaults=True)


def _marks(head: Head) -> list[list[float]]:
    return [[mark.seq, mark.at] for mark in head.marks]
