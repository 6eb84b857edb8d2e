"""Whatever the wire does at whichever call of whatever a store does: `Unavailable`, and nothing half done.

Every public function of every store that asks DynamoDB has its row in `CALLS`; one without fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lambdas.access.browser_session import BrowserSession
from lambdas.access.role import Role
from lambdas.access.single_sign_on.group_rights import Rights
from lambdas.access.single_sign_on.identity import Identity
from lambdas.sources.state import SourceState
from lambdas.store.accounts.browser_sessions import BrowserSessionStore
from lambdas.store.accounts.calendars import CalendarStore
from lambdas.store.accounts.idempotency import IdempotencyStore
from lambdas.store.accounts.logins import LoginStore
from lambdas.store.accounts.people import Session, User, UserStore
from lambdas.store.accounts.polls import Polls
from lambdas.store.accounts.relays import Relay, RelayStore
from lambdas.store.accounts.triggers import TriggerStore
from lambdas.store.audit.entry import SYSTEM, Subject
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.followed_items import FollowedItems
from lambdas.store.linking.step_links import StepLinks
from lambdas.store.models import SOURCES, bind
from lambdas.store.runs.plan import SourcePlan
from lambdas.store.self_tests.self_tests import SelfTestStore
from lambdas.store.servers.request_rates import RequestRates
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.worklist import ItemQuery, WorklistStore
from shared.errors import NotFound, Unavailable
from shared.relay_health import DiscardedEvent, DiscardOrder, RelayHealth
from shared.scanners.scanner_profile import ScannerOverrides
from shared.steps.procedure_step import EventReference
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import ENVIRONMENT
from tests.rigs.dynamodb import TableModel, modelled
from tests.rigs.redcap import classic_definition

NOW = 1_795_000_000.0
NOON = datetime.fromtimestamp(NOW, UTC)
URL = "https://redcap.test/api/"
ITEM, OTHER, UID = an_item(), an_item("002"), "2.25.78"


def said(code: str) -> Exception:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Query")


FAULTS = [
    ReadTimeoutError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    said("ProvisionedThroughputExceededException"),
    said("ThrottlingException"),
    said("RequestLimitExceeded"),
    said("InternalServerError"),
]


class World:
    """All stores over one model."""

    code: str
    cursor: str
    health: RelayHealth
    key: str
    relay: Relay
    relay_id: str
    somebody: User

    def __init__(self) -> None:
        tables = bind("WorklistTable", "AccountsTable", "eu-central-1")
        self.numbers = iter(range(10**6))
        self.worklist = WorklistStore(tables, now=lambda: NOW, new_id=self.new_id)
        self.followed: FollowedItems = self.worklist.followed
        self.steps = StepStore(tables, self.worklist, now=lambda: NOW)
        self.links = StepLinks(tables, self.worklist, self.steps)
        self.rates = RequestRates(tables, now=lambda: NOW, sleep=lambda _: None)
        self.audit = AuditTrail(tables, now=lambda: NOW)
        self.relays = RelayStore(tables, now=lambda: NOW, new_id=self.new_id, new_code=self.new_id)
        self.polls = Polls(tables, self.relays)
        self.users = UserStore(tables, now=lambda: NOW)
        self.logins = LoginStore(tables, now=lambda: NOW)
        self.sessions = BrowserSessionStore(tables)
        self.idempotency = IdempotencyStore(tables, now=lambda: NOW, new_id=self.new_id)
        self.triggers = TriggerStore(tables, now=lambda: NOW)
        self.calendars = CalendarStore(tables, now=lambda: NOW)
        self.tests = SelfTestStore(tables, self.worklist.writer, now=lambda: NOW, new_uuid=uuid4)
        self.tables = tables
        self.forget()

    def new_id(self) -> str:
        return f"id{next(self.numbers)}"

    def forget(self) -> None:
        """Remember no more than a new process does."""
        self.plan = SourcePlan(self.tables)
        self.sources = SourceStore(self.tables, now=lambda: NOW)

    def fill(self) -> None:
        """Put something of everything."""
        self.worklist.put_if_changed([ITEM, OTHER])
        self.steps.record_event(an_event(ITEM, UID), site="north", relay_id="r")
        self.sources.put(classic_definition())
        self.sources.put(classic_definition(id="leased"))
        taken = self.sources.take("leased", "me", now=NOW, seconds=60)
        assert taken is not None
        self.sources.save_state("leased", "me", SourceState(recent=tuple(f"{n:024x}" for n in range(99))))
        self.tables.source(SOURCES, "old", body=classic_definition(id="old").model_dump_json()).save()
        self.rates.reserve("https://redcap.test", 60)
        self.code, _ = self.relays.invite("north")
        self.relay = self.relays.enroll(self.code, public_key="key", name="r")
        self.relay_id = self.relay.relay_id
        self.polls.read(self.relay_id)  # so that its site is remembered
        self.health = RelayHealth.model_validate(HEALTH)
        self.relays.heard(self.relay_id, self.health)
        self.users.create("somebody", "hash", Role.ADMIN)
        self.users.create("other", "hash", Role.READ)
        self.users.begin_session("somebody", SESSION)
        self.sessions.begin("secret", BROWSER)
        self.triggers.make("classic", "secret")
        self.key = f"{NOON:%Y%m%d}"


PARKED = {
    "event_id": "e1",
    "sop_instance_uid": UID,
    "kind": "N-SET",
    "received_at": NOON.isoformat(),
    "reason": "no",
}
HEALTH = {"version": "1", "at": NOON, "parked_events": [PARKED]}
SESSION = Session(session_id="s1", began_at=NOON, expires_at=NOON)
BROWSER = BrowserSession(username="somebody", session_id="s1", began_at=NOW, used_at=NOW, proved_at=NOW)
NONE = ItemQuery(site="north", patient_id="sub", modality="MR")
GIVEN_UP = DiscardedEvent.model_validate(
    {**PARKED, "event_id": "e2", "discarded_by": "x", "discarded_at": "now", "because": "no"}
)
VOUCHED_FOR = Identity("issuer sub", "newcomer", Rights(Role.READ), "", "", 0.0)
NO_OVERRIDES = ScannerOverrides(scanners=())
CALLS: dict[str, Callable[[World], Any]] = {
    "WorklistStore.sites": lambda w: w.worklist.sites(),
    "WorklistStore.find": lambda w: w.worklist.find("nobody"),
    "WorklistStore.list_items": lambda w: w.worklist.list_items(NONE, limit=3),
    "WorklistStore.of_days": lambda w: w.worklist.of_days("north", "20261101", "20261130"),
    "WorklistStore.put_if_changed": lambda w: w.worklist.put_if_changed([an_item("9")], ["north", "south"]),
    "WorklistStore.create": lambda w: w.worklist.create(an_item("10", source="")),
    "WorklistStore.edit": lambda w: w.worklist.edit(ITEM.id, {"allergies": "latex"}),
    "WorklistStore.remove": lambda w: w.worklist.remove(OTHER.id),
    "WorklistStore.release": lambda w: w.worklist.release(OTHER.id, ()),
    "WorklistStore.restore": lambda w: w.worklist.restore(OTHER.id),
    "WorklistStore.withdraw": lambda w: w.worklist.withdraw("north", [OTHER.id]),
    "WorklistStore.items_of_source": lambda w: list(w.worklist.items_of_source("study", "north")),
    "WorklistStore.items_of_record": lambda w: list(w.worklist.items_of_record("study", "001")),
    "WorklistStore.records_on": lambda w: w.worklist.records_on("study", "20261122"),
    "WorklistStore.bearers": lambda w: list(w.worklist.bearers("north")),
    "WorklistStore.head": lambda w: w.worklist.head("north"),
    "WorklistStore.is_in_history": lambda w: w.worklist.is_in_history("north", 1, "old-stamp"),
    "WorklistStore.rows_after": lambda w: w.worklist.rows_after("north", 0, 5),
    "WorklistStore.changes_after": lambda w: w.worklist.changes_after("north", None, 5),
    "WorklistStore.quiet_seconds": lambda w: w.worklist.quiet_seconds("north", w.cursor),
    "WorklistStore.knows": lambda w: w.worklist.knows("north", w.cursor),
    "WorklistStore.booked": lambda w: list(w.worklist.booked("north", "20261101", "20261130")),
    "FollowedItems.names": lambda w: w.followed.names(["north"]),
    "FollowedItems.touched_like": lambda w: list(w.followed.touched_like(an_item("001"), ["north"])),
    "FollowedItems.prepare": lambda w: w.followed.prepare("north", []),
    "FollowedItems.is_prepared": lambda w: w.followed.is_prepared("north"),
    "FollowedItems.touched": lambda w: list(w.followed.touched("study", ["north"])),
    "FollowedItems.follow": lambda w: w.followed.follow("north", ITEM, "a" * 32, ITEM.id),
    "StepStore.record_event": lambda w: w.steps.record_event(
        an_event(OTHER, "2.25.79"), site="north", relay_id="r"
    ),
    "StepStore.find": lambda w: w.steps.find(UID),
    "StepStore.audited": lambda w: w.steps.audited([UID]),
    "StepStore.events": lambda w: w.steps.events(UID),
    "StepStore.events_at": lambda w: w.steps.events_at(UID, site="north"),
    "StepStore.lacking": lambda w: w.steps.lacking(
        [EventReference(event_id="e" * 32, sop_instance_uid=UID)], site="north"
    ),
    "StepStore.due_write_backs": lambda w: w.steps.due_write_backs(5),
    "StepStore.parked_write_backs": lambda w: w.steps.parked_write_backs(),
    "StepStore.performed": lambda w: w.steps.performed([UID]),
    "StepStore.pending": lambda w: w.steps.pending(UID),
    "StepStore.write_back_done": lambda w: w.steps.write_back_done(UID, 1),
    "StepStore.write_back_later": lambda w: w.steps.write_back_later(UID, 1, at=NOW, note=""),
    "StepStore.write_back_parked": lambda w: w.steps.write_back_parked(UID, 1, note=""),
    "StepStore.retry_write_back": lambda w: w.steps.retry_write_back(UID, by=SYSTEM),
    "StepStore.write_back_state": lambda w: w.steps.write_back_state(UID),
    "StepStore.step_row": lambda w: w.steps.step_row(UID),
    "StepStore.step_rows": lambda w: w.steps.step_rows([UID]),
    "StepLinks.find": lambda w: w.links.find(UID),
    "StepLinks.between": lambda w: list(w.links.between("north", "20200101", "20301231")),
    "StepLinks.steps_between": lambda w: list(w.links.steps_between("north", "20200101", "20301231")),
    "StepLinks.link": lambda w: w.links.link(UID, OTHER.id),
    "StepLinks.unlink": lambda w: w.links.unlink(UID, ITEM.id),
    "SourceStore.put": lambda w: w.sources.put(classic_definition(id="old", site="south")),
    "SourceStore.get": lambda w: w.sources.get("classic"),
    "SourceStore.find": lambda w: w.sources.find("leased"),
    "SourceStore.all": lambda w: w.sources.all(),
    "SourceStore.delete": lambda w: w.sources.delete("classic"),
    "SourceStore.state": lambda w: w.sources.state("leased"),
    "SourceStore.acquire": lambda w: w.sources.acquire("old", "me", now=NOW, seconds=9),
    "SourceStore.take": lambda w: w.sources.take("leased", "you", now=NOW + 61, seconds=9),
    "SourceStore.settle": lambda w: w.sources.settle("classic", NOW),
    "SourceStore.renew": lambda w: w.sources.renew("leased", "me", now=NOW, seconds=9),
    "SourceStore.release": lambda w: w.sources.release("leased", "me"),
    "SourceStore.save_state": lambda w: w.sources.save_state("leased", "me", SourceState(failures=2)),
    "SourceStore.finish": lambda w: w.sources.finish("leased", "me", SourceState(failures=3)),
    "SourcePlan.shards": lambda w: list(w.plan.shards(NOW)),
    "SourcePlan.claim": lambda w: w.plan.claim(3, {"classic": NOW}),
    "RequestRates.admits_hint": lambda w: w.rates.admits_hint(URL),
    "RequestRates.reserve": lambda w: w.rates.reserve("https://redcap.test", 2),
    "RequestRates.rest": lambda w: w.rates.rest("https://redcap.test", 5, banned=False),
    "AuditTrail.record": lambda w: w.audit.record(SYSTEM, [Subject(kind="list", action="read")]),
    "AuditTrail.entry": lambda w: w.audit.entry("20261118/120000.000000#site:north#1"),
    "AuditTrail.has": lambda w: w.audit.has("20261118/120000.000000#site:north#1", "a"),
    "AuditTrail.of_day": lambda w: list(w.audit.of_day(w.key)),
    "AuditTrail.all": lambda w: list(w.audit.all()),
    "AuditTrail.last": lambda w: w.audit.last("system:"),
    "RelayStore.invite": lambda w: w.relays.invite("south"),
    "RelayStore.enroll": lambda w: w.relays.enroll(w.code, public_key="key", name="r"),
    "RelayStore.find": lambda w: w.relays.find("nobody", consistent=False),
    "Polls.read": lambda w: w.polls.read(w.relay_id),
    "RelayStore.all": lambda w: w.relays.all(),
    "RelayStore.revoke": lambda w: w.relays.revoke(w.relay_id),
    "RelayStore.heard": lambda w: w.relays.heard(w.relay_id, w.health),
    "RelayStore.heartbeat": lambda w: w.relays.heartbeat(w.relay_id),
    "RelayStore.heartbeats": lambda w: w.relays.heartbeats(),
    "RelayStore.configuration": lambda w: w.relays.configuration(w.relay_id),
    "RelayStore.configure": lambda w: w.relays.configure(
        w.relay_id, ScannerOverrides(scanners=()), by=SYSTEM
    ),
    "RelayStore.discard": lambda w: w.relays.discard(
        w.relay_id, DiscardOrder(event_id="e1", because="no", by="somebody"), by=SYSTEM
    ),
    "RelayStore.record_discards": lambda w: w.relays.record_discards(w.relay, [GIVEN_UP]),
    "RelayStore.retry": lambda w: w.relays.retry(w.relay_id, "e1", by=SYSTEM),
    "RelayStore.take_retries": lambda w: w.relays.take_retries(w.relay_id, w.health),
    "RelayStore.discards": lambda w: w.relays.discards(w.relay_id, w.health),
    "UserStore.find": lambda w: w.users.find("somebody"),
    "UserStore.all": lambda w: w.users.all(),
    "UserStore.create": lambda w: w.users.create("third", "hash", Role.READ),
    "UserStore.change": lambda w: w.users.change("other", role=Role.WRITE),
    "UserStore.begin_session": lambda w: w.users.begin_session("other", SESSION),
    "UserStore.end_session": lambda w: w.users.end_session("somebody", "s1", by=SYSTEM),
    "UserStore.upgrade_hash": lambda w: w.users.upgrade_hash(w.somebody, "better"),
    "UserStore.remove": lambda w: w.users.remove("other"),
    "UserStore.admit": lambda w: w.users.admit(VOUCHED_FOR, by=SYSTEM),
    "SelfTestStore.find": lambda w: w.tests.find(w.relay),
    "SelfTestStore.of_relays": lambda w: w.tests.of_relays([w.relay]),
    "CalendarStore.all": lambda w: w.calendars.all(),
    "CalendarStore.make": lambda w: w.calendars.make("c", site="north", scanner="MR1", salt="s"),
    "LoginStore.begin": lambda w: w.logins.begin("somebody", address="a", device="d"),
    "LoginStore.succeeded": lambda w: w.logins.succeeded("somebody", address="a", device="d"),
    "BrowserSessionStore.begin": lambda w: w.sessions.begin("new", BROWSER),
    "BrowserSessionStore.find": lambda w: w.sessions.find("secret"),
    "BrowserSessionStore.change": lambda w: w.sessions.change("secret", hides_names=True),
    "BrowserSessionStore.end": lambda w: w.sessions.end("secret"),
    "IdempotencyStore.claim": lambda w: w.idempotency.claim("somebody", "key", "body"),
    "TriggerStore.find": lambda w: w.triggers.find("classic"),
    "TriggerStore.make": lambda w: w.triggers.make("other", "secret"),
    "TriggerStore.delete": lambda w: w.triggers.delete("classic"),
    "TriggerStore.known": lambda w: w.triggers.known("classic", "secret"),
}
ASK_NOBODY = {
    "AuditTrail.seal",  # makes an entry
    "AuditTrail.add",  # is given a transaction
    "StepStore.save_step",  # likewise
    "RequestRates.pace",  # asks when it is waited for
}
DONE_ALREADY = {"StepLinks.unlink"}
"""What may have been done when the fault came, and says so when it is asked for again."""
STORES = [
    WorklistStore,
    FollowedItems,
    StepStore,
    StepLinks,
    SourceStore,
    SourcePlan,
    RequestRates,
    AuditTrail,
    RelayStore,
    Polls,
    UserStore,
    LoginStore,
    BrowserSessionStore,
    IdempotencyStore,
    TriggerStore,
]


class Broken:
    """Lets some calls through, and breaks the next."""

    def __init__(self, passes: int, fault: Exception) -> None:
        self.left, self.fault = passes, fault

    def __call__(self, operation: str, request: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise self.fault


@pytest.fixture(scope="module")
def model() -> Iterator[TableModel]:
    with pytest.MonkeyPatch.context() as patch, modelled() as running:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def filled(model: TableModel) -> tuple[World, Any]:
    world = World()
    world.fill()
    world.cursor = world.worklist.changes_after("north", None, 5).cursor
    somebody = world.users.find("somebody")
    assert somebody is not None
    world.somebody = somebody
    return world, model.backup()


def test_every_function_of_a_store_is_here() -> None:
    public = {
        f"{store.__name__}.{name}"
        for store in STORES
        for name, member in inspect.getmembers(store, inspect.isfunction)
        if not name.startswith("_")
    }
    others = {name for name in CALLS if name.partition(".")[0] in {"CalendarStore", "SelfTestStore"}}
    assert public | others == CALLS.keys() | ASK_NOBODY


@pytest.mark.parametrize("name", CALLS)
def test_a_fault_at_any_call_is_unavailable_and_the_same_again_succeeds(
    name: str, model: TableModel, filled: tuple[World, Any]
) -> None:
    world, rows = filled
    model.restore(rows)
    world.forget()
    before = model.calls.total()
    CALLS[name](world)
    calls = model.calls.total() - before
    assert calls > 0
    for passes in range(calls):
        model.restore(rows)
        world.forget()
        fault = FAULTS[(passes + len(name)) % len(FAULTS)]
        model.fault = Broken(passes, fault)
        try:
            with pytest.raises(Unavailable) as raised:
                CALLS[name](world)
        finally:
            model.fault = lambda _operation, _request: None
        assert raised.value.retryable
        with suppress(NotFound) if name in DONE_ALREADY else nullcontext():
            CALLS[name](world)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault)[:40])
def test_every_kind_of_fault_is_unavailable(
    fault: Exception, model: TableModel, filled: tuple[World, Any]
) -> None:
    world, rows = filled
    for name in (
        "WorklistStore.edit",
        "StepStore.record_event",
        "SourceStore.take",
        "WorklistStore.list_items",
    ):
        model.restore(rows)
        model.fault = Broken(0, fault)
        try:
            with pytest.raises(Unavailable):
                CALLS[name](world)
        finally:
            model.fault = lambda _operation, _request: None
