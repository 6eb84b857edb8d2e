"""Entry point: writes the result of each step on the queue to REDCap."""

from __future__ import annotations

import time
from functools import cache
from typing import Any, Final
from uuid import uuid4

from aws_lambda_powertools import Logger

from lambdas.aws.messages import handle_each
from lambdas.aws.observing.entry_point import entry_point
from lambdas.settings import RedcapSettings, load
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.unfinished_write_backs import FEEDBACK
from lambdas.store.worklist import WorklistStore
from lambdas.sync.connect import outside
from lambdas.write_backs.feedback import SourceFeedback
from lambdas.write_backs.step import StepWriteBack

READ_SECONDS: Final = 20.0
"""How long REDCap may take for one answer of a few rows: the function has 120 s for five steps."""

logger = Logger()


class WriteBackSettings(RedcapSettings):
    """What the write-back reads from its environment."""


@entry_point(logger)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle an SQS event whose messages are ``{"sop_instance_uid": ...}``; return those that failed.

    Instead of a UID, `FEEDBACK` and a source's id ask for the source's rows to be told of the worklist.

    A write-back that could not be done has not failed: the table says it is due, and the schedule retries it.
    """
    settings = load(WriteBackSettings)
    write_back, feedback = _wired(settings)

    def write_one(uid: str) -> None:
        about_source = uid.startswith(FEEDBACK)
        outcome, note = feedback.run(uid.removeprefix(FEEDBACK)) if about_source else write_back.run(uid)
        facts = {"sop_instance_uid": uid, "outcome": outcome, "reason": note}
        if outcome == "parked":
            logger.warning("write-back", extra=facts)  # lambdas.notices.function counts what is parked
        else:
            logger.info("write-back", extra=facts)

    return handle_each(event, context, "sop_instance_uid", write_one, logger, settings.metrics())


@cache  # for the function's life: its connections, and for a minute its secrets
def _wired(settings: WriteBackSettings) -> tuple[StepWriteBack, SourceFeedback]:
    tables = settings.tables()
    worklist = WorklistStore(
        tables, now=time.time, new_id=lambda: uuid4().hex, settle_seconds=settings.settle_seconds
    )
    sources, surroundings = SourceStore(tables), outside(settings, read_seconds=READ_SECONDS)
    return (
        StepWriteBack(StepStore(tables, worklist, now=time.time), sources, surroundings),
        SourceFeedback(sources, worklist, surroundings),
    )
