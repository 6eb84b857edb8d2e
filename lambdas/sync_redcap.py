"""Entry point: brings the changes of the sources named on the queue into the worklist."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final
from uuid import uuid4

from aws_lambda_powertools import Logger

from lambdas.aws.messages import handle_messages
from lambdas.aws.observing.entry_point import entry_point
from lambdas.aws.observing.metric import Metric
from lambdas.aws.observing.metrics import Metrics
from lambdas.settings import RedcapSettings, load
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.connect import outside
from lambdas.sync.source_sync import USUAL_SECONDS, SourceSync, SyncResult
from shared.errors import MwlError, NotFound, Rejected

READ_SECONDS: Final = 240.0
"""How long REDCap may take for one answer: the function has 300 s, and wants to say why it failed."""

logger = Logger()


class SyncSettings(RedcapSettings):
    """What the sync reads from its environment."""


@entry_point(logger)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle an SQS event; return the messages that failed.

    A message is ``{"source_id": ...}``; with ``"record"`` it is about that record alone, which was saved at
    ``"saved_at"`` (seconds since 1970), and with ``"confirm_withdrawals": "yes"`` a person has agreed that
    however many items may be withdrawn. With ``"claim"`` it is the schedule's: it is followed only if the
    source is still due, and not tried again if that fails, for the source remembers why, and is due again
    after a pause.
    """
    settings = load(SyncSettings)
    sync, metrics = _wired(settings), settings.metrics()
    ends = time.monotonic() + _seconds_left(context)

    def remaining() -> float:
        return ends - time.monotonic()

    def sync_one(message: Mapping[str, str]) -> None:
        source_id = message["source_id"]
        if message.get("record"):
            result = _bring(sync, message, remaining)
        elif claim := message.get("claim", ""):
            result = _answer(sync, source_id, _moment(claim), remaining, metrics)
        else:
            confirmed = message.get("confirm_withdrawals") == "yes"
            result = sync.run(source_id, remaining=remaining, confirm_withdrawals=confirmed)
        if result is None:
            logger.info("left to another sync", extra={"source_id": source_id})
        else:
            logger.info("synced", extra={"source_id": source_id, **_facts(result)})
            _tell(metrics, source_id, result)

    return handle_messages(event, context, "source_id", sync_one, logger, metrics)


def _facts(result: SyncResult) -> dict[str, object]:
    return {
        "full": result.full,
        "written": result.written,
        "unchanged": result.unchanged,
        "withdrawn": result.withdrawn,
        "rejected": len(result.rejected),
        "held": len(result.held),
        "missing_soon": result.missing_soon,
        "withheld": result.withheld,
        "unseen": result.unseen,
        "unfinished": result.unfinished,
    }


def _tell(metrics: Metrics, source_id: str, result: SyncResult) -> None:
    troubles = {
        Metric.MISSING_SOON: result.missing_soon,
        Metric.WITHDRAWALS_WAIT: result.withheld,
        Metric.UNSEEN_CHANGES: result.unseen,
        Metric.ROWS_REJECTED: result.rejected_count,
        Metric.ROWS_HELD: result.held_count,
    }
    metrics.tell_trouble(troubles, source=source_id)
    if result.saved_to_visible is not None:
        metrics.tell({Metric.SAVED_TO_VISIBLE: result.saved_to_visible}, source=source_id)


def _answer(
    sync: SourceSync, source_id: str, claim: float, remaining: Callable[[], float], metrics: Metrics
) -> SyncResult | None:
    """Sync a source for the schedule."""
    try:
        return sync.run(source_id, remaining=remaining, claim=claim)
    except NotFound:
        return None  # deleted since it was asked for
    except MwlError as error:
        failures = sync.failures(source_id)
        facts = {"reason": str(error), "retryable": error.retryable, "failures": failures}
        logger.warning("sync failed", extra={"source_id": source_id, **facts})
        metrics.tell({Metric.SYNC_FAILING: failures}, source=source_id)
        return None


def _moment(claim: str) -> float:
    try:
        return float(claim)
    except ValueError:
        raise Rejected("a claim must be a number of seconds", where="claim") from None


def _bring(sync: SourceSync, message: Mapping[str, str], remaining: Callable[[], float]) -> SyncResult | None:
    source_id, saved_at = message["source_id"], message.get("saved_at")
    try:
        return sync.run_record(
            source_id,
            message["record"],
            remaining=remaining,
            announced_at=float(saved_at) if saved_at else None,
        )
    except NotFound:
        raise
    except MwlError as error:
        # A wake-up that failed is not tried again: the next sync finds the record by itself.
        logger.warning("wake-up not followed", extra={"source_id": source_id, "reason": str(error)})
        return None


def _seconds_left(context: Any) -> float:
    left = getattr(context, "get_remaining_time_in_millis", None)
    return left() / 1000 if left is not None else USUAL_SECONDS


@cache  # for the function's life: its connections, and for a minute its secrets
def _wired(settings: SyncSettings) -> SourceSync:
    tables = settings.tables()
    return SourceSync(
        SourceStore(tables),
        WorklistStore(
            tables,
            now=time.time,
            new_id=lambda: uuid4().hex,
            settle_seconds=settings.settle_seconds,
        ),
        outside(settings, read_seconds=READ_SECONDS),
    )
