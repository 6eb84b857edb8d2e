"""What a restored table lacks, and which relays know a later state of it.

DynamoDB restores items and indexes, and none of the settings around them ("Restoring a table", AWS's
developer guide). That a relay knows more than the table has, its last heartbeat shows: it carries the
relay's cursor, and heartbeats are in AccountsTable, which is restored by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lambdas.store.feed import Head
from shared.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from lambdas.store.accounts.relays import Heartbeat, Relay
    from lambdas.store.worklist import WorklistStore

INDEXES: Final = ("feed", "by_study", "listing", "write_back_due")


@dataclass(frozen=True)
class RelayHistory:
    """What a relay saw, held against the table.

    :param agrees: whether that is part of the table's history; None if the relay has not said what it saw.
    """

    relay_id: str
    name: str
    agrees: bool | None


@dataclass(frozen=True)
class SiteHistory:
    """A site's feed as it stands.

    :param changes: how many numbers were taken.
    :param written_at: when a number was last taken, as far as the head remembers; None if it does not.
    """

    site: str
    changes: int
    written_at: datetime | None
    relays: tuple[RelayHistory, ...]

    @property
    def is_rewritten(self) -> bool:
        """Tell whether a relay knows a later state than the table."""
        return any(relay.agrees is False for relay in self.relays)


def histories(
    worklist: WorklistStore, relays: Iterable[Relay], heartbeats: Mapping[str, Heartbeat]
) -> Iterator[SiteHistory]:
    """Yield the history of every site, by name, with its relays that are not revoked."""
    known = [relay for relay in relays if relay.revoked_at is None]
    for site in worklist.sites():
        head = worklist.head(site) or Head(0, "")
        seen = tuple(
            RelayHistory(relay.relay_id, relay.name, _agrees(worklist, site, heartbeats.get(relay.relay_id)))
            for relay in known
            if relay.site == site
        )
        at = datetime.fromtimestamp(head.marks[-1].at, UTC) if head.marks else None
        yield SiteHistory(site, head.seq, at, seen)


def lost_settings(client: Any, table: str) -> list[str]:
    """Return which of the settings that template.yaml gives a table this one lacks, each with the remedy.

    :param client: boto3's ``dynamodb`` client.
    :raises Unavailable: AWS does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        described = client.describe_table(TableName=table)["Table"]
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        live = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"cannot be looked at: {type(error).__name__}", where=table) from error
    return list(_lost(described, backups, live))


def _lost(described: Mapping[str, Any], backups: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[str]:
    there = {
        index["IndexName"]
        for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")
        for index in described.get(kind, ())
    }
    for name in INDEXES:
        if name not in there:
            yield f"index {name} is missing: restore once more, with all indexes"
    if live.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
        yield "time to live is off: aws dynamodb update-time-to-live, attribute expires_at"
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield "point-in-time recovery is off: aws dynamodb update-continuous-backups"
    if not described.get("DeletionProtectionEnabled"):
        yield "deletion protection is off: aws dynamodb update-table --deletion-protection-enabled"


def _agrees(worklist: WorklistStore, site: str, heartbeat: Heartbeat | None) -> bool | None:
    if heartbeat is None or not heartbeat.health.cursor:
        return None
    try:
        return worklist.knows(site, heartbeat.health.cursor)
    except Rejected:
        return None  # a cursor of another build
