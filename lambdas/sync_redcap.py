"""Entry point: brings the changes of the sources named on the queue into the worklist."""

from __future__ import annotations

import time
from functools import cache
from typing import Any, Final
from uuid import uuid4

from aws_lambda_powertools import Logger

from lambdas.connect import RedcapSettings, connector
from lambdas.messages import handle_each
from lambdas.settings import load
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync_source import SourceSync

READ_SECONDS: Final = 240.0
"""How long REDCap may take for one answer: the function has 300 s, and wants to say why it failed."""

logger = Logger()


class SyncSettings(RedcapSettings):
    """What the sync reads from its environment."""


def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle an SQS event whose messages are ``{"source_id": ...}``; return those that failed."""
    sync = _wired(load(SyncSettings))

    def sync_one(source_id: str) -> None:
        result = sync.run(source_id)
        if result is None:
            logger.info("another sync is under way", extra={"source_id": source_id})
            return
        told = {
            "full": result.full,
            "written": result.written,
            "unchanged": result.unchanged,
            "withdrawn": result.withdrawn,
            "rejected": len(result.rejected),
        }
        logger.info("synced", extra={"source_id": source_id, **told})

    return handle_each(event, context, "source_id", sync_one, logger)


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
        connector(settings, now=time.time, sleep=time.sleep, read_seconds=READ_SECONDS),
        now=time.time,
        new_id=lambda: uuid4().hex,
    )
