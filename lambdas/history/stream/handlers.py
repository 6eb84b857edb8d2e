"""Entry points: `handler` takes the tables' streams to staged facts, `compaction` those to the tables."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import uuid4

from aws_lambda_powertools import Logger
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lambdas.aws.clients import make_client
from lambdas.aws.observing.entry_point import entry_point
from lambdas.aws.observing.metric import Metric
from lambdas.aws.secrets import Secrets
from lambdas.history.deployment import studies_of
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.stream.files import Bucket
from lambdas.history.stream.records import facts_of
from lambdas.history.stream.staging import batch_name, stage
from lambdas.settings import StoreSettings, load
from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.models import Tables
from lambdas.store.sources import SourceStore
from shared.errors import NotFound, Rejected

LOOKS_BACK_DAYS: Final = 30
"""Days whose staged facts are looked at in each compaction."""

logger = Logger()


class CompactionSettings(StoreSettings):
    """What the compaction reads from its environment."""

    model_config = SettingsConfigDict(frozen=True)

    history_bucket: str = Field(description="The bucket that keeps the history.")


class HistoryStreamSettings(CompactionSettings):
    """What the stream's function reads besides."""

    accounts_table: str = Field(description="Name of AccountsTable.")
    history_key_secret_id: str = Field(description='Secret with the key, {"key": "..."}.')

    def tables(self) -> Tables:
        """Return the table models of the deployment, accounts included."""
        return self.bound(self.accounts_table)


@entry_point(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle a batch of a table's stream. If it raises, the stream delivers the batch again.

    :raises Unavailable: the bucket or the key could not be reached.
    """
    settings = load(HistoryStreamSettings)
    names, relays, sources = _names(settings), _relays(settings), SourceStore(settings.tables())

    @cache
    def site_of(relay: str) -> str | None:
        found = relays.find(relay)
        return found.site if found else None

    @cache
    def source_of(source_id: str) -> StoredSource | None:
        try:
            return sources.find(source_id)
        except NotFound:
            return None

    records = event["Records"]
    facts = [fact for record in records for fact in facts_of(record, names, site_of, source_of)]
    if not facts:
        return {"records": len(records), "facts": 0, "files": 0}
    ids = [str(record["eventID"]) for record in records]
    name = batch_name(str(records[0]["dynamodb"]["SequenceNumber"]), ids)
    done = {"records": len(records), "facts": len(facts), "files": stage(_bucket(settings), name, facts)}
    logger.info("staged", extra=done)
    return done


@entry_point(logger)
def compaction(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Handle an EventBridge Scheduler event: bring the tables up to what has been staged lately.

    After a load, call it once with ``{"all": true}``: it then looks at every day.

    :raises Unavailable: the bucket could not be reached; the next one goes on.
    """
    from lambdas.history.stream.compaction import compact  # noqa: PLC0415 - pyarrow is in this function's package only

    settings = load(CompactionSettings)
    today = datetime.now(UTC).date()
    days = [f"{today - timedelta(days=ago)}" for ago in range(LOOKS_BACK_DAYS, -2, -1)]
    studies = studies_of(SourceStore(settings.tables()).all())
    done = compact(_bucket(settings), studies, None if event.get("all") else days)
    for site, number in done.missing.items():
        logger.warning("entry missing", extra={"site": site, "number": number})
        settings.metrics().tell({Metric.HISTORY_ENTRY_MISSING: 1}, site=site)
    logger.info("compacted", extra={"days": done.days, "waiting": len(done.missing)})
    return {"days": done.days, "waiting": len(done.missing)}


@cache
def _names(settings: HistoryStreamSettings) -> Pseudonyms:
    secrets = Secrets(lambda: make_client("secretsmanager", settings.aws_region), now=time.time)
    key = secrets.read(settings.history_key_secret_id).get("key")
    if not isinstance(key, str):
        raise Rejected('is not {"key": "..."}', where=settings.history_key_secret_id)
    return Pseudonyms(key.encode())


def _relays(settings: HistoryStreamSettings) -> RelayStore:
    return RelayStore(
        settings.tables(), now=time.time, new_id=lambda: uuid4().hex, new_code=lambda: uuid4().hex
    )


def _bucket(settings: CompactionSettings) -> Bucket:
    return Bucket(make_client("s3", settings.aws_region), settings.history_bucket)
