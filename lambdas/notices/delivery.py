"""One round of notices: what each address is to be told is written down, then delivered.

    look -> ledger with the message in its outbox (one write) -> claim it (one write) -> deliver -> note that

Of two rounds at the same time one claims a message and the other leaves it. A round that is killed after
delivering and before noting that leaves the message to the next one: it delivers it again with the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lambdas.notices.ledger import Ledger, Message, claimed, delivered, due, failed, step
from lambdas.notices.mail import Mailer, mail_of
from lambdas.notices.site_facts import SiteFacts, conditions, moment, passed
from lambdas.notices.store import NoticeStore
from lambdas.notices.subscription import Channel, Subscription
from lambdas.notices.text import payload
from lambdas.notices.webhook import Webhooks
from shared.errors import MwlError, Unavailable

MOST_A_ROUND: Final = 5
"""Messages to one address in one round."""


@dataclass(frozen=True)
class Outside:
    """What delivers.

    :param mailer: None: no mail can be sent.
    :param sender: whom mails are from.
    :param base: the address of the dashboard, without ``/app``; empty: messages have no link.
    """

    mailer: Mailer | None
    webhooks: Webhooks
    sender: str = ""
    base: str = ""

    def deliver(self, message: Message, subscription: Subscription) -> None:
        """Deliver a message. :raises MwlError: it was not taken; the reason has no address in it."""
        if subscription.channel is not Channel.EMAIL:
            content = payload(message, subscription, self.base)
            self.webhooks.post(subscription.target, content, message_id=message.id)
        elif self.mailer is None or not self.sender:
            raise Unavailable("no mail can be sent: NOTICES_FROM is not set")
        else:
            self.mailer.send(mail_of(message, subscription, sender=self.sender, base=self.base))


@dataclass(frozen=True)
class Round:
    """What came of a round: messages delivered, and attempts in vain."""

    delivered: int = 0
    failed: int = 0


class Notices:
    """Looks and tells.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier of letters and digits.
    """

    def __init__(
        self, store: NoticeStore, outside: Outside, *, now: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self._store, self._outside, self._now, self._new_id = store, outside, now, new_id

    def round(self, facts: Mapping[str, SiteFacts], subscriptions: Mapping[str, Subscription]) -> Round:
        """Tell every address what is new of its site; the trouble of one is not the others'.

        :param facts: of each site that an address is told of.
        :raises Conflict, Unavailable: the ledger of some could not be read or written; all others were told.
        """
        done, troubles = Round(), list[MwlError]()
        for subscription_id, subscription in subscriptions.items():
            try:
                self.look(subscription_id, subscription, facts[subscription.site])
                came = self.deliver(subscription_id, subscription)
            except MwlError as error:
                troubles.append(error)
                continue
            done = Round(done.delivered + came.delivered, done.failed + came.failed)
        if troubles:
            raise troubles[0]
        return done

    def look(self, subscription_id: str, subscription: Subscription, facts: SiteFacts) -> None:
        """Write down what an address is to be told."""
        there, gone_by, new_id = conditions(facts), passed(facts), self._new_id()
        self._store.change(
            subscription_id,
            lambda ledger: step(
                ledger, subscription, there, gone_by, now=facts.now, local=facts.local, new_id=new_id
            ),
        )

    def deliver(self, subscription_id: str, subscription: Subscription) -> Round:
        """Deliver what is due to an address."""
        sent = lost = 0
        for _ in range(MOST_A_ROUND):
            message = self._claim(subscription_id)
            if message is None:
                break
            try:
                self._outside.deliver(message, subscription)
            except MwlError as error:
                self._note_failure(subscription_id, message.id, error.what)
                lost += 1
                break  # the others would fail likewise, and keep their order
            self._note_delivery(subscription_id, message.id)
            sent += 1
        return Round(sent, lost)

    def _claim(self, subscription_id: str) -> Message | None:
        now = moment(self._now())
        found: list[Message] = []

        def claim(ledger: Ledger) -> Ledger | None:
            message = due(ledger, now)
            found[:] = [message] if message else []
            return claimed(ledger, message.id, now) if message else None

        self._store.change(subscription_id, claim)
        return found[0] if found else None

    def _note_delivery(self, subscription_id: str, message_id: str) -> None:
        now = moment(self._now())
        self._store.change(subscription_id, lambda ledger: delivered(ledger, message_id, now))

    def _note_failure(self, subscription_id: str, message_id: str, why: str) -> None:
        now = moment(self._now())
        self._store.change(subscription_id, lambda ledger: failed(ledger, message_id, why, now))
