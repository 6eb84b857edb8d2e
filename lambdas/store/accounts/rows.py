"""Rows of AccountsTable as pydantic models; a write names the version it replaces. Private to the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from lambdas.store.audit.entry import Actor, Subject
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import translated
from lambdas.store.models import AccountRow

M = TypeVar("M", bound=BaseModel)

Witness = tuple[str, int]
"""Name and version of another row of the same kind that must not have changed for a write to be right."""


@dataclass(frozen=True)
class Kept(Generic[M]):
    """A value and the version of the row that holds it."""

    value: M
    version: int


class Audited(NamedTuple):
    """What the audit trail is told of a write, in the write's own transaction."""

    trail: AuditTrail
    by: Actor
    subject: Subject
    site: str = ""
    others: tuple[Subject, ...] = ()


class AccountRows(Generic[M]):
    """One kind of account row: the partition ``kind`` of AccountsTable.

    Every method raises `Unavailable` if DynamoDB does not answer, and every write `Conflict` if its condition
    does not hold.
    """

    def __init__(self, row: type[AccountRow], kind: str, model: type[M]) -> None:
        self._row, self._kind, self._model = row, kind, model

    def get(self, name: str, *, consistent: bool = True) -> Kept[M] | None:
        """Return a row, read consistently: a right taken away is gone with the next request.

        :param consistent: otherwise it may be as it was a moment ago, for half the price.
        """
        with translated(f"reading {self._kind}"):
            try:
                row = self._row.get(self._kind, name, consistent_read=consistent)
            except DoesNotExist:
                return None
        return self._kept(row)

    def all(self) -> dict[str, Kept[M]]:
        """Return every row of this kind by name, in order of names."""
        with translated(f"reading {self._kind}"):
            return {row.sk: self._kept(row) for row in self._row.query(self._kind, consistent_read=True)}

    def add(
        self, name: str, value: M, *, expires_at: float | None = None, audit: Audited | None = None
    ) -> None:
        """Write a row that must not exist yet."""
        row, missing = self._made(name, value, 1, expires_at), AccountRow.pk.does_not_exist()
        if audit is not None:
            self._audited(audit, lambda transaction: transaction.save(row, condition=missing))
            return
        with translated(f"adding to {self._kind}"):
            row.save(condition=missing)

    def replace(
        self,
        name: str,
        value: M,
        version: int,
        *,
        expires_at: float | None = None,
        audit: Audited | None = None,
        witness: Witness | None = None,
    ) -> None:
        """Write over the row that has ``version``.

        :param witness: must still be so; for audited writes.
        """
        row = self._made(name, value, version + 1, expires_at)
        if audit is not None:
            self._audited(audit, lambda tx: tx.save(row, condition=_is(version)), witness)
            return
        with translated(f"changing {self._kind}"):
            row.save(condition=_is(version))

    def remove(
        self, name: str, version: int, *, audit: Audited | None = None, witness: Witness | None = None
    ) -> None:
        """Delete the row that has ``version``.

        :param witness: must still be so; for audited writes.
        """
        row = self._row(self._kind, name)
        if audit is not None:
            self._audited(audit, lambda tx: tx.delete(row, condition=_is(version)), witness)
            return
        with translated(f"removing from {self._kind}"):
            row.delete(condition=_is(version))

    def _audited(
        self, audit: Audited, write: Callable[[TransactWrite], None], witness: Witness | None = None
    ) -> None:
        def also(transaction: TransactWrite, _key: str) -> None:
            if witness is not None:
                self._check(transaction, witness)
            write(transaction)

        audit.trail.record(audit.by, [audit.subject, *audit.others], site=audit.site, also=also)

    def _kept(self, row: AccountRow) -> Kept[M]:
        return Kept(self._model.model_validate_json(row.body), int(row.version))

    def _made(self, name: str, value: M, version: int, expires_at: float | None) -> AccountRow:
        row = self._row(self._kind, name, body=value.model_dump_json(), version=version)
        if expires_at is not None:
            row.expires_at = datetime.fromtimestamp(expires_at, UTC)
        return row

    def _check(self, transaction: TransactWrite, witness: Witness) -> None:
        name, version = witness
        transaction.condition_check(self._row, self._kind, name, condition=_is(version))


def hidden_name(text: str) -> str:
    """Return a row's name that does not show what it stands for: a code, or what was typed as a name."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is(version: int) -> Condition:
    return AccountRow.version == version
