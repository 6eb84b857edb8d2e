"""The audit trail in DynamoDB: entries are only ever added, each in the transaction of what it tells of.

    AUDIT#<day>   <time>#<chain>#<number>   an entry                        AuditRow
    CHAINS        <chain>                   the last entry of a chain       ChainRow

The chain of a site has its last entry in the site's head, which every change of the site writes anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.transactions import TransactWrite

from lambdas.store.audit.entry import (
    Actor,
    Entry,
    Link,
    Sealed,
    Stored,
    Subject,
    moment,
    packed,
    seal,
    split_key,
    unpacked,
)
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import CHAINS, AuditRow, ChainRow, Tables, audit_key, connection
from shared.errors import Conflict

Also = Callable[[TransactWrite, str], None]
"""Adds further actions to a transaction, given the key of its audit entry."""

_PAGE: Final = 200


class AuditTrail:
    """All entries.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._tables, self._now = tables, now
        self._connection = connection(tables.audit)

    def seal(
        self, chain: str, link: Link, by: Actor, subjects: Sequence[Subject], *, site: str = ""
    ) -> Sealed:
        """Return the next entry of a chain, to be added with `add`."""
        return seal(
            Entry(
                at=moment(self._now()),
                chain=chain,
                number=link.number + 1,
                previous=link.hash,
                site=site,
                actor=by,
                subjects=tuple(subjects),
            )
        )

    def add(self, transaction: TransactWrite, sealed: Sealed) -> None:
        """Write an entry with a transaction; it fails if the entry is there already."""
        data = packed(sealed.text)
        row = self._tables.audit(
            audit_key(sealed.day),
            sealed.place,
            body=sealed.text if data is None else None,
            packed=data,
            hash=sealed.link.hash,
        )
        if self._tables.audit.kept_days:
            row.expires_at = moment(self._now()) + timedelta(days=self._tables.audit.kept_days)
        transaction.save(row, condition=AuditRow.pk.does_not_exist())

    def record(
        self, by: Actor, subjects: Sequence[Subject], *, site: str = "", also: Also | None = None
    ) -> None:
        """Write an entry into the actor's own chain.

        :param also: adds what the entry tells of.
        :raises Conflict: a condition of ``also`` does not hold; or others wrote into the chain every time.
        :raises Unavailable: DynamoDB did not answer.
        """
        races(ATTEMPTS, _ChainMoved)(self._record, by, subjects, site, also)

    def entry(self, key: str) -> Entry | None:
        """Return the entry that another row names; None if it is not there any more."""
        day, place = split_key(key)
        with translated("reading the audit trail"):
            try:
                row = self._tables.audit.get(audit_key(day), place, consistent_read=True)
            except DoesNotExist:
                return None
        return stored_entry(row).entry

    def has(self, key: str, digest: str) -> bool:
        """Tell whether there is an entry with this key, and a hash that begins so."""
        day, place = split_key(key)
        with translated("reading the audit trail"):
            try:
                row = self._tables.audit.get(audit_key(day), place, consistent_read=True)
            except DoesNotExist:
                return False
        return str(row.hash).startswith(digest)

    def of_day(self, day: str, *, before: str | None = None) -> Iterator[Stored]:
        """Yield a day's entries, the newest first.

        :param day: ``YYYYMMDD``, UTC.
        :param before: the key of the entry to go on after; one without a place begins with the day's last.
        """
        model = self._tables.audit
        place = split_key(before or "")[1]
        condition = model.sk < place if place else None
        with translated("reading the audit trail"):
            for row in model.query(
                audit_key(day), condition, scan_index_forward=False, consistent_read=True, page_size=_PAGE
            ):
                yield stored_entry(row)

    def all(self) -> Iterator[Stored]:
        """Yield every entry there is, in no order; reads the whole table, which costs accordingly."""
        model = self._tables.audit
        with translated("reading the audit trail"):
            for row in model.scan(model.pk.startswith(audit_key("")), consistent_read=True):
                yield stored_entry(row)

    def last(self, chain: str) -> Link:
        """Return the last entry of a chain, but for a site's."""
        with translated("reading the audit trail"):
            try:
                row = self._tables.chain.get(CHAINS, chain, consistent_read=True)
            except DoesNotExist:
                return Link()
        return Link.decode(row.link)

    def _record(self, by: Actor, subjects: Sequence[Subject], site: str, also: Also | None) -> None:
        before = self.last(by.chain)
        sealed = self.seal(by.chain, before, by, subjects, site=site)
        row = self._tables.chain(CHAINS, by.chain, link=sealed.link.encode())
        unmoved = ChainRow.link == before.encode() if before.number else ChainRow.pk.does_not_exist()
        try:
            with (
                translated("writing the audit trail"),
                TransactWrite(connection=self._connection) as transaction,
            ):
                transaction.save(row, condition=unmoved)
                self.add(transaction, sealed)
                if also is not None:
                    also(transaction, sealed.key)
        except Conflict as error:
            if _is_of_the_chain(error.__cause__):
                raise _ChainMoved(error.what) from error
            raise


class _ChainMoved(Conflict):
    """Another entry was written into the chain meanwhile: that alone is no reason to give up."""


def _is_of_the_chain(cause: BaseException | None) -> bool:
    """Tell whether a transaction failed at its first two actions, or because another one was under way."""
    if not isinstance(cause, TransactWriteError):
        return False
    reasons = [reason.code if reason else "" for reason in cause.cancellation_reasons]
    return "ConditionalCheckFailed" in reasons[:2] or not any("Conditional" in code for code in reasons)


def stored_entry(row: AuditRow) -> Stored:
    """Return what a row holds."""
    day = row.pk.removeprefix(audit_key(""))
    return Stored(f"{day}/{row.sk}", unpacked(row.body, row.packed), row.hash)
