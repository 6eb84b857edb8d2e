"""The rows of both DynamoDB tables as PynamoDB models. Private to this package.

    WorklistTable
        pk                 sk                    row
        SITES              <site>                a site that exists
        SITE#<site>        HEAD                  the feed's counter and epoch            HeadRow
        SITE#<site>        STAMP#<version>       what one write of the head left         StampRow
        SITE#<site>        ITEM#<item_id>        an item, or its tombstone               ItemRow
        SITE#<site>        SELF_TEST#<relay_id>  a relay's last test participant         ItemRow
        SITE#<site>        SAME#<row id>         the item that followed a renamed row    SameRow
        SITE#<site>        APART#<item_id>       its start does not find this item       Row
        MPPS#<sop uid>     EVENT#<event_id>      one N-CREATE or N-SET                   EventRow
        MPPS#<sop uid>     STATE                 the folded step and its write-back      StepRow
        NO_SHOW:<item_id>  STATE                 REDCap is to be told that it was missed; COMPLETION: was done
        RATES              <server>              how often a REDCap server is asked      RateRow
        SOURCES            <source_id>           a source definition                     SourceRow
        RUNS#<shard>       <source_id>           what is remembered of its syncs         RunRow
        RUNS#<shard>       #CLAIMS               which sources were asked for            ClaimsRow
        SOURCE#<source_id> STATE                 what of it is too long for its RunRow   KeptRow
        HOURS              STATE                 when each site is open                  KeptRow
        AUDIT#<day>        <time>#<chain>#<n>    an audit entry                          AuditRow
        CHAINS             <chain>               the last entry of an audit chain        ChainRow
    AccountsTable
        USERS              <username>            a person's account
        LOGINS             <hash>                failed logins, to throttle guessing
        RELAYS             <relay_id>            an enrolled relay and its public key
        ENROLLMENTS        <hash of the code>    a code that enrols one relay, once
        RELAY_HEALTH       <relay_id>            a relay's last heartbeat
        RELAY_DISCARDS     <relay_id>            which of its parked events people gave up
        RELAY_SCANNERS     <relay_id>            what is overridden of its scanners
        TRIGGERS           <source_id>           the hash of a Data Entry Trigger's secret
        IDEMPOTENCY        <hash>                what a caller's Idempotency-Key stands for
        NOTICES            <id>                  who is told of a site's trouble
        NOTICE_LEDGERS     <id>                  what that address was told, and its outbox
        CALENDARS          <hash of a secret>    which scanner's exams a program may read
        SESSIONS           <hash of a secret>    who is signed in at the dashboard in one browser

template.yaml declares the same keys and indexes; tests/unit/project/test_template.py compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar, cast

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.expressions.update import Action

from lambdas.aws.clients import SharedClient
from lambdas.aws.quick_model import QuickJSONAttribute, QuickModel
from lambdas.store.indexes import (
    DueIndex,
    FeedIndex,
    GroupIndex,
    ListingIndex,
    RecordIndex,
    StartIndex,
    StudyIndex,
)
from lambdas.store.unfinished_write_backs import WITHOUT_STEP

ITEM, EVENT, HEAD, STATE, SITES, SOURCES = "ITEM#", "EVENT#", "HEAD", "STATE", "SITES", "SOURCES"
SAME, STAMP, SELF_TEST = "SAME#", "STAMP#", "SELF_TEST#"
RATES, HOURS, DUE = "RATES", "HOURS", "DUE"
RUNS, CLAIMS = "RUNS#", "#CLAIMS"
AUDIT, CHAINS, MPPS = "AUDIT#", "CHAINS", "MPPS#"
R = TypeVar("R", bound="Row")

MOST_CONNECTIONS = 50  # that are kept open: a local server answers in 40 threads, and all tables share them


def site_key(site: str) -> str:
    """Return the partition key of a site's head and items."""
    return f"SITE#{site}"


def item_key(item_id: str) -> str:
    """Return the sort key of an item."""
    return f"{ITEM}{item_id}"


def same_key(row_id: str) -> str:
    """Return the sort key of the row that says which item a row's name means."""
    return f"{SAME}{row_id}"


def stamp_key(version: int) -> str:
    """Return the sort key of the stamp that a write of the head left."""
    return f"{STAMP}{version}"


def step_key(key: str) -> str:
    """Return the partition key of a write-back: by SOP Instance UID, or one of those without a step."""
    return key if key.startswith(WITHOUT_STEP) else f"{MPPS}{key}"


def steps_group(site: str) -> str:
    """Return what a site's procedure steps are listed by."""
    return f"STEPS#{site}"


def audit_key(day: str) -> str:
    """Return the partition key of a day's audit entries."""
    return f"{AUDIT}{day}"


def kept_key(source_id: str) -> str:
    """Return the partition key of what is remembered of a source apart from its `RunRow`."""
    return f"SOURCE#{source_id}"


class Row(QuickModel):
    """What every row has."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    expires_at = TTLAttribute(null=True)

    shared_client: ClassVar[SharedClient]

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table = super()._get_connection()
        cls.shared_client.lend(table.connection)
        return table


class HeadRow(Row):
    """The feed's counter. ``marks``: [[number, seconds], ...], see `lambdas.store.feed`.

    ``audited``: the last entry of the site's audit chain, see `lambdas.store.audit.entry.Link`.
    ``version`` and ``stamp`` are missing in the head of a table that only earlier builds have written.
    """

    seq = NumberAttribute()
    epoch = UnicodeAttribute()
    marks = QuickJSONAttribute()
    audited = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    stamp = UnicodeAttribute(null=True)


class StampRow(Row):
    """The random stamp of one write of the head."""

    stamp = UnicodeAttribute()


class ItemRow(Row):
    """An item (``body`` is its JSON) or, with ``gone``, its tombstone. ``progress``: of its steps.

    ``audited``: the key of the last audit entry about it; of a step likewise. ``timing``: of its plan.
    ``modality``, ``patient_key``, ``record_key``: to be found by; what earlier builds wrote may lack them.
    A tombstone of a booking has ``group_key`` and ``group_at``, so that reports find it.
    """

    feed_seq = NumberAttribute()
    gone = BooleanAttribute(default=False)
    body = UnicodeAttribute(null=True)
    status_owner = UnicodeAttribute(null=True)
    edited = QuickJSONAttribute(null=True)
    progress = QuickJSONAttribute(null=True)
    performed = QuickJSONAttribute(null=True)
    images = QuickJSONAttribute(null=True)
    audited = UnicodeAttribute(null=True)
    study_instance_uid = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    starts_at = UnicodeAttribute(null=True)
    modality = UnicodeAttribute(null=True)
    patient_key = UnicodeAttribute(null=True)
    timing = QuickJSONAttribute(null=True)
    group_key = UnicodeAttribute(null=True)
    group_at = UnicodeAttribute(null=True)
    record_key = UnicodeAttribute(null=True)

    feed = FeedIndex()
    by_study = StudyIndex()
    by_record = RecordIndex()
    listing = ListingIndex()
    by_start = StartIndex()
    cancelled = GroupIndex()


class SameRow(Row):
    """The item that a row of REDCap means, where its name alone would give another."""

    item_id = UnicodeAttribute()


class EventRow(Row):
    """One event as the relay sent it: its JSON, ``packed`` if it is long. ``number``: their order."""

    site = UnicodeAttribute()
    relay_id = UnicodeAttribute()
    recorded_at = UnicodeAttribute()
    number = NumberAttribute()
    body = UnicodeAttribute(null=True)
    packed = BinaryAttribute(legacy_encoding=False, null=True)


class StepRow(Row):
    """The folded step (``body`` is its JSON) and the state of its write-back; others have no step.

    ``unlinked``: items that a person said it is not of. ``patient``: name and id that the scanner reported.
    """

    site = UnicodeAttribute()
    version = NumberAttribute()
    body = UnicodeAttribute()
    audited = UnicodeAttribute(null=True)
    write_back_due = UnicodeAttribute(null=True)
    write_back_at = UnicodeAttribute(null=True)
    write_back_attempts = NumberAttribute(default=0)
    write_back_note = UnicodeAttribute(default="")
    unlinked = QuickJSONAttribute(null=True)
    patient = QuickJSONAttribute(null=True)
    group_key = UnicodeAttribute(null=True)
    group_at = UnicodeAttribute(null=True)

    by_group = GroupIndex()
    due = DueIndex()

    def due_again(self, at: str) -> list[Action]:
        """Return what makes its write-back due at once.

        The version moves too, so that a write-back still under way does not end this one with its own.

        :param at: now, as a moment that sorts as text.
        """
        return [
            StepRow.version.set(StepRow.version + 1),
            StepRow.write_back_due.set(DUE),
            StepRow.write_back_at.set(at),
            StepRow.write_back_attempts.set(0),
        ]


class SourceRow(Row):
    """A source definition (``body`` is its JSON). An earlier build kept its state here too."""

    body = UnicodeAttribute(null=True)
    watermark = UnicodeAttribute(null=True)
    lease = UnicodeAttribute(null=True)
    lease_until = NumberAttribute(null=True)
    last_run_at = UnicodeAttribute(null=True)
    last_result = QuickJSONAttribute(null=True)


class RunRow(Row):
    """What is remembered of a source's syncs, and the lease. Small: each sync writes it twice.

    ``state``: a `SourceState` but for what has a column; ``apart``: digest of what a `KeptRow` holds of it.
    ``claim``: the last request of the schedule that was taken; ``definition``: which one the source has now;
    ``checked``: the `ProjectCheck` it passed, until a sync remembers something; ``put_back``: see there.
    """

    definition = UnicodeAttribute(null=True)
    put_back = UnicodeSetAttribute(null=True)
    checked = UnicodeAttribute(null=True)
    lease = UnicodeAttribute(null=True)
    lease_until = NumberAttribute(null=True)
    claim = NumberAttribute(null=True)
    last_run_at = UnicodeAttribute(null=True)
    watermark = UnicodeAttribute(null=True)
    left_alone_until = NumberAttribute(null=True)
    banned_until = NumberAttribute(null=True)
    unfinished = BooleanAttribute(null=True)
    feedback_at = NumberAttribute(null=True)
    state = BinaryAttribute(legacy_encoding=False, null=True)
    apart = UnicodeAttribute(null=True)


class KeptRow(Row):
    """The longer part of a source's state, written only when it changes; the opening hours of all sites."""

    state = BinaryAttribute(legacy_encoding=False)


class ClaimsRow(Row):
    """When the schedule asked for which source of a shard; see `lambdas.store.runs.claims`."""

    claims = BinaryAttribute(legacy_encoding=False)


class AuditRow(Row):
    """An audit entry: its JSON, ``packed`` if it is long, and the hash of that JSON."""

    kept_days: ClassVar[int] = 0  # 0: for ever; see `lambdas.store.audit.retention`
    body = UnicodeAttribute(null=True)
    packed = BinaryAttribute(legacy_encoding=False, null=True)
    hash = UnicodeAttribute()


class ChainRow(Row):
    """The last entry of an audit chain, see `lambdas.store.audit.entry.Link`."""

    link = UnicodeAttribute()


class RateRow(Row):
    """When the next request to a server is due if all are evenly spread; until when it is left alone."""

    due = NumberAttribute(null=True)
    rests_until = NumberAttribute(null=True)
    banned = BooleanAttribute(null=True)


class AccountRow(Row):
    """A row of AccountsTable: ``body`` is the JSON of its own model; ``version`` guards its updates."""

    body = UnicodeAttribute()
    version = NumberAttribute()


def connection(row: type[Row]) -> Connection:
    """Return a connection for transactions, with the settings of a bound model."""
    meta = row.Meta
    made = Connection(
        region=meta.region,
        host=meta.host,
        connect_timeout_seconds=meta.connect_timeout_seconds,
        read_timeout_seconds=meta.read_timeout_seconds,
        max_retry_attempts=meta.max_retry_attempts,
        max_pool_connections=meta.max_pool_connections,
    )
    return row.shared_client.lend(made)


@dataclass(frozen=True)
class Tables:
    """The models bound to the two tables of one deployment."""

    head: type[HeadRow]
    stamp: type[StampRow]
    item: type[ItemRow]
    same: type[SameRow]
    event: type[EventRow]
    step: type[StepRow]
    source: type[SourceRow]
    run: type[RunRow]
    kept: type[KeptRow]
    claims: type[ClaimsRow]
    rate: type[RateRow]
    account: type[AccountRow]
    audit: type[AuditRow]
    chain: type[ChainRow]
    site: type[Row]


@cache
def bind(worklist_table: str, accounts_table: str, region: str, host: str | None = None) -> Tables:
    """Return the models bound to tables by name.

    :param host: the endpoint of a local DynamoDB; None for AWS, or what ``AWS_ENDPOINT_URL`` says.
    """

    shared_client = SharedClient()

    def bound(model: type[R], table: str) -> type[R]:
        settings: dict[str, Any] = {
            "table_name": table,
            "region": region,
            "host": host,
            "connect_timeout_seconds": 2,
            "read_timeout_seconds": 10,
            "max_retry_attempts": 4,
            "max_pool_connections": MOST_CONNECTIONS,
        }
        meta = type("Meta", (), settings)
        inside = {"Meta": meta, "__module__": __name__, "shared_client": shared_client}
        return cast("type[R]", type(model.__name__, (model,), inside))

    return Tables(
        head=bound(HeadRow, worklist_table),
        stamp=bound(StampRow, worklist_table),
        item=bound(ItemRow, worklist_table),
        same=bound(SameRow, worklist_table),
        event=bound(EventRow, worklist_table),
        step=bound(StepRow, worklist_table),
        source=bound(SourceRow, worklist_table),
        run=bound(RunRow, worklist_table),
        kept=bound(KeptRow, worklist_table),
        claims=bound(ClaimsRow, worklist_table),
        rate=bound(RateRow, worklist_table),
        account=bound(AccountRow, accounts_table),
        audit=bound(AuditRow, worklist_table),
        chain=bound(ChainRow, worklist_table),
        site=bound(Row, worklist_table),
    )
