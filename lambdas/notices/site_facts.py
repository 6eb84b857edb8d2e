"""What needs somebody at a site, now, as far as its sources, relays and write-backs tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Final

from lambdas.notices.condition import Condition, Kind
from lambdas.sources.missing_scans import by_day, is_soon
from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.store.linking.doubted_exams import DoubtedExam
from lambdas.store.linking.unended_exams import ASKED_DAYS, UnendedExam
from lambdas.store.self_tests.outcome import SelfTest
from lambdas.store.unfinished_write_backs import ParkedWriteBack
from lambdas.sync.status import SourceStatus, status_of

RELAY_SILENT: Final = timedelta(minutes=10)
"""A relay tells of itself every minute. A restart of its machine is nobody's business."""
FAILURES: Final = 3
"""Syncs that fail in a row before somebody is told: one that fails alone mends itself."""


@dataclass(frozen=True)
class SiteFacts:
    """What is known of a site.

    :param now: aware.
    :param sources: those that write to it.
    :param self_tests: the last test participant of each relay, by the relay's id.
    :param unended: exams of this site that a scanner began and never ended; a day longer than people are
        asked, so that it is known which have passed.
    :param doubted: exams of this site with images under another Patient ID; likewise a day longer.
    """

    site: str
    now: datetime
    zone: tzinfo
    sources: Collection[StoredSource] = ()
    relays: Collection[Relay] = ()
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    parked: Collection[ParkedWriteBack] = ()
    self_tests: Mapping[str, SelfTest] = field(default_factory=dict)
    unended: Collection[UnendedExam] = ()
    doubted: Collection[DoubtedExam] = ()

    @property
    def local(self) -> datetime:
        """The site's time, naive."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)


def conditions(facts: SiteFacts) -> dict[str, Condition]:
    """Return what needs somebody, by key."""
    found = (
        *_missing(facts),
        *_relays(facts),
        *_sources(facts),
        *_write_backs(facts),
        *_self_tests(facts),
        *_unended(facts),
        *_doubted(facts),
    )
    return {condition.key: condition for condition in found}


def passed(facts: SiteFacts) -> frozenset[str]:
    """Return the keys of what is over though nothing was put right.

    Scans whose day passed, and that never were on the list; exams that were never ended, or whose images are
    under another Patient ID, and that nobody settled.
    """
    unsettled = (*map(_exam_key, facts.unended), *map(_images_key, facts.doubted))
    return frozenset({*_never_listed(facts), *unsettled})


def _never_listed(facts: SiteFacts) -> Iterator[str]:
    today = f"{facts.local:%Y%m%d}"
    yield from (
        _key(Kind.MISSING, source.source_id, row.record, row.event, row.instrument, row.instance)
        for source in facts.sources
        for _, row in by_day(source.state)
        if row.day and row.day < today
    )


def _missing(facts: SiteFacts) -> Iterator[Condition]:
    today, now = f"{facts.local:%Y%m%d}", facts.now.timestamp()
    for source in facts.sources:
        for _, row in by_day(source.state):
            if source.definition is None or not _is_here(row.site, facts.site, source):
                continue
            if is_soon(source.definition, row, now):
                key = _key(
                    Kind.MISSING, source.source_id, row.record, row.event, row.instrument, row.instance
                )
                yield Condition(key, Kind.MISSING, source.source_id, urgent=row.day == today)


def _is_here(row_site: str, site: str, source: StoredSource) -> bool:
    """Tell whether a row is of a site; one of no known site is of all that its source writes to."""
    return row_site in {site, ""} and source.definition is not None and site in source.definition.sites()


def _relays(facts: SiteFacts) -> Iterator[Condition]:
    for relay in facts.relays:
        heartbeat = facts.heartbeats.get(relay.relay_id)
        # One that was never heard of is being set up: whoever does that is looking.
        silent = heartbeat is not None and is_silent(heartbeat, facts.now)
        if relay.site == facts.site and relay.revoked_at is None and silent:
            yield Condition(_key(Kind.RELAY, relay.relay_id), Kind.RELAY, relay.name)


def is_silent(heartbeat: Heartbeat, now: datetime) -> bool:
    """Tell whether a relay has not been heard of for too long.

    :param now: aware.
    """
    return now - heartbeat.seen_at > RELAY_SILENT


def _sources(facts: SiteFacts) -> Iterator[Condition]:
    now = facts.now.timestamp()
    for source in facts.sources:
        status = status_of(source, now)
        failing = status is SourceStatus.FAILED and source.state.failures >= FAILURES
        if failing or status in {SourceStatus.BANNED, SourceStatus.UNREADABLE, SourceStatus.UNCONFIRMED}:
            # A ban after failures is the same trouble; withdrawals that wait are another.
            what = "withdrawals" if status is SourceStatus.UNCONFIRMED else "reading"
            yield Condition(_key(Kind.SOURCE, source.source_id, what), Kind.SOURCE, source.source_id)


def _write_backs(facts: SiteFacts) -> Iterator[Condition]:
    for parked in facts.parked:
        if parked.site == facts.site:
            yield Condition(_key(Kind.WRITE_BACK, parked.sop_instance_uid), Kind.WRITE_BACK)


def _self_tests(facts: SiteFacts) -> Iterator[Condition]:
    for relay in facts.relays:
        test = facts.self_tests.get(relay.relay_id)
        if relay.site == facts.site and relay.revoked_at is None and test and test.failed_last(facts.now):
            yield Condition(_key(Kind.SELF_TEST, relay.relay_id), Kind.SELF_TEST, relay.name)


def _unended(facts: SiteFacts) -> Iterator[Condition]:
    for exam in facts.unended:
        if exam.site == facts.site and exam.day >= _first_asked(facts):
            yield Condition(_exam_key(exam), Kind.UNENDED, exam.scanner)


def _doubted(facts: SiteFacts) -> Iterator[Condition]:
    for exam in facts.doubted:
        if exam.site == facts.site and exam.day >= _first_asked(facts):
            yield Condition(_images_key(exam), Kind.DOUBTED, exam.scanner)


def _first_asked(facts: SiteFacts) -> str:
    return f"{facts.local - timedelta(days=ASKED_DAYS):%Y%m%d}"


def _images_key(exam: DoubtedExam) -> str:
    return _key(Kind.DOUBTED, exam.item_id)


def _exam_key(exam: UnendedExam) -> str:
    return _key(Kind.UNENDED, exam.sop_instance_uid, exam.item_id)


def _key(kind: Kind, *parts: object) -> str:
    """Return a key that nobody reads a record or a UID in."""
    digest = sha256("\n".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kind.value}/{digest[:24]}"


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as a moment."""
    return datetime.fromtimestamp(seconds, UTC)
