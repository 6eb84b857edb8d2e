"""The relay's part of a test participant's way: its own DICOM client does with it what a scanner would.

The exam came with the worklist, in a list of its own. It is asked for, begun and completed over the relay's
own DICOM port, under its own AE title; the reports go to the cloud through the journal, as all do. When the
worklist shows it as completed, it has been all the way round. Each hop is told to the cloud.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from edge_relay.client import scu
from edge_relay.mpps.journal import Journal
from edge_relay.storage.sqlite_file import why
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.self_tests.table import HeldSelfTest
from shared.errors import MwlError, Unavailable
from shared.steps.self_test import Hop, HopResult, SelfTestReport, step_uid
from shared.worklist_item import Status, WorklistItem

log = logging.getLogger(__name__)


class Listener(Protocol):
    """What this needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def report_self_test(self, test_id: str, report: SelfTestReport) -> bool:
        """Tell how far a test has come; False if the cloud knows none."""


class SelfTester:
    """Does what is to be done with the test participants that the cache holds.

    :param peer: says how to call this relay.
    :param now: the time by the cloud's clock, aware.
    :param local_now: the scanners' time.
    """

    def __init__(
        self,
        listener: Listener,
        cache: Cache,
        journal: Journal,
        peer: Callable[[], scu.Peer],
        *,
        now: Callable[[], datetime],
        local_now: Callable[[], datetime],
        new_uuid: Callable[[], UUID],
    ) -> None:
        self._listener: Final = listener
        self._cache: Final = cache
        self._journal: Final = journal
        self._peer: Final = peer
        self._now: Final = now
        self._local_now: Final = local_now
        self._new_uuid: Final = new_uuid
        self._reports: Final[dict[str, SelfTestReport]] = {}
        self._told: Final[dict[str, SelfTestReport]] = {}

    def exchange_once(self) -> bool:
        """Go on with each, and tell the cloud; there is never more to do at once.

        :raises MwlError: the cloud could not be told, or the cache not be used; the next call goes on.
        """
        try:
            tests = self._cache.self_tests()
            for test in tests:
                self._go_on(test)
        except sqlite3.Error as error:
            raise Unavailable(f"cannot be used: {why(error)}", where="cache.db") from error
        for known in set(self._reports) - {test.item.id for test in tests}:
            self._reports.pop(known)
            self._told.pop(known, None)
        return False

    def _go_on(self, test: HeldSelfTest) -> None:
        test_id = test.item.id
        report = self._reports.get(test_id)
        if report is None:
            report = SelfTestReport(hops=tuple(self._way(test.item)))
            report = report.model_copy(update={"over": any(each.failure for each in report.hops)})
        completed = test.item.performed_procedure_step_status is Status.COMPLETED
        if not report.over and completed:
            hops = (*report.hops, HopResult(hop=Hop.BACK, at=max(self._now(), report.hops[-1].at)))
            report = SelfTestReport(hops=hops, over=True)
        if not report.over and test.expires_at <= self._now():
            report = report.model_copy(update={"over": True})
        self._reports[test_id] = report
        if self._told.get(test_id) != report:
            self._listener.report_self_test(test_id, report)
            self._told[test_id] = report
        if report.over:
            self._cache.forget_self_test(test_id)

    def _way(self, item: WorklistItem) -> Iterator[HopResult]:
        """Yield the hops of the relay's own client, up to the first that fails."""
        at = self._now()
        yield HopResult(hop=Hop.FETCHED, at=at)
        for hop, go in ((Hop.FOUND, self._find), (Hop.BEGUN, self._begin), (Hop.ENDED, self._end)):
            failure = _failure_of(go, item)
            at = max(self._now(), at)  # the clock may just have been corrected
            yield HopResult(hop=hop, at=at, failure=failure)
            if failure:
                log.warning("the test participant came no further than %s: %s", hop, failure)
                return

    def _find(self, item: WorklistItem) -> str:
        if self._journal.step(step_uid(item.id)) is not None:
            return "the relay was started anew during the test: start the test again"
        found = scu.find(self._peer(), scu.worklist_query(patient_id=item.patient_id))
        uids = [str(getattr(each, "StudyInstanceUID", "")) for each in found]
        return "" if uids == [item.study_instance_uid] else f"the query found {len(uids)} exams, not this one"

    def _begin(self, item: WorklistItem) -> str:
        began = scu.exam_began(item, self._peer().calling_ae, self._local_now())
        scu.create_step(self._peer(), began, step_uid(item.id))
        return ""

    def _end(self, item: WorklistItem) -> str:
        ended = scu.step_completed(self._local_now(), f"2.25.{self._new_uuid().int}")
        scu.set_step(self._peer(), ended, step_uid(item.id))
        return ""


def _failure_of(go: Callable[[WorklistItem], str], item: WorklistItem) -> str:
    try:
        return go(item)
    except MwlError as error:
        return str(error)
