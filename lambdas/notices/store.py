"""The subscriptions and their ledgers in the table."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.notices.ledger import Ledger
from lambdas.notices.subscription import Subscription
from lambdas.store.accounts.notices import NoticeRows, Told
from lambdas.store.models import Tables


class NoticeStore(NoticeRows[Subscription, Ledger]):
    """All of them.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        super().__init__(tables, Subscription, Ledger, told=_told, now=now)


def _told(subscription: Subscription) -> Told:
    """A webhook's address is a secret, also to the audit trail."""
    plain = subscription.model_dump(mode="json", exclude={"target", "kinds"})
    kinds = sorted(kind.value for kind in subscription.kinds)
    return Told(subscription.site, {**plain, "target": subscription.shown_target, "kinds": kinds})
