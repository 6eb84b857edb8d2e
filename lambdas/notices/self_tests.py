"""Entry point: before the scanners' day begins, sends a test participant to every relay."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger
from pydantic import Field

from lambdas.aws.observing.entry_point import entry_point
from lambdas.aws.observing.metric import Metric
from lambdas.settings import StoreSettings, load
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.audit.entry import SYSTEM
from lambdas.store.models import Tables
from lambdas.store.self_tests.self_tests import SelfTestStore
from lambdas.store.worklist import WorklistStore
from shared.errors import Rejected

logger = Logger()


class SelfTestSettings(StoreSettings):
    """What the tests of the relays read from their environment."""

    accounts_table: str = Field(description="Name of AccountsTable, where the relays are.")

    def tables(self) -> Tables:
        """Return the table models of this deployment, accounts included."""
        return self.bound(self.accounts_table)


@entry_point(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
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
    heartbeats, begun, refused = relays.heartbeats(), 0, 0
    for relay in relays.all():
        try:
            tests.begin(relay, heartbeats.get(relay.relay_id), by=SYSTEM)
        except Rejected as error:
            if relay.revoked_at is None:
                refused += 1
                logger.warning("relay not tested", extra={"relay": relay.relay_id, "reason": error.what})
            continue
        begun += 1
    settings.metrics().tell_trouble({Metric.RELAYS_NOT_TESTED: refused})
    return {"self_tests": begun}


def _no_code() -> str:
    raise Rejected("the schedule enrols no relays")
