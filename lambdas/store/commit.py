"""Writing items: numbers are taken and items written in one transaction, or not at all.

`ItemWriter.change` is the only way any item row is written; `ItemWriter.number` writes the feed's other rows.
It reads what is there, asks a pure function what should be there, writes the difference on the condition that
nothing moved meanwhile, and begins again if something did. Called twice with the same wish, it writes once.
Every transaction moves the head's version and leaves a stamp under it, also one that takes no number (an
event of no item): history is then all that happened at a site, and a restored table shows that some is gone.
The stamp is the transaction's audit entry, if it has one: `lambdas.store.audit.entry.Sealed.stamp`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.audit.entry import SYSTEM, Actor, Link, Sealed, Subject, stamped_entry
from lambdas.store.audit.item_subject import subject_of
from lambdas.store.audit.trail import Also, AuditTrail
from lambdas.store.by_source.keys import APART, apart_key, is_apart
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.feed import TOMBSTONE_SECONDS, Head, Mark
from lambdas.store.item_rows import item_row, stored_item
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
from lambdas.store.plans.timing import Saved, Timing, timed
from lambdas.store.runs.put_back import PutBackRecords, put_back
from shared.batches import batches

Change = Callable[[StoredItem | None], StoredItem | None]
"""What should be in the table, given what is there; None or something equal leaves it."""

BATCH = 95
"""Items in one transaction of at most 100 actions: head, audit entry, event and step; or, of a new site, two
rows of its own."""

_NOTHING_KNOWN: Final = Saved()
_MOST_ROWS: Final = 96
"""Items and what comes with them in one transaction without ``also``: head, audit entry and, of a new site,
two rows take one each. With an item come a write-back, and the row that says that it is apart."""
_SAFE: Final = _MOST_ROWS // 3
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
        self._put_back = PutBackRecords(tables)

    def read(self, site: str, item_ids: Sequence[str]) -> dict[str, StoredItem]:
        """Return the stored items among ``item_ids``, tombstones included, consistently."""
        keys = [(site_key(site), item_key(item_id)) for item_id in dict.fromkeys(item_ids)]
        with translated("reading items"):
            rows = list(self._tables.item.batch_get(keys, consistent_read=True)) if keys else []
        return {stored.item.id: stored for stored in map(stored_item, rows)}

    def head(self, site: str, *, consistent: bool = True) -> Head | None:
        """Return the site's head; None if the site has none yet.

        :param consistent: otherwise it may be one of a moment ago, for half the price.
        """
        with translated("reading the feed's head"):
            try:
                row = self._tables.head.get(site_key(site), HEAD, consistent_read=consistent)
            except DoesNotExist:
                return None
        return head_of(row)

    def is_in_history(self, site: str, version: int, stamp: str) -> bool:
        """Tell, consistently, whether a write of a site's head left this stamp."""
        entry = stamped_entry(f"site:{site}", stamp)
        if entry is not None:
            return self._trail.has(*entry)
        with translated("reading the feed's history"):  # without an audit entry, or of an earlier build
            try:
                row = self._tables.stamp.get(site_key(site), stamp_key(version), consistent_read=True)
            except DoesNotExist:
                return False
        return bool(row.stamp == stamp)

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

        Without ``also`` they are several transactions, if many rows have to be told of them.

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
                return Written(
                    {key: each for half in halves for key, each in half.items.items()},
                    sum(half.written for half in halves),
                    frozenset().union(*(half.changed for half in halves)),
                )
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
            last = self._take(transaction, site, head, 1, read_at, sealed)
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
        telling = {
            item_id: key
            for item_id, stored in wanted.items()
            if (key := ownership.told_as(current.get(item_id), stored))
        }
        apart = [key for key, each in wanted.items() if is_apart(each) and not is_apart(current.get(key))]
        # What its source itself puts back, it has just looked at.
        again = self._put_back.of_synced(put_back(current, wanted)) if why.by else {}
        if len(wanted) + len(telling) + len(apart) + len(again) > _MOST_ROWS:
            raise _TooMany
        for item_id, stored in wanted.items():
            timing = self._timing(current.get(item_id), stored, why, read_at)
            wanted[item_id] = stored.model_copy(update={"timing": timing})
        subjects = [*why.about, *(subject_of(current.get(item_id), each) for item_id, each in wanted.items())]
        link = Link.decode(head.audited if head else "")
        sealed = self._trail.seal(f"site:{site}", link, why.by or _source_of(wanted), subjects, site=site)
        with translated("writing items"), TransactWrite(connection=self._connection) as transaction:
            seq = self._take(transaction, site, head, len(wanted), read_at, sealed)
            self._trail.add(transaction, sealed)
            for item_id, stored in wanted.items():
                seq += 1
                wanted[item_id] = stored.model_copy(update={"feed_seq": seq, "audited": sealed.key})
                self._save(transaction, wanted[item_id], current.get(item_id))
            for item_id in apart:
                transaction.save(self._tables.site(site_key(site), apart_key(item_id)))
            for item_id, key in telling.items():
                self._tell_source(transaction, key, wanted[item_id])
            self._put_back.note(transaction, again)
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
        sealed: Sealed | None,
    ) -> int:
        """Take numbers and the next link of the audit chain; return the last number taken before."""
        before = head or Head(0, self._new_id())
        stamp = sealed.stamp if sealed else self._new_id()
        after = before.take(count, read_at=read_at, settle=self._settle, stamp=stamp)
        if sealed is None:
            self._leave_stamp(transaction, site, after)
        else:
            after = replace(after, audited=sealed.link.encode())
        self._move(transaction, site, head, after)
        if head is None:
            # The list of sites is a convenience, made when a site is; it never changes afterwards.
            transaction.save(self._tables.site(SITES, site))
            transaction.save(self._tables.site(site_key(site), APART))  # nothing is apart without its row
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
            self._leave_stamp(transaction, site, after)
        return after

    def _move(self, transaction: TransactWrite, site: str, before: Head | None, after: Head) -> None:
        """Move the head on the condition that nobody else did."""
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

    def _leave_stamp(self, transaction: TransactWrite, site: str, after: Head) -> None:
        """Leave the stamp of a write that no audit entry tells of."""
        kept_until = datetime.fromtimestamp(self._now() + TOMBSTONE_SECONDS, UTC)
        transaction.save(
            self._tables.stamp(
                site_key(site), stamp_key(after.version), stamp=after.stamp, expires_at=kept_until
            )
        )

    def _save(self, transaction: TransactWrite, stored: StoredItem, before: StoredItem | None) -> None:
        unmoved = ItemRow.pk.does_not_exist() if before is None else ItemRow.feed_seq == before.feed_seq
        transaction.save(item_row(self._tables.item, stored, self._now()), condition=unmoved)

    def _tell_source(self, transaction: TransactWrite, key: str, stored: StoredItem) -> None:
        """Make a write-back due that is of no step. The number is the version: it never comes twice."""
        transaction.save(
            self._tables.step(
                step_key(key),
                STATE,
                site=stored.item.site,
                version=stored.feed_seq,
                body=stored.item.id,
                write_back_due=DUE,
                write_back_at=datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="microseconds"),
            )
        )


def head_of(row: HeadRow) -> Head:
    """Return what a head's row holds."""
    marks = tuple(Mark(int(seq), float(at)) for seq, at in row.marks)
    return Head(int(row.seq), row.epoch, marks, int(row.version or 0), row.stamp or "", row.audited or "")


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


def _marks(head: Head) -> list[list[float]]:
    return [[mark.seq, mark.at] for mark in head.marks]
