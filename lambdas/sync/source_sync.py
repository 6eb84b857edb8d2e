"""Syncs of sources: one at a time for each, with what went wrong kept for people to see.

    lease -> rows of changed records -> mapping -> items written where they differ
          -> items without a row withdrawn -> watermark, last, and only if all went well

A sync that stops anywhere has done no harm; the next one does the same again. `lambdas.sync.attempt` is what
happens in between.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from lambdas.redcap.refusals import BAN_SECONDS, Banned
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.missing_scans import missing_soon
from lambdas.sources.state import SourceState, SyncReport
from lambdas.store.sources import SourceStore, Taken
from lambdas.store.worklist import WorklistStore
from lambdas.sync.attempt import SyncAttempt
from lambdas.sync.connect import Outside
from lambdas.sync.result import Surroundings, SyncResult
from shared.errors import Conflict, MwlError, Unavailable

__all__ = ["SourceSync", "SyncResult"]

USUAL_SECONDS: Final = 300.0
"""How long a run may take if nobody says."""

LEASE_SLACK_SECONDS: Final = 30.0
"""So much longer than the run may live its lease lasts: a killed one's ends by itself, a live one's never."""

LONGEST_PAUSE_SECONDS: Final = 600
"""A server in trouble is asked ever less often, but never so seldom that nobody notices it is back."""

LEASE_TRIES, LEASE_WAIT_SECONDS = 40, 0.5
"""How long one record waits for a sync under way: most take a second. The next one sees the record anyway."""

_FORGOTTEN: Final = {"recent": (), "unchecked": True}
"""What a run that did not end well leaves behind: it may have written what it did not remember."""


class SourceSync:
    """Syncs sources, one call a source."""

    def __init__(self, sources: SourceStore, worklist: WorklistStore, outside: Outside) -> None:
        self._sources, self._worklist = sources, worklist
        self._connect, self._now = outside.connect, outside.now
        self._new_id, self._sleep = outside.new_id, outside.sleep
        self._admits_hint = outside.admits_hint

    def run(
        self,
        source_id: str,
        *,
        remaining: Callable[[], float] = lambda: USUAL_SECONDS,
        confirm_withdrawals: bool = False,
        claim: float | None = None,
    ) -> SyncResult | None:
        """Sync a source; None if another run is at it, or if it is no time to.

        :param remaining: seconds until this run is ended from outside; a long one stops before, and the next
            goes on with it.
        :param confirm_withdrawals: a person has looked, and however many items may be withdrawn this once.
        :param claim: the schedule's request that this answers: it is settled, and does nothing if the source
            was synced since, is paused, disabled, or outside its operating window. None: a person asks.
        :raises MwlError: it failed. Nothing was withdrawn by mistake, the watermark stays, and the reason is
            kept with the source.
        """
        definition = self._sources.get(source_id)
        if claim is not None and not self._is_open(definition):
            self._sources.settle(source_id, claim)
            return None
        owner, seconds = self._new_id(), _lease(remaining)
        taken = self._sources.take(source_id, owner, now=self._now(), seconds=seconds, claim=claim)
        if taken is None:
            if claim is not None:
                self._sources.settle(source_id, claim)
            return None
        taken = _as_remembered(taken)
        before = taken.state
        if claim is not None and max(before.banned_until, before.paused_until) > self._now():
            self._sources.release(source_id, owner)
            return None
        if before.banned_until > self._now():
            self._sources.release(source_id, owner)
            raise Unavailable("REDCap has banned this address; it is left alone for now", where=source_id)
        return self._leased(
            definition,
            taken,
            owner,
            lambda attempt: attempt.sync(),
            remaining,
            confirmed=confirm_withdrawals,
        )

    def failures(self, source_id: str) -> int:
        """Return how many syncs of a source have failed in a row."""
        return self._sources.state(source_id).failures

    def _is_open(self, definition: SourceDefinition) -> bool:
        return definition.enabled and definition.open_at(datetime.fromtimestamp(self._now(), UTC))

    def run_record(
        self,
        source_id: str,
        record: str,
        *,
        remaining: Callable[[], float] = lambda: USUAL_SECONDS,
        announced_at: float | None = None,
    ) -> SyncResult | None:
        """Bring one record, which somebody has just saved.

        None if that is better left to the next sync, which sees the record in any case: before the first one
        is done, outside the operating window, while REDCap is in trouble, when another run takes long, or
        when too many records are saved at once: the next sync reads them in batches.

        :param announced_at: when REDCap said so, seconds since 1970; None if that is not known.
        :raises MwlError: it failed; nothing is lost.
        """
        definition = self._sources.get(source_id)
        if not self._is_open(definition):
            return None
        if not self._admits_hint(definition.url):
            return None
        owner = self._new_id()
        taken = self._lease_soon(source_id, owner, remaining)
        if taken is None:
            return None
        before = taken.state
        synced_before = before.watermark is not None and before.definition == definition.digest()
        if not synced_before or max(before.banned_until, before.paused_until) > self._now():
            self._sources.release(source_id, owner)
            return None
        return self._leased(
            definition,
            taken,
            owner,
            lambda attempt: attempt.record(record),
            remaining,
            woken=True,
            announced_at=announced_at,
        )

    def _lease_soon(self, source_id: str, owner: str, remaining: Callable[[], float]) -> Taken | None:
        for _ in range(LEASE_TRIES):
            taken = self._sources.take(
                source_id, owner, now=self._now(), seconds=_lease(remaining), noted=False
            )
            if taken is not None:
                return _as_remembered(taken)
            self._sleep(LEASE_WAIT_SECONDS)
        return None

    def _leased(
        self,
        definition: SourceDefinition,
        taken: Taken,
        owner: str,
        work: Callable[[SyncAttempt], SyncResult],
        remaining: Callable[[], float],
        *,
        confirmed: bool = False,
        woken: bool = False,
        announced_at: float | None = None,
    ) -> SyncResult:
        """Do the work, and remember what came of it; the lease is given back only when that was done."""

        def renew() -> None:
            self._sources.renew(definition.id, owner, now=self._now(), seconds=_lease(remaining))

        def save(state: SourceState) -> None:
            self._sources.save_state(definition.id, owner, state)

        attempt: SyncAttempt | None = None
        try:
            with closing(self._connect(definition)) as redcap:
                given = Surroundings(
                    redcap,
                    self._worklist,
                    save,
                    renew,
                    self._now(),
                    remaining,
                    confirmed=confirmed,
                    announced_at=announced_at,
                    checked=taken.checked,
                )
                attempt = SyncAttempt(definition, taken.state, given)
                result = work(attempt)
        except MwlError as error:
            self._remember_failure(
                definition, attempt.state if attempt else taken.state, owner, error, woken=woken
            )
            raise
        result = replace(
            result,
            missing_soon=missing_soon(definition, attempt.state, self._now()),
            withheld=attempt.state.withheld.count if attempt.state.withheld else 0,
            unseen=attempt.state.unseen,
            rejected_count=attempt.state.rejected_count,
            held_count=attempt.state.held_count,
            saved_to_visible=_saved_to_visible(result, definition, taken.state, announced_at, self._now()),
        )
        after = attempt.state if woken else _succeeded(attempt.state, result, self._now())
        self._sources.finish(definition.id, owner, after)
        return result

    def _remember_failure(
        self, definition: SourceDefinition, state: SourceState, owner: str, error: MwlError, *, woken: bool
    ) -> None:
        # Whoever lost the lease has nothing to say; another failure here leaves the lease to end by itself.
        failed = _failed(definition, state, error, self._now(), woken=woken)
        try:
            self._sources.finish(definition.id, owner, failed)
        except Conflict:
            return


def _saved_to_visible(
    result: SyncResult,
    definition: SourceDefinition,
    before: SourceState,
    announced_at: float | None,
    now: float,
) -> float | None:
    """Return how long ago what a run wrote was saved, at most; None if that is not known."""
    if not result.written:
        return None
    if announced_at is not None:
        return max(0.0, now - announced_at)
    # A full read finds also what was saved long ago, and after a night nobody asked for it before.
    if result.full or before.watermark is None or definition.operating_window is not None:
        return None
    return max(0.0, now - before.watermark.timestamp())


def _as_remembered(taken: Taken) -> Taken:
    """Return what was taken; what a killed run wrote of the records it was at, it did not remember."""
    return taken._replace(state=taken.state.model_copy(update=_FORGOTTEN)) if taken.was_killed else taken


def _lease(remaining: Callable[[], float]) -> float:
    return max(remaining(), 0.0) + LEASE_SLACK_SECONDS


def _succeeded(after: SourceState, result: SyncResult, now: float) -> SourceState:
    report = SyncReport(
        outcome="ok",
        finished_at=datetime.fromtimestamp(now, UTC),
        full=result.full,
        written=result.written,
        unchanged=result.unchanged,
        withdrawn=result.withdrawn,
        held=len(result.held),
        notes=len(result.notes),
        missing_soon=result.missing_soon,
        unfinished=result.unfinished,
        withheld=result.withheld,
        unseen=result.unseen,
    )
    return after.model_copy(
        update={"report": report, "failures": 0, "paused_until": 0.0, "banned_until": 0.0}
    )


def _failed(
    definition: SourceDefinition, state: SourceState, error: MwlError, now: float, *, woken: bool
) -> SourceState:
    update: dict[str, object] = dict(_FORGOTTEN)
    if isinstance(error, Banned):
        update["banned_until"] = now + BAN_SECONDS
    if not woken:
        failures = state.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, definition.interval_seconds * 2 ** min(failures, 12))
        report = SyncReport(outcome="failed", finished_at=datetime.fromtimestamp(now, UTC), error=str(error))
        update |= {"report": report, "failures": failures, "paused_until": now + pause}
    return state.model_copy(update=update)
