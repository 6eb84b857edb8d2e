"""Everything the API works with, wired in one place and handed to `create_app`."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lambdas.access.passwords import Passwords
from lambdas.access.signing_keys import SigningKeys
from lambdas.access.tokens import PeopleTokens
from lambdas.api.settings import ApiSettings
from lambdas.aws.clients import make_client
from lambdas.aws.secrets import Secrets
from lambdas.aws.sync_requests import SyncRequests
from lambdas.notices.store import NoticeStore
from lambdas.store.accounts.browser_sessions import BrowserSessionStore
from lambdas.store.accounts.calendars import CalendarStore
from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.accounts.idempotency import IdempotencyStore
from lambdas.store.accounts.logins import LoginStore
from lambdas.store.accounts.people import UserStore
from lambdas.store.accounts.polls import Polls
from lambdas.store.accounts.relays import RelayStore, random_code
from lambdas.store.accounts.shown_items import ShownItemStore
from lambdas.store.accounts.sign_ons import SignOnStore
from lambdas.store.accounts.triggers import TriggerStore
from lambdas.store.audit.entry import SYSTEM, Actor
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.linking.completions import Completions
from lambdas.store.linking.step_links import StepLinks
from lambdas.store.self_tests.self_tests import SelfTestStore
from lambdas.store.site_hours.table import SiteHours
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync import removal
from lambdas.sync.connect import Connect, connector
from lambdas.write_backs.wake_up import WakeUpMessages
from shared.errors import Rejected

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    from lambdas.access.single_sign_on.provider import OpenIdProvider

REDCAP_SECONDS: Final = 9.0
"""How long REDCap may take for one answer: API Gateway gives up after 30 seconds, and waits for several."""

LONGEST_PAUSE_SECONDS: Final = 0.5

Check = Callable[[], object]
"""Asks something of a part we depend on; any exception means that it does not work."""


@dataclass(frozen=True)
class Services:
    """What the routes are given.

    :param open_id_provider: vouches for people; None: there is no single sign-on.
    :param connect: opens a definition's REDCap project, to look only.
    :param checks: what ``GET /health`` tries, by name.
    :param pseudonym_key: reads the key of pseudonyms; empty if the deployment has none.
    :param now: seconds since 1970.
    :param new_id: a fresh random identifier of letters and digits.
    :param new_secret: a fresh random text that nobody can guess.
    """

    settings: ApiSettings
    worklist: WorklistStore
    site_hours: SiteHours
    steps: StepStore
    step_links: StepLinks
    completions: Completions
    doubted_images: DoubtedImageStore
    users: UserStore
    logins: LoginStore
    sessions: BrowserSessionStore
    sign_ons: SignOnStore
    relays: RelayStore
    polls: Polls
    shown_items: ShownItemStore
    self_tests: SelfTestStore
    sources: SourceStore
    triggers: TriggerStore
    connect: Connect
    syncs: SyncRequests
    passwords: Passwords
    tokens: PeopleTokens
    wake_up_messages: WakeUpMessages
    audit: AuditTrail
    idempotency: IdempotencyStore
    open_id_provider: OpenIdProvider | None
    notices: NoticeStore
    calendars: CalendarStore
    checks: Mapping[str, Check]
    pseudonym_key: Callable[[], str]
    now: Callable[[], float]
    new_id: Callable[[], str]
    new_secret: Callable[[], str]

    def local_now(self) -> datetime:
        """Return the time on the sites' clocks."""
        return datetime.fromtimestamp(self.now(), self.settings.time_zone())

    def site_or_default(self, site: str) -> str:
        """Return the site meant by whoever names ``site``, or none; raise `Rejected` if that is not clear."""
        chosen = site or self.settings.default_site
        if chosen:
            return chosen
        known = self.worklist.sites()
        if len(known) != 1:
            raise Rejected(
                f"must be given: {len(known)} sites are known and DEFAULT_SITE is not set", where="site"
            )
        return known[0]

    def remove_source(self, source_id: str, *, withdraw: bool, by: Actor = SYSTEM) -> int:
        """Delete a source; return how many of its items were withdrawn. Raises as `removal.remove_source`."""
        return removal.remove_source(
            source_id,
            sources=self.sources,
            worklist=self.worklist,
            triggers=self.triggers,
            withdraw=withdraw,
            owner=self.new_id(),
            now=self.now(),
            by=by,
        )


def services_from(
    settings: ApiSettings,
    *,
    now: Callable[[], float] = time.time,
    passwords: Passwords | None = None,
) -> Services:
    """Return the services of a deployment. Makes no network call."""
    tables = settings.tables()
    worklist = WorklistStore(tables, now=now, new_id=_new_id, settle_seconds=settings.settle_seconds)
    steps = StepStore(tables, worklist, now=now)
    users = UserStore(tables, now=now)
    relays = RelayStore(tables, now=now, new_id=_new_id, new_code=_new_code)
    secrets_manager, sqs = _clients(settings.aws_region)
    vault = Secrets(secrets_manager, now=now)

    def keys(fresh: bool) -> Mapping[str, Any]:
        return vault.read(settings.signing_key_secret_id, fresh=fresh)

    def pseudonym_key() -> str:
        secret_id = settings.history_key_secret_id
        return str(vault.read(secret_id).get("key", "")) if secret_id else ""

    return Services(
        settings=settings,
        worklist=worklist,
        site_hours=SiteHours(tables),
        steps=steps,
        step_links=StepLinks(tables, worklist, steps),
        completions=Completions(worklist, doubted := DoubtedImageStore(tables, now=now)),
        doubted_images=doubted,
        users=users,
        logins=LoginStore(tables, now=now),
        sessions=BrowserSessionStore(tables),
        sign_ons=SignOnStore(tables),
        shown_items=ShownItemStore(tables),
        open_id_provider=_open_id_provider(settings, vault, now),
        relays=relays,
        polls=Polls(tables, relays),
        self_tests=SelfTestStore(tables, worklist.writer, now=now, new_uuid=uuid.uuid4),
        sources=SourceStore(tables, now=now),
        triggers=TriggerStore(tables, now=now),
        connect=_impatient(settings, now),
        syncs=SyncRequests(sqs, settings.sync_queue_url),
        passwords=passwords or Passwords(),
        tokens=PeopleTokens(keys, now=now),
        audit=AuditTrail(tables, now=now),
        idempotency=IdempotencyStore(tables, now=now, new_id=_new_id),
        notices=NoticeStore(tables, now=now),
        calendars=CalendarStore(tables, now=now),
        wake_up_messages=WakeUpMessages(sqs, settings.write_back_queue_url),
        checks={
            "worklist_table": worklist.sites,
            "accounts_table": lambda: users.find("health-check"),
            "signing_key": lambda: SigningKeys.parse(keys(False)),
        },
        pseudonym_key=pseudonym_key,
        now=now,
        new_id=_new_id,
        new_secret=_new_secret,
    )


def _open_id_provider(
    settings: ApiSettings, vault: Secrets, now: Callable[[], float]
) -> OpenIdProvider | None:
    if not settings.oidc_issuer:
        return None
    # Takes a while to load, and most deployments have no single sign-on.
    from lambdas.access.single_sign_on.provider import OpenIdProvider  # noqa: PLC0415

    return OpenIdProvider(settings, secret=lambda: vault.read(settings.oidc_client_secret_id), now=now)


def _impatient(settings: ApiSettings, now: Callable[[], float]) -> Connect:
    """Return what opens REDCap projects for somebody who waits for an answer."""
    return connector(
        settings,
        now=now,
        sleep=lambda seconds: time.sleep(min(seconds, LONGEST_PAUSE_SECONDS)),
        read_seconds=REDCAP_SECONDS,
    )


def _clients(region: str) -> tuple[Callable[[], SecretsManagerClient], Callable[[], SQSClient]]:
    """Return what makes each client, once, when it is first asked for."""

    @cache
    def secrets_manager() -> SecretsManagerClient:
        made: SecretsManagerClient = make_client("secretsmanager", region, patient=False)
        return made

    @cache
    def sqs() -> SQSClient:
        made: SQSClient = make_client("sqs", region, patient=False)
        return made

    return secrets_manager, sqs


def _new_id() -> str:
    return uuid.uuid4().hex


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _new_code() -> str:
    return random_code(secrets.choice)
