"""Entry point: every hour, marks the exams whose day passed without a scan."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger

from lambdas.settings import StoreSettings, load
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.scans.no_shows import mark_no_shows

logger = Logger()


class NoShowSettings(StoreSettings):
    """What it reads from its environment."""


def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event; what it says does not matter.

    :raises Conflict, Unavailable: some exams may not be marked yet. The next hour goes on.
    """
    settings = load(NoShowSettings)
    tables = settings.tables()
    worklist = WorklistStore(
        tables, now=time.time, new_id=lambda: uuid4().hex, settle_seconds=settings.settle_seconds
    )
    marked = mark_no_shows(worklist, SourceStore(tables), time.time())
    if marked:
        logger.info("no-shows", extra={"marked": marked})
    return {"no_shows": marked}
