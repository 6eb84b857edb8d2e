"""One sync of one source: what REDCap says becomes what the worklist holds.

    lease -> rows of changed records -> mapping -> items written where they differ
          -> items without a row withdrawn -> watermark, last, and only if all went well

At first, when the definition has changed, and once in a while everything is read and compared: whatever an
incremental sync cannot see is put right then. A sync that stops anywhere has done no harm; the next one does
the same again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Final

from lambdas.connect import Connect
from lambdas.mapping import map_record, missing_data_codes
from lambdas.redcap import BAN_SECONDS, Banned, RedcapProject
from lambdas.redcap_row import RedcapRow
from lambdas.source import SourceDefinition
from lambdas.source_file import check_against
from lambdas.source_state import RECENT_KEPT, REJECTS_KEPT, RejectedRow, SourceState, SyncReport
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import ItemRef, WorklistStore
from shared.errors import Conflict, MwlError, Rejected, Unavailable
from shared.worklist_item import WorklistItem

LEASE_SECONDS: Final = 330
"""Longer than the function may run, so that a killed run's lease ends by itself and no live one's does."""

ALWAYS_WITHDRAWN: Final = 5
"""So many items may go at once, however few the source has."""

LONGEST_PAUSE_SECONDS: Final = 600
"""A server in trouble is asked ever less often, but never so seldom that nobody notices it is back."""


class Shrunk(Rejected):
    """REDCap suddenly has far fewer scans than the worklist: a person has to look before a clinic is lost."""


@dataclass(frozen=True)
class SyncResult:
    """What a sync did.

    :param full: it read every record.
    :param rejected: rows that cannot be items, among the records it read.
    """

    full: bool
    written: int
    unchanged: int
    withdrawn: int
    rejected: tuple[RejectedRow, ...]


class SourceSync:
    """Syncs sources, one call a source.

    :param connect: opens a definition's REDCap project.
    :param now: seconds since 1970.
    :param new_id: a fresh random identifier at every call.
    """

    def __init__(
        self,
        sources: SourceStore,
        worklist: WorklistStore,
        connect: Connect,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._sources, self._worklist, self._connect = sources, worklist, connect
        self._now, self._new_id = now, new_id

    def run(self, source_id: str) -> SyncResult | None:
        """Sync a source; None if another run is at it.

        :raises MwlError: it failed. Nothing was withdrawn by mistake, the watermark stays, and the reason is
            kept with the source.
        """
        definition = self._sources.get(source_id)
        owner = self._new_id()
        if not self._sources.acquire(source_id, owner, now=self._now(), seconds=LEASE_SECONDS):
            return None
        try:
            return self._leased(definition, owner)
        finally:
            self._sources.release(source_id, owner)

    def _leased(self, definition: SourceDefinition, owner: str) -> SyncResult:
        before = self._sources.state(definition.id)
        if before.banned_until > self._now():
            raise Unavailable("REDCap has banned this address; it is left alone for now", where=definition.id)

        def renew() -> None:
            self._sources.renew(definition.id, owner, now=self._now(), seconds=LEASE_SECONDS)

        try:
            with closing(self._connect(definition)) as redcap:
                result, after = _Run(definition, before, redcap, self._worklist, renew, self._now()).sync()
        except Conflict:
            raise  # another run may hold the lease by now: the state is not ours to write
        except MwlError as error:
            self._sources.save_state(definition.id, owner, _failed(definition, before, error, self._now()))
            raise
        self._sources.save_state(definition.id, owner, _succeeded(after, result, self._now()))
        return result


class _Run:
    """One sync under way."""

    def __init__(
        self,
        definition: SourceDefinition,
        before: SourceState,
        redcap: RedcapProject,
        worklist: WorklistStore,
        renew: Callable[[], None],
        now: float,
    ) -> None:
        self._definition, self._before, self._now = definition, before, now
        self._redcap, self._worklist, self._renew = redcap, worklist, renew
        self._codes = before.missing_data_codes
        self._fields = definition.read_fields()
        self._read: set[str] = set()  # records whose rows were read and mapped in this run
        self._mapped: set[str] = set()  # ids of the items they gave
        self._rejected: list[RejectedRow] = []
        self._written = self._unchanged = self._withdrawn = 0

    def sync(self) -> tuple[SyncResult, SourceState]:
        """Return what was done, and what to remember."""
        before = self._before
        full = (
            before.definition != self._definition.digest()
            or self._now >= before.reconciled_at + self._definition.reconcile_seconds
        )
        if full or before.watermark is None:
            full, after = True, self._everything()
        else:
            after = self._changes(before.watermark)
        result = SyncResult(full, self._written, self._unchanged, self._withdrawn, tuple(self._rejected))
        return result, self._with_rejects(after, full)

    def _everything(self) -> SourceState:
        info = self._redcap.project_info()
        started = self._redcap.server_now()
        check_against(self._definition, self._redcap.metadata())
        self._codes = missing_data_codes(info)
        ids = self._redcap.record_ids()
        for batch in self._redcap.rows(ids, self._fields):
            self._take(batch)
        self._withdraw(ids)
        self._leave_old_site()
        return SourceState(
            watermark=started,
            definition=self._definition.digest(),
            site=self._definition.site,
            reconciled_at=self._now,
            ids_checked_at=self._now,
            ids_digest=_digest(sorted(ids)),
            missing_data_codes=self._codes,
        )

    def _changes(self, watermark: datetime) -> SourceState:
        since = watermark - timedelta(seconds=self._definition.overlap_seconds)
        clock = self._definition.server_wall_clock(since, datetime.fromtimestamp(self._now, UTC))
        changed = {row.record for row in self._redcap.changed_rows(clock)}
        started = self._redcap.server_now()
        recent: list[str] = []
        for batch in self._redcap.rows(changed, self._fields):
            # The overlap shows every change many times, our own write-back's among them: most are no news.
            digests = {record: _rows_digest(rows) for record, rows in _by_record(batch)}
            recent += digests.values()
            self._take([row for row in batch if digests[row.record] not in self._before.recent])
        after = self._before.model_copy(
            update={"watermark": started, "recent": tuple(recent) if len(recent) <= RECENT_KEPT else ()}
        )
        if self._now < self._before.ids_checked_at + self._definition.deletions_seconds:
            self._withdraw(None)
            return after
        ids = self._redcap.record_ids()
        digest = _digest(sorted(ids))
        self._withdraw(ids if digest != self._before.ids_digest else None)
        return after.model_copy(update={"ids_checked_at": self._now, "ids_digest": digest})

    def _take(self, rows: Sequence[RedcapRow]) -> None:
        """Map the rows of whole records, and write what they give."""
        if not rows:
            return
        self._renew()
        items: list[WorklistItem] = []
        for record, own in _by_record(rows):
            mapped = map_record(self._definition, own, self._codes)
            items += mapped.items
            self._rejected += mapped.rejected
            self._read.add(record)
        self._mapped |= {item.id for item in items}
        put = self._worklist.put_if_changed(items)
        self._written += put.written
        self._unchanged += put.unchanged

    def _withdraw(self, ids: Collection[str] | None) -> None:
        """Withdraw the items that no row stands for any more.

        :param ids: all record ids, to find deleted records; None if there is no need.
        """
        if not self._read and ids is None:
            return  # no news: reading the whole partition would be for nothing
        refs = list(self._worklist.items_of_source(self._definition.id, self._definition.site))
        gone = self._gone(refs, ids) if ids is not None else frozenset[str]()
        if gone:
            self._read_renamed(refs, ids or ())
        stale = [
            ref.item_id
            for ref in refs
            if ref.source_record in gone
            or (ref.source_record in self._read and ref.item_id not in self._mapped)
        ]
        self._check_fuse(len(stale), len(refs))
        if stale:
            self._renew()
            self._withdrawn += self._worklist.withdraw(self._definition.site, stale)

    def _gone(self, refs: Iterable[ItemRef], ids: Collection[str]) -> frozenset[str]:
        """Return the records that were deleted or renamed; asks for each by name before it is believed."""
        gone = frozenset(ref.source_record for ref in refs) - frozenset(ids)
        if self._redcap.existing(gone):
            raise Unavailable("REDCap's list of record ids is not complete", where=self._definition.url)
        return gone

    def _read_renamed(self, refs: Iterable[ItemRef], ids: Collection[str]) -> None:
        """Read every record that has no item yet: a renamed one never shows up among the changed."""
        known = {ref.source_record for ref in refs} | self._read
        for batch in self._redcap.rows(frozenset(ids) - known, self._fields):
            self._take(batch)

    def _check_fuse(self, stale: int, total: int) -> None:
        if stale > max(ALWAYS_WITHDRAWN, self._definition.max_withdrawn_share * total):
            raise Shrunk(
                f"REDCap has no row any more for {stale} of {total} items; none was withdrawn",
                where=f"source {self._definition.id}",
                hint="if that is right, raise max_withdrawn_share for one sync",
            )

    def _leave_old_site(self) -> None:
        old = self._before.site
        if old and old != self._definition.site:
            refs = self._worklist.items_of_source(self._definition.id, old)
            self._withdrawn += self._worklist.withdraw(old, [ref.item_id for ref in refs])

    def _with_rejects(self, after: SourceState, full: bool) -> SourceState:
        kept = [] if full else [row for row in self._before.rejected if row.record not in self._read]
        forgotten = 0 if full else self._before.rejected_count - len(self._before.rejected)
        rejected = [*self._rejected, *kept]
        return after.model_copy(
            update={
                "rejected": tuple(rejected[:REJECTS_KEPT]),
                "rejected_count": len(rejected) + forgotten,
            }
        )


def _succeeded(after: SourceState, result: SyncResult, now: float) -> SourceState:
    report = SyncReport(
        outcome="ok",
        finished_at=datetime.fromtimestamp(now, UTC),
        full=result.full,
        written=result.written,
        unchanged=result.unchanged,
        withdrawn=result.withdrawn,
    )
    return after.model_copy(
        update={"report": report, "failures": 0, "paused_until": 0.0, "banned_until": 0.0}
    )


def _failed(definition: SourceDefinition, before: SourceState, error: MwlError, now: float) -> SourceState:
    failures = before.failures + 1
    pause = min(LONGEST_PAUSE_SECONDS, definition.interval_seconds * 2 ** min(failures, 12))
    report = SyncReport(outcome="failed", finished_at=datetime.fromtimestamp(now, UTC), error=str(error))
    return before.model_copy(
        update={
            "report": report,
            "failures": failures,
            "paused_until": now + pause,
            "banned_until": now + BAN_SECONDS if isinstance(error, Banned) else 0.0,
        }
    )


def _by_record(rows: Sequence[RedcapRow]) -> list[tuple[str, list[RedcapRow]]]:
    ordered = sorted(rows, key=lambda row: row.record)
    return [(record, list(own)) for record, own in groupby(ordered, key=lambda row: row.record)]


def _rows_digest(rows: Sequence[RedcapRow]) -> str:
    content = [[row.record, row.event, row.instrument, row.instance, dict(row.values)] for row in rows]
    return _digest(content)[:24]


def _digest(content: object) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
