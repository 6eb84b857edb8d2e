"""What happens by the clock, with a handler for each pace.

Every minute, `handler` requests a sync of each source that is due and was not asked for already, and each
write-back that is still due. A message may be lost, or sent for nothing: a request lapses, and who takes one
looks whether it still makes sense. Every hour, `no_shows` marks the exams whose day passed without a scan,
sets aside the performed steps that no scanner ended, and notes when each site is open.
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
from lambdas.aws.due_requests import DueRequest, interleaved, send_due
from lambdas.aws.observing.entry_point import entry_point
from lambdas.aws.observing.metric import Metric
from lambdas.aws.observing.metrics import Metrics
from lambdas.aws.queue import send_all
from lambdas.settings import StoreSettings, load
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.stored import Timing
from lambdas.store.models import Tables
from lambdas.store.runs.claims import is_waiting
from lambdas.store.runs.plan import PlannedSource, Shard, SourcePlan
from lambdas.store.site_hours.table import SiteHours
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.unfinished_write_backs import FEEDBACK
from lambdas.store.worklist import WorklistStore
from lambdas.sync.scans.no_shows import mark_no_shows
from lambdas.sync.scans.stale_steps import StaleSteps
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WRITE_BACKS_AT_ONCE: Final = 500
_SLACK: Final = 0.1
"""Share of an interval by which a source may be early: the schedule's own minute is not exact either."""
_MOST_SLACK: Final = 10.0
_WINDOW_LOOK: Final = 3600
"""How far to look back for the opening of an operating window, in seconds."""

logger = Logger()


class ScheduleSettings(StoreSettings):
    """What the schedule reads from its environment."""

    aws_endpoint_url: str | None = Field(default=None, description="Where AWS is played; not set in AWS.")
    due_queue_url: str = Field(description="DueQueue, which gets one message a source that is due.")
    write_back_queue_url: str = Field(description="WriteBackQueue, which gets one message a step.")


@entry_point(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    :raises Unavailable: some messages were not taken. The next minute tries again.
    """
    settings = load(ScheduleSettings)
    tables = settings.tables()
    now = time.time()
    plan = _plan(tables)
    shards = list(plan.shards(now))
    sources = [source for shard in shards for source in shard.sources]
    for source in sources:
        if source.problem:
            logger.warning("source skipped", extra={"source_id": source.source_id, "problem": source.problem})
    _tell(settings.metrics(), sources, now)
    worklist = WorklistStore(tables, now=time.time, new_id=lambda: uuid4().hex)
    steps = StepStore(tables, worklist, now=time.time).due_write_backs(WRITE_BACKS_AT_ONCE)
    steps += [
        FEEDBACK + each.source_id for each in sources if has_feedback(each.definition, each.timing, now)
    ]
    syncs = _send(settings, plan, shards, steps, now)
    return {"syncs": syncs, "write_backs": len(steps)}


@entry_point(logger)
def no_shows(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    :raises Conflict, Unavailable: some exams may not be marked yet. The next hour goes on.
    """
    settings = load(StoreSettings)
    tables = settings.tables()
    worklist = WorklistStore(
        tables, now=time.time, new_id=lambda: uuid4().hex, settle_seconds=settings.settle_seconds
    )
    sources, now = SourceStore(tables), time.time()
    # First: what follows may stop half-way, and relays are to ask often as soon as something is expected.
    SiteHours(tables).note([each.definition for each in sources.all(gently=True) if each.definition], now)
    stale = StaleSteps(tables, worklist, now=time.time).set_aside()
    for uid in stale:
        logger.warning("step open too long: its exam is no longer in progress", extra={"step": uid})
    marked = mark_no_shows(worklist, sources, now)
    if marked:
        logger.info("no-shows", extra={"marked": marked})
    settings.metrics().tell_trouble({Metric.EXAMS_NOT_SHOWN_UP: marked, Metric.STEPS_NEVER_ENDED: len(stale)})
    return {"no_shows": marked, "stale_steps": len(stale)}


def is_due(definition: SourceDefinition | None, timing: Timing, now: float) -> bool:
    """Tell whether to ask for a sync of a source.

    :param now: seconds since 1970.
    """
    if definition is None or not definition.enabled:
        return False
    if timing.leased_until > now or timing.left_alone_until > now:
        return False
    if not definition.open_at(datetime.fromtimestamp(now, UTC)):
        return False
    if timing.last_run_at is None or timing.unfinished:
        return True
    slack = min(_MOST_SLACK, definition.interval_seconds * _SLACK)
    return now >= timing.next_due(definition.interval_seconds) - slack


def lateness(definition: SourceDefinition | None, timing: Timing, now: float) -> float:
    """Return for how many seconds a sync of a source has been due.

    That of a source whose operating window has just opened counts from then, and is told as an hour at most.
    What is left alone after a failure is not late: the failure is told.

    :param now: seconds since 1970.
    """
    if definition is None or not definition.enabled or timing.last_run_at is None:
        return 0.0
    if timing.left_alone_until > now:
        return 0.0
    late = max(0.0, now - timing.next_due(definition.interval_seconds))
    if definition.operating_window is None:
        return late
    return min(late, _open_for(definition, now))


def _open_for(definition: SourceDefinition, now: float) -> float:
    """Return for how many seconds the operating window has been open, to the minute, up to an hour."""
    closed = (
        ago
        for ago in range(0, _WINDOW_LOOK, 60)
        if not definition.open_at(datetime.fromtimestamp(now - ago, UTC))
    )
    return float(next(closed, _WINDOW_LOOK))


def has_feedback(definition: SourceDefinition | None, timing: Timing, now: float) -> bool:
    """Tell whether rows of a source are to be told, now, whether their scans are on the worklist.

    :param now: seconds since 1970.
    """
    if definition is None or not definition.enabled or timing.feedback_at is None:
        return False
    free = timing.leased_until <= now and max(timing.feedback_at, timing.banned_until) <= now
    return free and definition.open_at(datetime.fromtimestamp(now, UTC))


def _tell(metrics: Metrics, sources: list[PlannedSource], now: float) -> None:
    late = {each.source_id: lateness(each.definition, each.timing, now) for each in sources}
    unreadable = sum(bool(each.problem) for each in sources)
    # Also with no source at all: that this figure comes shows that the schedule runs.
    metrics.tell({Metric.SYNC_LAG: max(late.values(), default=0.0)})
    metrics.tell_trouble({Metric.SOURCES_UNREADABLE: unreadable})
    if metrics.detailed:
        for source_id, seconds in late.items():
            metrics.tell_trouble({Metric.SYNC_LAG: seconds}, source=source_id)


@cache  # for the function's life
def _sqs(region: str, endpoint_url: str | None) -> SQSClient:
    client: SQSClient = make_client("sqs", region, endpoint_url)
    return client


@cache  # likewise: what has not changed is not read again
def _plan(tables: Tables) -> SourcePlan:
    return SourcePlan(tables)


def _send(
    settings: ScheduleSettings, plan: SourcePlan, shards: list[Shard], steps: list[str], now: float
) -> int:
    """Send all messages; return how many syncs were asked for."""
    client = _sqs(settings.aws_region, settings.aws_endpoint_url)
    failures: list[Unavailable] = []  # one queue's trouble is not the other's
    requests = [
        DueRequest(each.source_id, each.definition.url, now)
        for shard in shards
        for each in shard.sources
        if each.definition is not None and _is_to_be_asked_for(each, shard, now)
    ]
    try:
        send_all(client, settings.write_back_queue_url, [{"sop_instance_uid": uid} for uid in steps])
    except Unavailable as error:
        failures.append(error)
    # Sent first, noted then: whoever is stopped in between has asked twice, and nobody is left out.
    sent, failure = send_due(client, settings.due_queue_url, interleaved(requests))
    failures += [failure] if failure else []
    for shard in shards:
        _claim(plan, shard, sent, now)
    if failures:
        raise failures[0]
    return len(sent)


def _is_to_be_asked_for(source: PlannedSource, shard: Shard, now: float) -> bool:
    waiting = is_waiting(shard.claims.get(source.source_id), source.taken, now)
    return not waiting and is_due(source.definition, source.timing, now)


def _claim(plan: SourcePlan, shard: Shard, sent: frozenset[str], now: float) -> None:
    """Note which of a shard's sources have a message on its way."""
    waiting = {
        each.source_id: now if each.source_id in sent else shard.claims[each.source_id]
        for each in shard.sources
        if each.source_id in sent or is_waiting(shard.claims.get(each.source_id), each.taken, now)
    }
    if waiting != shard.claims:
        plan.claim(shard.number, waiting)
