"""What happens by the clock, with a handler for each pace.

Every minute, `handler` requests a sync of each source that is due, and each write-back that is still due. It
reads only. A message may be sent twice, or for nothing; who receives it finds that out. Every hour,
`no_shows` marks the exams whose day passed without a scan. When the operator says, `self_tests` sends a test
participant to every relay.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from aws_lambda_powertools import Logger
from pydantic import Field

from lambdas.aws.clients import make_client
from lambdas.aws.queue import send_all
from lambdas.settings import StoreSettings, load
from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.audit.entry import SYSTEM
from lambdas.store.models import Tables
from lambdas.store.self_tests.self_tests import SelfTestStore
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.unfinished_write_backs import FEEDBACK
from lambdas.store.worklist import WorklistStore
from lambdas.sync.scans.no_shows import mark_no_shows
from shared.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WRITE_BACKS_AT_ONCE: Final = 500
_SLACK: Final = 0.1
"""Share of an interval by which a source may be early: the schedule's own minute is not exact either."""
_MOST_SLACK: Final = 10.0

logger = Logger()


class ScheduleSettings(StoreSettings):
    """What the schedule reads from its environment."""

    aws_endpoint_url: str | None = Field(default=None, description="Where AWS is played; not set in AWS.")
    sync_queue_url: str = Field(description="SyncQueue, which gets one message a source.")
    write_back_queue_url: str = Field(description="WriteBackQueue, which gets one message a step.")


class SelfTestSettings(StoreSettings):
    """What the tests of the relays read from their environment."""

    accounts_table: str = Field(description="Name of AccountsTable, where the relays are.")

    def tables(self) -> Tables:
        """Return the table models of this deployment, accounts included."""
        return self.bound(self.accounts_table)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    :raises Unavailable: some messages were not taken. The next minute tries again.
    """
    settings = load(ScheduleSettings)
    tables = settings.tables()
    now = time.time()
    sources = SourceStore(tables).all()
    for source in sources:
        if source.problem:
            logger.warning("source skipped", extra={"source_id": source.source_id, "problem": source.problem})
    due = [source.source_id for source in sources if is_due(source, now)]
    worklist = WorklistStore(tables, now=time.time, new_id=lambda: uuid4().hex)
    steps = StepStore(tables, worklist, now=time.time).due_write_backs(WRITE_BACKS_AT_ONCE)
    steps += [FEEDBACK + source.source_id for source in sources if has_feedback(source, now)]
    _send(settings, due, steps)
    return {"syncs": len(due), "write_backs": len(steps)}


def no_shows(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    :raises Conflict, Unavailable: some exams may not be marked yet. The next hour goes on.
    """
    settings = load(StoreSettings)
    tables = settings.tables()
    worklist = WorklistStore(
        tables, now=time.time, new_id=lambda: uuid4().hex, settle_seconds=settings.settle_seconds
    )
    marked = mark_no_shows(worklist, SourceStore(tables), time.time())
    if marked:
        logger.info("no-shows", extra={"marked": marked})
    return {"no_shows": marked}


def self_tests(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    A relay that cannot be tested is a log line: Relays at the dashboard says why.

    :raises Conflict, Unavailable: some relays may not be tested yet. The retry goes on.
    """
    settings = load(SelfTestSettings)
    tables = settings.tables()
    worklist = WorklistStore(
        tables, now=time.time, new_id=lambda: uuid4().hex, settle_seconds=settings.settle_seconds
    )
    tests = SelfTestStore(tables, worklist.writer, now=time.time, new_uuid=uuid4)
    relays = RelayStore(tables, now=time.time, new_id=lambda: uuid4().hex, new_code=_no_code)
    heartbeats, begun = relays.heartbeats(), 0
    for relay in relays.all():
        try:
            tests.begin(relay, heartbeats.get(relay.relay_id), by=SYSTEM)
        except Rejected as error:
            if relay.revoked_at is None:
                logger.warning("relay not tested", extra={"relay": relay.relay_id, "reason": error.what})
            continue
        begun += 1
    return {"self_tests": begun}


def is_due(source: StoredSource, now: float) -> bool:
    """Tell whether to ask for a sync.

    :param now: seconds since 1970.
    """
    definition, state = source.definition, source.state
    if definition is None or not definition.enabled:
        return False
    if source.leased_until > now or max(state.paused_until, state.banned_until) > now:
        return False
    if not definition.open_at(datetime.fromtimestamp(now, UTC)):
        return False
    if state.last_run_at is None or state.progress is not None:
        return True
    slack = min(_MOST_SLACK, definition.interval_seconds * _SLACK)
    return now >= state.last_run_at.timestamp() + definition.interval_seconds - slack


def has_feedback(source: StoredSource, now: float) -> bool:
    """Tell whether rows of a source are to be told, now, whether their scans are on the worklist.

    :param now: seconds since 1970.
    """
    definition, state = source.definition, source.state
    if definition is None or not definition.enabled or not state.feedback_due:
        return False
    free = source.leased_until <= now and max(state.feedback_at, state.banned_until) <= now
    return free and definition.open_at(datetime.fromtimestamp(now, UTC))


def _no_code() -> str:
    raise Rejected("the schedule enrols no relays")


@cache  # for the function's life
def _sqs(region: str, endpoint_url: str | None) -> SQSClient:
    client: SQSClient = make_client("sqs", region, endpoint_url)
    return client


def _send(settings: ScheduleSettings, sources: list[str], steps: list[str]) -> None:
    client = _sqs(settings.aws_region, settings.aws_endpoint_url)
    failures: list[Unavailable] = []  # one queue's trouble is not the other's
    for queue_url, messages in (
        (settings.write_back_queue_url, [{"sop_instance_uid": uid} for uid in steps]),
        (settings.sync_queue_url, [{"source_id": source_id} for source_id in sources]),
    ):
        try:
            send_all(client, queue_url, messages)
        except Unavailable as error:
            failures.append(error)
    if failures:
        raise failures[0]
