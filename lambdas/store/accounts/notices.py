"""Who is told of a site's trouble, and what each address was told.

NOTICES         <id>   a subscription
NOTICE_LEDGERS  <id>   what it was told, and its outbox

Two rows: a run of the notices writes the ledger every time something happens, and a person the subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from lambdas.store.accounts.rows import AccountRows, Audited
from lambdas.store.audit.entry import SYSTEM, Action, Actor, Subject, difference
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import ATTEMPTS, races
from lambdas.store.models import Tables
from shared.errors import NotFound

S = TypeVar("S", bound=BaseModel)
L = TypeVar("L", bound=BaseModel)


class Told(NamedTuple):
    """What the audit trail is told of a subscription: its site, and the fields that are no secret."""

    site: str
    fields: Mapping[str, Any]


class NoticeRows(Generic[S, L]):
    """The subscriptions of all sites, each with its ledger; what they are, `lambdas.notices` says.

    :param ledger: makes one that is empty, if it is called without anything.
    :param told: what the audit trail is told of a subscription.
    :param now: seconds since 1970.
    """

    def __init__(
        self,
        tables: Tables,
        subscription: type[S],
        ledger: type[L],
        *,
        told: Callable[[S], Told],
        now: Callable[[], float],
    ) -> None:
        self._subscriptions = AccountRows(tables.account, "NOTICES", subscription)
        self._ledgers = AccountRows(tables.account, "NOTICE_LEDGERS", ledger)
        self._empty, self._told = ledger, told
        self._trail = AuditTrail(tables, now=now)

    def all(self) -> dict[str, S]:
        """Return every subscription by its id."""
        return {name: kept.value for name, kept in self._subscriptions.all().items()}

    def get(self, subscription_id: str) -> S:
        """Return a subscription. :raises NotFound: there is none."""
        kept = self._subscriptions.get(subscription_id)
        if kept is None:
            raise NotFound("there is no such notice", where="notice_id")
        return kept.value

    def add(self, subscription_id: str, subscription: S, *, by: Actor = SYSTEM) -> None:
        """Keep a new subscription."""
        audit = self._audited(subscription_id, "created", None, subscription, by)
        self._subscriptions.add(subscription_id, subscription, audit=audit)

    def replace(self, subscription_id: str, subscription: S, *, by: Actor = SYSTEM) -> None:
        """Put a subscription in the place of the one before. :raises NotFound: there is none.

        :raises Conflict: somebody else was at it.
        """
        kept = self._subscriptions.get(subscription_id)
        if kept is None:
            raise NotFound("there is no such notice", where="notice_id")
        audit = self._audited(subscription_id, "changed", kept.value, subscription, by)
        self._subscriptions.replace(subscription_id, subscription, kept.version, audit=audit)

    def remove(self, subscription_id: str, *, by: Actor = SYSTEM) -> None:
        """Forget a subscription and what it was told. :raises NotFound: there is none."""
        kept = self._subscriptions.get(subscription_id)
        if kept is None:
            raise NotFound("there is no such notice", where="notice_id")
        audit = self._audited(subscription_id, "removed", kept.value, None, by)
        self._subscriptions.remove(subscription_id, kept.version, audit=audit)
        ledger = self._ledgers.get(subscription_id)
        if ledger is not None:
            self._ledgers.remove(subscription_id, ledger.version)

    def note_test(self, subscription_id: str, *, by: Actor = SYSTEM) -> None:
        """Note in the audit trail that somebody asks for a test. :raises NotFound: there is none."""
        site = self._told(self.get(subscription_id)).site
        subject = Subject(kind="notice", id=subscription_id, action="asked-for")
        self._trail.record(by, [subject], site=site)

    def ledger(self, subscription_id: str) -> L:
        """Return what an address was told; empty if nothing was."""
        kept = self._ledgers.get(subscription_id)
        return kept.value if kept else self._empty()

    def ledgers(self) -> dict[str, L]:
        """Return what each address was told, by the id of its subscription."""
        return {name: kept.value for name, kept in self._ledgers.all().items()}

    def change(self, subscription_id: str, change: Callable[[L], L | None]) -> L | None:
        """Change a ledger, if it is another one then; return it.

        :param change: what the ledger should be; None: it is to stay as it is, and None is returned.
        :raises Conflict: others were first every time.
        """
        found: L | None = races(ATTEMPTS)(self._change, subscription_id, change)
        return found

    def _change(self, subscription_id: str, change: Callable[[L], L | None]) -> L | None:
        kept = self._ledgers.get(subscription_id)
        before = kept.value if kept else self._empty()
        after = change(before)
        if after is None or after == before:
            return after
        if kept is None:
            self._ledgers.add(subscription_id, after)
        else:
            self._ledgers.replace(subscription_id, after, kept.version)
        return after

    def _audited(
        self,
        subscription_id: str,
        action: Action,
        before: S | None,
        after: S | None,
        by: Actor,
    ) -> Audited:
        was, becomes = (self._told(each) if each is not None else Told("", {}) for each in (before, after))
        were, are = difference(was.fields, becomes.fields)
        subject = Subject(kind="notice", id=subscription_id, action=action, before=were, after=are)
        return Audited(self._trail, by, subject, becomes.site or was.site)
