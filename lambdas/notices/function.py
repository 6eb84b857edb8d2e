"""Entry point: every minute, tells people what needs them, and operators how the relays are doing."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from ipaddress import ip_network
from typing import Any, Final
from uuid import uuid4

from aws_lambda_powertools import Logger
from pydantic import Field

from lambdas.aws.clients import make_client
from lambdas.aws.observing.entry_point import entry_point
from lambdas.aws.observing.metric import Metric
from lambdas.aws.observing.metrics import Metrics
from lambdas.notices.condition import Kind
from lambdas.notices.delivery import Notices, Outside, Round
from lambdas.notices.mail import Mailer, SesMailer, SmtpMailer
from lambdas.notices.relay_figures import relay_figures
from lambdas.notices.site_facts import SiteFacts, moment
from lambdas.notices.store import NoticeStore
from lambdas.notices.subscription import Subscription
from lambdas.notices.webhook import Network, Webhooks
from lambdas.settings import StoreSettings, load
from lambdas.sources.stored import at_site, zone_name
from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.accounts.relays import Heartbeat, Relay, RelayStore
from lambdas.store.linking.doubted_exams import DoubtedExam, doubted_exams
from lambdas.store.linking.step_links import StepLinks
from lambdas.store.linking.unended_exams import ASKED_DAYS, UnendedExam, unended_exams
from lambdas.store.models import Tables
from lambdas.store.self_tests.outcome import SelfTest
from lambdas.store.self_tests.self_tests import SelfTestStore
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.unfinished_write_backs import ParkedWriteBack
from lambdas.store.worklist import WorklistStore
from shared.errors import Rejected
from shared.text.time_zones import ZoneName, time_zone

MOST_PARKED: Final = 500

logger = Logger()


class NoticeSettings(StoreSettings):
    """What the notices read from their environment."""

    accounts_table: str = Field(description="Name of AccountsTable.")
    aws_endpoint_url: str | None = Field(default=None, description="Where AWS is played; not set in AWS.")
    notices_from: str = Field(default="", description="Whom mails are from. Empty: no mail is sent.")
    smtp_host: str = Field(default="", description="The mail server to use. Empty: Amazon SES.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Where that mail server listens.")
    dashboard_url: str = Field(default="", description="The API's address, for links. Empty: no links.")
    site_time_zone: ZoneName = Field(
        default="UTC", description="Time zone of a site that no source says another for."
    )
    webhook_private_networks: str = Field(
        default="",
        description="Private networks in which webhooks may be called, separated by commas. Empty: none.",
    )

    def tables(self) -> Tables:
        """Return the table models of this deployment, accounts included."""
        return self.bound(self.accounts_table)

    def networks(self) -> list[Network]:
        """Return the networks of `webhook_private_networks`; raise `Rejected` if one is none."""
        texts = filter(None, map(str.strip, self.webhook_private_networks.split(",")))
        try:
            return [ip_network(text) for text in texts]
        except ValueError:
            raise Rejected(
                "is no list of networks like 10.1.0.0/16", where="WEBHOOK_PRIVATE_NETWORKS"
            ) from None


@dataclass(frozen=True)
class Known:
    """What is known of relays and write-backs, of all sites."""

    relays: Collection[Relay]
    heartbeats: Mapping[str, Heartbeat]
    parked: Collection[ParkedWriteBack]
    self_tests: Mapping[str, SelfTest]


@entry_point(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    :raises Conflict, Unavailable: some were not told. The next minute goes on.
    """
    settings = load(NoticeSettings)
    tables = settings.tables()
    metrics, now = settings.metrics(), time.time()
    known = read_known(tables)
    tell_figures(metrics, known, now)
    store = NoticeStore(tables, now=time.time)
    subscriptions = store.all()
    if not subscriptions:
        return {"delivered": 0, "failed": 0}
    facts = read_facts(tables, known, subscriptions.values(), now, settings.site_time_zone)
    done = tell(store, outside(settings), facts, subscriptions)
    metrics.tell_trouble({Metric.NOTICES_FAILED: done.failed})
    logger.info("notices", extra={"delivered": done.delivered, "failed": done.failed})
    return {"delivered": done.delivered, "failed": done.failed}


def tell(
    store: NoticeStore,
    outside: Outside,
    facts: Mapping[str, SiteFacts],
    subscriptions: Mapping[str, Subscription],
) -> Round:
    """Do one round."""
    return Notices(store, outside, now=time.time, new_id=lambda: uuid4().hex).round(facts, subscriptions)


def outside(settings: NoticeSettings) -> Outside:
    """Return what delivers, as the settings say."""
    return Outside(
        _mailer(settings),
        Webhooks(allowed=settings.networks()),
        settings.notices_from,
        settings.dashboard_url.rstrip("/"),
    )


def read_known(tables: Tables) -> Known:
    """Read what is known of relays and write-backs."""
    worklist = WorklistStore(tables, now=time.time, new_id=lambda: uuid4().hex)
    store = RelayStore(tables, now=time.time, new_id=lambda: uuid4().hex, new_code=lambda: uuid4().hex)
    relays = store.all()
    parked = StepStore(tables, worklist, now=time.time).parked_write_backs(MOST_PARKED)
    tests = SelfTestStore(tables, worklist.writer, now=time.time, new_uuid=uuid4).of_relays(relays)
    return Known(relays, store.heartbeats(), parked, tests)


def tell_figures(metrics: Metrics, known: Known, now: float) -> None:
    """Tell how relays and write-backs are doing.

    :param now: seconds since 1970.
    """
    sites = relay_figures(known.relays, known.heartbeats, known.parked, moment(now))
    for site, figures in sites.items():
        metrics.tell_trouble(figures, site=site)


def read_facts(
    tables: Tables, known: Known, subscriptions: Collection[Subscription], now: float, default_zone: str
) -> dict[str, SiteFacts]:
    """Return what is known of the sites that somebody is told of, each kind of row read once.

    A site's exams are read only where somebody wants to know of those that were never ended, or whose images
    are under another Patient ID.

    :param now: seconds since 1970.
    """
    sources = SourceStore(tables).all(gently=True)
    asking = {(kind, each.site) for each in subscriptions for kind in each.kinds}
    return {
        site: SiteFacts(
            site=site,
            now=moment(now),
            zone=zone,
            sources=own,
            relays=known.relays,
            heartbeats=known.heartbeats,
            parked=known.parked,
            self_tests=known.self_tests,
            unended=_read_unended(tables, site, today) if (Kind.UNENDED, site) in asking else (),
            doubted=_read_doubted(tables, site, today) if (Kind.DOUBTED, site) in asking else (),
        )
        for site in {each.site for each in subscriptions}
        for own in (at_site(sources, site),)
        for zone in (time_zone(zone_name(own, default_zone)),)
        for today in (moment(now).astimezone(zone).date(),)
    }


def _read_unended(tables: Tables, site: str, today: date) -> list[UnendedExam]:
    worklist = WorklistStore(tables, now=time.time, new_id=lambda: uuid4().hex)
    links = StepLinks(tables, worklist, StepStore(tables, worklist, now=time.time))
    return unended_exams(worklist, links, site, today, days=ASKED_DAYS + 1)


def _read_doubted(tables: Tables, site: str, today: date) -> list[DoubtedExam]:
    worklist = WorklistStore(tables, now=time.time, new_id=lambda: uuid4().hex)
    noted = DoubtedImageStore(tables, now=time.time)
    return doubted_exams(worklist, noted, site, today, days=ASKED_DAYS + 1)


def _mailer(settings: NoticeSettings) -> Mailer:
    if settings.smtp_host:
        return SmtpMailer(settings.smtp_host, settings.smtp_port)
    return SesMailer(lambda: _ses(settings.aws_region, settings.aws_endpoint_url))


@cache  # for the function's life
def _ses(region: str, endpoint_url: str | None) -> Any:
    return make_client("sesv2", region, endpoint_url)
