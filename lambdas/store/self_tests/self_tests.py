"""Test participants in DynamoDB: one row a relay, with the last one's way.

    SITE#<site>   SELF_TEST#<relay_id>

The row is an item's without what the other indexes need: it has its place in the feed, and in no index that
people's lists are read from. One that is over, or too old, is a tombstone there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.store.audit.entry import Actor, Subject
from lambdas.store.commit import ItemWriter
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.feed import TOMBSTONE_SECONDS
from lambdas.store.models import SELF_TEST, ItemRow, Tables, site_key
from lambdas.store.self_tests.outcome import SelfTest
from shared.batches import batches
from shared.errors import NotFound, Rejected
from shared.steps.procedure_step import EventKind, EventResult, ProcedureStepEvent
from shared.steps.self_test import (
    ABILITY,
    RELAYS_HOPS,
    Hop,
    HopResult,
    SelfTestReport,
    id_of,
    item_of_event,
)

_BATCH_GET: Final = 100
_TOLD: Final = {EventKind.N_CREATE: Hop.BEGUN_TOLD, EventKind.N_SET: Hop.ENDED_TOLD}


class SelfTestStore:
    """The last test participant of every relay.

    :param now: seconds since 1970.
    :param new_uuid: makes a random UUID.
    """

    def __init__(
        self, tables: Tables, writer: ItemWriter, *, now: Callable[[], float], new_uuid: Callable[[], UUID]
    ) -> None:
        self._tables, self._writer, self._now, self._new_uuid = tables, writer, now, new_uuid

    def begin(self, relay: Relay, heartbeat: Heartbeat | None, *, by: Actor) -> SelfTest:
        """Send a test participant to a relay; one that is under way goes on instead.

        :raises Rejected: the relay cannot be tested, see `refusal`.
        :raises Conflict, Unavailable: nothing is known; the same call again is safe.
        """
        refused = refusal(relay, heartbeat)
        if refused is not None:
            raise refused
        return races(ATTEMPTS)(self._begin, relay, by)

    def find(self, relay: Relay) -> SelfTest | None:
        """Return a relay's last test, None if there is none, or none that is remembered."""
        row = self._row(relay)
        return _test_of(row) if row is not None else None

    def of_relays(self, relays: Iterable[Relay]) -> dict[str, SelfTest]:
        """Return the last test of each relay that has one, by relay id."""
        keys = [(site_key(each.site), _key(each.relay_id)) for each in relays]
        found = {}
        for some in batches(keys, _BATCH_GET):
            with translated("reading the relays' tests"):
                rows = list(self._tables.item.batch_get(some, consistent_read=True))
            found.update({row.sk.removeprefix(SELF_TEST): _test_of(row) for row in rows})
        return found

    def record_event(self, event: ProcedureStepEvent, relay: Relay) -> EventResult | None:
        """Take note that a report of a test participant arrived; None if the event is a real scan's."""
        test_id = item_of_event(event)
        if test_id is None:
            return None
        result = HopResult(hop=_TOLD[event.kind], at=self._moment())
        self._note(relay, test_id, [result], over=False)
        return EventResult(event_id=event.event_id, outcome="recorded")

    def report(self, relay: Relay, test_id: str, report: SelfTestReport) -> None:
        """Take over what a relay says of its test; of one that is no longer its own nothing is kept.

        :raises NotFound: the relay never had one.
        """
        if self.find(relay) is None:
            raise NotFound("this relay has no test", where="test_id")
        told = [each for each in report.hops if each.hop in RELAYS_HOPS]
        self._note(relay, test_id, told, over=report.over)

    def _note(self, relay: Relay, test_id: str, results: Sequence[HopResult], *, over: bool) -> None:
        races(ATTEMPTS)(self._try_to_note, relay, test_id, results, over)

    def _try_to_note(self, relay: Relay, test_id: str, results: Sequence[HopResult], over: bool) -> None:
        row = self._row(relay)
        before = _test_of(row) if row is not None else None
        if row is None or before is None or before.test_id != test_id:
            return
        after = before.having(*results, over=over)
        if after != before:
            self._write(after, row)

    def _begin(self, relay: Relay, by: Actor) -> SelfTest:
        row, now = self._row(relay), self._moment()
        last = _test_of(row) if row is not None else None
        if last is not None and last.is_running(now):
            return last
        test = SelfTest(
            test_id=id_of(self._new_uuid()),
            relay_id=relay.relay_id,
            site=relay.site,
            begun_at=now,
            by=by.name or by.kind,
            after_red=last is not None and last.failed_last(now),
            hops=(HopResult(hop=Hop.SAVED, at=now),),
        )
        about = Subject(kind="relay", id=relay.relay_id, action="asked-for", after={"test": test.test_id})
        self._write(test, row, by=by, about=[about])
        return test

    def _write(
        self,
        test: SelfTest,
        before: ItemRow | None,
        *,
        by: Actor | None = None,
        about: Sequence[Subject] = (),
    ) -> None:
        unmoved = ItemRow.pk.does_not_exist() if before is None else ItemRow.feed_seq == before.feed_seq

        def save(transaction: TransactWrite, seq: int) -> None:
            row = self._tables.item(
                site_key(test.site),
                _key(test.relay_id),
                feed_seq=seq,
                gone=test.over,
                body=test.model_dump_json(),
                expires_at=datetime.fromtimestamp(self._now() + TOMBSTONE_SECONDS, UTC),
            )
            transaction.save(row, condition=unmoved)

        self._writer.number(test.site, save, by=by, about=about)

    def _row(self, relay: Relay) -> ItemRow | None:
        with translated("reading a relay's test"):
            try:
                return self._tables.item.get(site_key(relay.site), _key(relay.relay_id), consistent_read=True)
            except DoesNotExist:
                return None

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)


def refusal(relay: Relay, heartbeat: Heartbeat | None) -> Rejected | None:
    """Return why a relay cannot be tested; None if it can."""
    if relay.revoked_at is not None:
        return Rejected("this relay has been revoked", where="relay_id")
    if heartbeat is None:
        return Rejected(
            "this relay has not been heard of yet", where="relay_id", hint="start it, and wait for a minute"
        )
    if ABILITY not in heartbeat.health.abilities:
        return Rejected(
            f"this relay is too old for the test participant: it runs version {heartbeat.health.version}",
            where="relay_id",
            hint="update the relay",
        )
    return None


def _test_of(row: ItemRow) -> SelfTest:
    return SelfTest.model_validate_json(row.body or "{}")


def _key(relay_id: str) -> str:
    return f"{SELF_TEST}{relay_id}"
