"""Who is told of a site's trouble: listing, making, changing, trying and ending notices, for admins."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ValidationError

from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.problems import flaws
from lambdas.api.schemas import common as schemas
from lambdas.api.services import Services
from lambdas.notices.condition import Kind
from lambdas.notices.ledger import Ledger, State, with_test
from lambdas.notices.subscription import Channel, NoticeFields, Subscription
from lambdas.store.audit.entry import Actor
from shared.errors import Rejected

router = Router(prefix="/notices", tags=["notices"], dependencies=[MayAdminister])


class NewNotice(NoticeFields, schemas.Request):
    """Who is to be told of what. Times are `HH:MM` on the site's clock; empty: none.

    :param site: the site it is about.
    :param channel: `email`, or the kind of webhook.
    :param target: the e-mail address, or the webhook's https address, which is shown to nobody again.
    :param kinds: what to tell of.
    :param immediately: as soon as it happens; otherwise only in the digest.
    :param digest_at: when a list of all that needs somebody is sent, every day.
    :param quiet_from: from then to `quiet_to` nothing is sent, but for a scan of today that is missing.
    :param quiet_to: when quiet hours end.
    """


class NoticeView(BaseModel):
    """A notice and how it goes.

    :param notice_id: names it.
    :param site: the site it is about.
    :param target: where it goes; of a webhook only the host.
    :param told: what it has been told of and that is not over yet: how many things.
    :param waiting: messages that wait for delivery.
    :param delivered_at: when the last one was delivered.
    :param failing_since: since when deliveries fail; null: they do not.
    :param failure: why the last one failed.
    """

    notice_id: str
    site: str
    channel: Channel
    target: str
    kinds: list[Kind]
    immediately: bool
    digest_at: str
    quiet_from: str
    quiet_to: str
    told: int
    waiting: int
    delivered_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    failure: str

    @classmethod
    def of(cls, notice_id: str, subscription: Subscription, ledger: Ledger) -> NoticeView:
        """Return what is shown of a notice."""
        own = subscription.model_dump(exclude={"target", "kinds"})
        return cls(
            notice_id=notice_id,
            target=subscription.shown_target,
            kinds=sorted(subscription.kinds),
            told=sum(known.state is not State.WAITING for known in ledger.known.values()),
            waiting=len(ledger.outbox),
            delivered_at=ledger.delivered_at,
            failing_since=ledger.failing_since,
            failure=ledger.failure,
            **own,
        )


@router.get("")
def list_notices(services: UseServices) -> list[NoticeView]:
    """List who is told of what, and whether it arrives."""
    ledgers = services.notices.ledgers()
    return [
        NoticeView.of(notice_id, subscription, ledgers.get(notice_id, Ledger()))
        for notice_id, subscription in services.notices.all().items()
    ]


@router.post("", status_code=201)
def create_notice(body: NewNotice, services: UseServices, by: Acting) -> NoticeView:
    """Tell somebody from now on. What needs somebody already is told within a minute."""
    notice_id, subscription = services.new_id(), _subscription(body, services)
    services.notices.add(notice_id, subscription, by=by)
    return NoticeView.of(notice_id, subscription, Ledger())


@router.put("/{notice_id}")
def replace_notice(notice_id: str, body: NewNotice, services: UseServices, by: Acting) -> NoticeView:
    """Change who is told of what. What was told already is not told again."""
    subscription = _subscription(body, services)
    services.notices.replace(notice_id, subscription, by=by)
    return NoticeView.of(notice_id, subscription, services.notices.ledger(notice_id))


@router.delete("/{notice_id}", status_code=204)
def delete_notice(notice_id: str, services: UseServices, by: Acting) -> None:
    """Tell them nothing any more."""
    services.notices.remove(notice_id, by=by)


@router.post("/{notice_id}/test", status_code=202)
def try_notice(notice_id: str, services: UseServices, by: Acting) -> None:
    """Send a message that says nothing but that it arrives, within a minute."""
    send_test(services, notice_id, by)


def send_test(services: Services, notice_id: str, by: Actor) -> None:
    """Put a test into the outbox of a notice. :raises NotFound: there is none."""
    services.notices.note_test(notice_id, by=by)
    now, new_id = datetime.fromtimestamp(services.now(), UTC), services.new_id()
    services.notices.change(notice_id, lambda ledger: with_test(ledger, now=now, new_id=new_id))


def _subscription(body: NewNotice, services: Services) -> Subscription:
    if body.site not in services.worklist.sites() and not _is_planned(body.site, services):
        raise Rejected("there is no such site", where="site", hint="no exam and no source is of it")
    try:
        return Subscription.model_validate(body.model_dump())
    except ValidationError as error:
        found = flaws(error.errors(include_url=False, include_input=False))
        raise Rejected("; ".join(flaw.detail for flaw in found), where="notice") from None


def _is_planned(site: str, services: Services) -> bool:
    """Tell whether a source is to write to a site that has no exam yet."""
    return any(site in each.definition.sites() for each in services.sources.all() if each.definition)
