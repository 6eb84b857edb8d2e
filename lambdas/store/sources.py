"""Source definitions in DynamoDB, what is remembered of each, and the lease: one sync at a time.

SOURCES         <source_id>   the definition, which changes seldom
RUNS#<shard>    <source_id>   the lease, and what a sync remembers; a source without it has none yet, or
                              an earlier build kept that with the definition: it is taken over from there
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Update
from pynamodb.transactions import TransactWrite

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import ProjectCheck, SourceState
from lambdas.sources.stored import StoredSource
from lambdas.store.audit.entry import SYSTEM, Action, Actor, Subject, difference
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import translated
from lambdas.store.models import SOURCES, STATE, RunRow, SourceRow, Tables, connection, kept_key
from lambdas.store.runs.packing import packed
from lambdas.store.runs.rows import GENTLE, RunRows, checked_of, definition_of, source_of, state_in
from shared.errors import Conflict, NotFound, Rejected

_DIGITS: Final = 16
"""Of a definition's digest: enough to tell it from the one before."""


class Taken(NamedTuple):
    """A source whose lease was taken.

    :param state: what is remembered of it.
    :param was_killed: whoever had the lease before never gave it back.
    :param checked: what its project said when its definition was applied, if no sync has ended since.
    """

    state: SourceState
    was_killed: bool
    checked: ProjectCheck | None = None


class SourceStore:
    """All sources.

    :param now: seconds since 1970, for the audit trail.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float] = time.time) -> None:
        self._tables, self._model = tables, tables.source
        self._trail = AuditTrail(tables, now=now)
        self._connection = connection(tables.run)
        self._runs = RunRows(tables)
        self._apart: dict[str, str] = {}  # whoever has a lease -> digest of what is kept apart
        self._put_back: dict[str, frozenset[str]] = {}  # likewise -> records put back, as they were then

    def put(
        self, definition: SourceDefinition, *, by: Actor = SYSTEM, checked: ProjectCheck | None = None
    ) -> None:
        """Create or replace a definition; what is remembered of the source stays.

        :param checked: what its project said when the definition was held against it; None: it was not.
        """
        before = self._definition(definition.id)
        if before:
            self._runs.adopt(definition.id)
        were, are = difference(before, definition.model_dump(mode="json"))
        body = self._model.body.set(definition.model_dump_json())

        def update(transaction: TransactWrite, _key: str) -> None:
            transaction.update(self._model(SOURCES, definition.id), actions=[body])
            run = self._tables.run
            digest = run.definition.set(definition.digest()[:_DIGITS])
            check = run.checked.set(checked.model_dump_json()) if checked else run.checked.remove()
            transaction.update(self._runs.row(definition.id), actions=[digest, check])

        action: Action = "changed" if before else "created"
        stored = Subject(kind="source", id=definition.id, action=action, before=were, after=are)
        self._trail.record(by, [stored], also=update)

    def get(self, source_id: str) -> SourceDefinition:
        """Return a definition. :raises NotFound, Rejected: there is none, or it cannot be read."""
        definition, problem = definition_of(self._source_row(source_id))
        if definition is None:
            raise Rejected(problem, where=f"source {source_id}", hint="apply its definition again")
        return definition

    def find(self, source_id: str) -> StoredSource:
        """Return a source with its state. :raises NotFound: there is none."""
        return self._stored(self._source_row(source_id), self._runs.find(source_id))

    def all(self, *, gently: bool = False) -> list[StoredSource]:
        """Return every source, in order of id.

        :param gently: at a pace that leaves syncs their share of the table: nobody waits for it.
        """
        with translated("listing sources"):
            rate = GENTLE if gently else None
            rows = list(self._model.query(SOURCES, consistent_read=True, rate_limit=rate))
        runs = self._runs.of([row.sk for row in rows])
        return [self._stored(row, runs.get(row.sk)) for row in rows]

    def delete(self, source_id: str, *, by: Actor = SYSTEM) -> None:
        """Delete a source with all that is remembered of it; its items stay. Quiet if there is none."""
        before = self._definition(source_id)
        gone = Subject(kind="source", id=source_id, action="removed", before=before)

        def delete(transaction: TransactWrite, _key: str) -> None:
            transaction.delete(self._model(SOURCES, source_id))
            transaction.delete(self._runs.row(source_id))
            transaction.delete(self._tables.kept(kept_key(source_id), STATE))

        self._trail.record(by, [gone], also=delete)

    def state(self, source_id: str) -> SourceState:
        """Return what is remembered of a source. :raises NotFound: there is none."""
        row = self._runs.find(source_id)
        return self._state(row) if row else self.find(source_id).state

    def acquire(self, source_id: str, owner: str, *, now: float, seconds: float, noted: bool = True) -> bool:
        """Take the lease for some seconds; False if another owner holds it, or there is no such source.

        :param now: seconds since 1970.
        :param noted: as the time of the last run, from which the interval counts.
        """
        return self._lease(source_id, owner, now, seconds, noted=noted) is not None

    def take(
        self,
        source_id: str,
        owner: str,
        *,
        now: float,
        seconds: float,
        noted: bool = True,
        claim: float | None = None,
    ) -> Taken | None:
        """As `acquire`; return what is remembered of the source, or None if it was not to be had.

        :param claim: the request it is taken for: not if that one, or a later one, was taken before.
        """
        found = self._lease(source_id, owner, now, seconds, noted=noted, claim=claim)
        if found is None:
            return None
        self._apart[owner] = found[0].apart or ""
        self._put_back[owner] = frozenset(found[0].put_back or ())
        return Taken(self._state(found[0]), found[1], checked_of(found[0]))

    def settle(self, source_id: str, claim: float) -> None:
        """Note that a request was taken, and led to nothing: the source may be asked for again."""
        model = self._tables.run
        unsettled = model.pk.exists() & (model.claim.does_not_exist() | (model.claim < claim))
        try:
            with translated("noting a request"):
                self._runs.row(source_id).update(actions=[model.claim.set(claim)], condition=unsettled)
        except Conflict:
            return

    def renew(self, source_id: str, owner: str, *, now: float, seconds: float) -> None:
        """Hold the lease on. :raises Conflict: it is another's by now: stop, and write nothing more."""
        model = self._tables.run
        with translated("renewing a source's lease"):
            self._runs.row(source_id).update(
                actions=[model.lease_until.set(now + seconds)], condition=model.lease == owner
            )

    def release(self, source_id: str, owner: str) -> None:
        """Give the lease back; quiet if it is another's by now."""
        self._forget(owner)
        try:
            with translated("releasing a source's lease"):
                self._runs.row(source_id).update(
                    actions=self._given_back(), condition=self._tables.run.lease == owner
                )
        except Conflict:
            return

    def save_state(self, source_id: str, owner: str, state: SourceState) -> None:
        """Remember. :raises Conflict: the lease is another's by now."""
        self._save(source_id, owner, state, [])

    def finish(self, source_id: str, owner: str, state: SourceState) -> None:
        """Remember, and give the lease back, in one write. :raises Conflict: it is another's by now."""
        self._save(source_id, owner, state, self._given_back())
        self._forget(owner)

    # ---------------------------------------------------------------------- the lease

    def _lease(
        self,
        source_id: str,
        owner: str,
        now: float,
        seconds: float,
        *,
        noted: bool,
        claim: float | None = None,
    ) -> tuple[RunRow, bool] | None:
        """Return the row whose lease was taken, and whether one before was never given back."""
        model = self._tables.run
        actions: list[Update] = [model.lease.set(owner), model.lease_until.set(now + seconds)]
        if noted:
            actions.append(model.last_run_at.set(datetime.fromtimestamp(now, UTC).isoformat()))
        asked = model.definition.exists()
        if claim is not None:
            actions.append(model.claim.set(claim))
            asked &= model.claim.does_not_exist() | (model.claim < claim)
        free = model.lease.does_not_exist()
        if row := self._leased(source_id, actions, asked & free):
            return row, False
        found = self._runs.find(source_id)
        if found is None:
            adopted = self._runs.adopt(source_id)
            return self._lease(source_id, owner, now, seconds, noted=noted, claim=claim) if adopted else None
        if found.lease not in (None, owner) and float(found.lease_until or 0) >= now:
            return None
        ended = free | (model.lease_until < now) | (model.lease == owner)
        row = self._leased(source_id, actions, asked & ended)
        return (row, found.lease is not None) if row else None

    def _leased(self, source_id: str, actions: list[Update], condition: Condition) -> RunRow | None:
        row = self._runs.row(source_id)
        try:
            with translated("taking a source's lease"):
                row.update(actions=actions, condition=condition)  # which also reads it
        except Conflict:
            return None
        return row

    def _given_back(self) -> list[Update]:
        return [self._tables.run.lease.remove(), self._tables.run.lease_until.remove()]

    # ---------------------------------------------------------------------- the state

    def _forget(self, owner: str) -> None:
        self._apart.pop(owner, None)
        self._put_back.pop(owner, None)

    def _save(self, source_id: str, owner: str, state: SourceState, further: list[Update]) -> None:
        known = self._apart.get(owner)
        if known is None:
            found = self._runs.find(source_id)
            known = found.apart or "" if found else ""
        parts = packed(state, apart=bool(known))
        row, mine = self._runs.row(source_id), self._tables.run.lease == owner
        actions = [*self._runs.columns(state, parts), self._tables.run.checked.remove(), *further]
        if looked_at := self._put_back.get(owner, frozenset()) - set(state.put_back):
            actions.append(self._tables.run.put_back.delete(set(looked_at)))  # others may have noted more
        with translated("remembering a source's state"):
            if parts.long is None or parts.digest == known:
                row.update(actions=actions, condition=mine)
            else:
                with TransactWrite(connection=self._connection) as transaction:
                    transaction.update(row, actions=actions, condition=mine)
                    transaction.save(self._tables.kept(kept_key(source_id), STATE, state=parts.long))
        self._apart[owner] = parts.digest

    def _state(self, row: RunRow) -> SourceState:
        return state_in(row, self._runs.kept(row))

    def _stored(self, row: SourceRow, run: RunRow | None) -> StoredSource:
        return source_of(row, run, self._runs.kept(run) if run else None)

    def _source_row(self, source_id: str) -> SourceRow:
        with translated("reading a source"):
            try:
                return self._model.get(SOURCES, source_id, consistent_read=True)
            except DoesNotExist:
                raise NotFound("there is no such source", where=f"source {source_id}") from None

    def _definition(self, source_id: str) -> dict[str, Any]:
        """Return what is stored of a definition, for the audit trail; empty if nothing is."""
        try:
            stored, _ = definition_of(self._source_row(source_id))
        except NotFound:
            return {}
        return stored.model_dump(mode="json") if stored else {}
