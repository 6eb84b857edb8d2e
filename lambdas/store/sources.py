"""Source definitions in DynamoDB, what is remembered of each, and the lease: one sync at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as Update
from pynamodb.transactions import TransactWrite

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SourceState
from lambdas.sources.stored import StoredSource
from lambdas.store.audit.entry import SYSTEM, Action, Actor, Subject, difference
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import translated
from lambdas.store.models import SOURCES, SourceRow, Tables
from shared.errors import Conflict, NotFound, Rejected

_OWN_COLUMNS: Final = {"watermark", "last_run_at"}
"""Parts of the state with a column of their own, for people who look into the table."""


class SourceStore:
    """All sources.

    :param now: seconds since 1970, for the audit trail.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float] = time.time) -> None:
        self._model = tables.source
        self._trail = AuditTrail(tables, now=now)

    def put(self, definition: SourceDefinition, *, by: Actor = SYSTEM) -> None:
        """Create or replace a definition; what is remembered of the source stays."""
        before = self._definition(definition.id)
        were, are = difference(before, definition.model_dump(mode="json"))
        body = self._model.body.set(definition.model_dump_json())

        def update(transaction: TransactWrite, _key: str) -> None:
            transaction.update(self._row(definition.id), actions=[body])

        action: Action = "changed" if before else "created"
        stored = Subject(kind="source", id=definition.id, action=action, before=were, after=are)
        self._trail.record(by, [stored], also=update)

    def get(self, source_id: str) -> SourceDefinition:
        """Return a definition. :raises NotFound, Rejected: there is none, or it cannot be read."""
        stored = self.find(source_id)
        if stored.definition is None:
            raise Rejected(stored.problem, where=f"source {source_id}", hint="apply its definition again")
        return stored.definition

    def find(self, source_id: str) -> StoredSource:
        """Return a source with its state. :raises NotFound: there is none."""
        with translated("reading a source"):
            try:
                row = self._model.get(SOURCES, source_id, consistent_read=True)
            except DoesNotExist:
                raise NotFound("there is no such source", where=f"source {source_id}") from None
        return stored_source(row)

    def all(self) -> list[StoredSource]:
        """Return every source, in order of id."""
        with translated("listing sources"):
            return [stored_source(row) for row in self._model.query(SOURCES, consistent_read=True)]

    def delete(self, source_id: str, *, by: Actor = SYSTEM) -> None:
        """Delete a source with all that is remembered of it; its items stay. Quiet if there is none."""
        before = self._definition(source_id)
        gone = Subject(kind="source", id=source_id, action="removed", before=before)

        def delete(transaction: TransactWrite, _key: str) -> None:
            transaction.delete(self._row(source_id))

        self._trail.record(by, [gone], also=delete)

    def _definition(self, source_id: str) -> dict[str, Any]:
        """Return what is stored of a definition, for the audit trail; empty if nothing is."""
        try:
            stored = self.find(source_id).definition
        except NotFound:
            return {}
        return stored.model_dump(mode="json") if stored else {}

    def state(self, source_id: str) -> SourceState:
        """Return what is remembered of a source. :raises NotFound: there is none."""
        return self.find(source_id).state

    def acquire(self, source_id: str, owner: str, *, now: float, seconds: float, noted: bool = True) -> bool:
        """Take the lease for some seconds; False if another owner holds it, or there is no such source.

        :param now: seconds since 1970.
        :param noted: as the time of the last run, from which the interval counts.
        """
        model = self._model
        free = model.lease.does_not_exist() | (model.lease_until < now) | (model.lease == owner)
        actions: list[Update] = [model.lease.set(owner), model.lease_until.set(now + seconds)]
        if noted:
            actions.append(model.last_run_at.set(datetime.fromtimestamp(now, UTC).isoformat()))
        try:
            with translated("taking a source's lease"):
                self._row(source_id).update(actions=actions, condition=model.body.exists() & free)
        except Conflict:
            return False
        return True

    def renew(self, source_id: str, owner: str, *, now: float, seconds: float) -> None:
        """Hold the lease on. :raises Conflict: it is another's by now: stop, and write nothing more."""
        with translated("renewing a source's lease"):
            self._row(source_id).update(
                actions=[self._model.lease_until.set(now + seconds)], condition=self._model.lease == owner
            )

    def release(self, source_id: str, owner: str) -> None:
        """Give the lease back; quiet if it is another's by now."""
        try:
            with translated("releasing a source's lease"):
                self._row(source_id).update(
                    actions=[self._model.lease.remove(), self._model.lease_until.remove()],
                    condition=self._model.lease == owner,
                )
        except Conflict:
            return

    def save_state(self, source_id: str, owner: str, state: SourceState) -> None:
        """Remember. :raises Conflict: the lease is another's by now."""
        watermark = state.watermark.isoformat() if state.watermark else None
        with translated("remembering a source's state"):
            self._row(source_id).update(
                actions=[
                    self._model.watermark.set(watermark) if watermark else self._model.watermark.remove(),
                    self._model.last_result.set(state.model_dump(mode="json", exclude=_OWN_COLUMNS)),
                ],
                condition=self._model.lease == owner,
            )

    def _row(self, source_id: str) -> SourceRow:
        return self._model(SOURCES, source_id)


def stored_source(row: SourceRow) -> StoredSource:
    """Return what a row holds."""
    definition, problem = None, ""
    try:
        definition = SourceDefinition.model_validate_json(row.body or "")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = f"the stored definition cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    return StoredSource(row.sk, definition, problem, _state(row), float(row.lease_until or 0))


def _state(row: SourceRow) -> SourceState:
    own = {"watermark": row.watermark, "last_run_at": row.last_run_at}
    try:
        return SourceState.model_validate({**(row.last_result or {}), **own})
    except ValidationError:
        # Written by another version: what cannot be read is not known; a full read finds it all out again.
        return SourceState(last_run_at=datetime.fromisoformat(row.last_run_at) if row.last_run_at else None)
