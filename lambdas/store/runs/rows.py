"""The rows of what is remembered of sources' syncs. Private to `lambdas.store`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from pydantic import ValidationError
from pynamodb.attributes import Attribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import ProjectCheck, SourceState
from lambdas.sources.stored import StoredSource, Timing
from lambdas.store.faults import translated
from lambdas.store.models import CLAIMS, RUNS, SOURCES, STATE, RunRow, SourceRow, Tables, connection, kept_key
from lambdas.store.runs.claims import SHARDS, shard_of
from lambdas.store.runs.packing import Packed, packed, state_of, unpacked
from shared.errors import Conflict

UNKNOWN: Final = "?"
"""Instead of a definition's digest, where an earlier build stored the definition."""
GENTLE: Final = 1000.0
"""Read units a second by which work in the background reads all sources: a third of what DynamoDB gives a
partition, so that syncs get theirs. Ten thousand sources take ten seconds; one page waits for nothing."""
BATCH_GET: Final = 100
"""Rows that DynamoDB gives at once."""


class RunRows:
    """One row a source, in one of `SHARDS` partitions."""

    def __init__(self, tables: Tables) -> None:
        self._tables, self._connection = tables, connection(tables.run)

    def row(self, source_id: str) -> RunRow:
        """Return a source's row without what is in it."""
        return self._tables.run(f"{RUNS}{shard_of(source_id)}", source_id)

    def find(self, source_id: str) -> RunRow | None:
        """Return a source's row, consistently; None if there is none, or nothing but a claim in it."""
        row = self.row(source_id)
        with translated("reading a source's state"):
            try:
                found = self._tables.run.get(row.pk, row.sk, consistent_read=True)
            except DoesNotExist:
                return None
        return found if found.definition else None

    def of_shard(self, shard: int, *, consistent: bool = False) -> Iterator[RunRow]:
        """Yield the rows of one shard; the claims' is not among them."""
        model = self._tables.run
        with translated("listing sources' states"):
            yield from model.query(f"{RUNS}{shard}", model.sk > CLAIMS, consistent_read=consistent)

    def all(self) -> dict[str, RunRow]:
        """Return the rows of all sources, consistently."""
        return {row.sk: row for shard in range(SHARDS) for row in self.of_shard(shard, consistent=True)}

    def of(self, source_ids: Collection[str]) -> dict[str, RunRow]:
        """As `all`, given the sources there are: the rows of a few are one request, not one a shard."""
        if len(source_ids) > BATCH_GET:
            return self.all()
        keys = [(f"{RUNS}{shard_of(source_id)}", source_id) for source_id in source_ids]
        with translated("listing sources' states"):
            found = list(self._tables.run.batch_get(keys, consistent_read=True)) if keys else []
        return {row.sk: row for row in found}

    def kept(self, row: RunRow) -> bytes | None:
        """Return what another row holds of a source's state."""
        if not row.apart:
            return None
        with translated("reading a source's state"):
            try:
                found = self._tables.kept.get(kept_key(row.sk), STATE, consistent_read=True)
            except DoesNotExist:
                return None
        return bytes(found.state)

    def columns(self, state: SourceState, parts: Packed) -> list[Action]:
        """Return what makes a row hold a state."""
        model, timing = self._tables.run, Timing.of(state, 0.0)
        values: tuple[tuple[Attribute[Any], Any], ...] = (
            (model.state, parts.short),
            (model.apart, parts.digest or None),
            (model.watermark, state.watermark.isoformat() if state.watermark else None),
            (model.left_alone_until, timing.left_alone_until or None),
            (model.banned_until, timing.banned_until or None),
            (model.unfinished, timing.unfinished or None),
            (model.feedback_at, timing.feedback_at),
        )
        return [column.remove() if value is None else column.set(value) for column, value in values]

    def adopt(self, source_id: str) -> bool:
        """Take over what an earlier build kept with a source's definition; tell whether there was any.

        An earlier build that is still running does not know of this row, and this one of its lease no more:
        two syncs at once do each other no harm, they cost requests.
        """
        with translated("reading a source"):
            try:
                row = self._tables.source.get(SOURCES, source_id, consistent_read=True)
            except DoesNotExist:
                return False
        return self.adopt_row(row)

    def adopt_row(self, row: SourceRow) -> bool:
        """As `adopt`, given the row of the definition."""
        state = state_of(row.last_result or {}, row.watermark, row.last_run_at)
        parts = packed(state, apart=False)
        made = self.row(row.sk)
        actions = [*self.columns(state, parts), self._tables.run.definition.set(UNKNOWN)]
        run = self._tables.run
        if row.last_run_at is not None:
            actions.append(run.last_run_at.set(row.last_run_at))
        if row.lease is not None:
            actions += [run.lease.set(row.lease), run.lease_until.set(float(row.lease_until or 0))]
        try:
            with (
                translated("taking over a source's state"),
                TransactWrite(connection=self._connection) as transaction,
            ):
                absent = self._tables.run.definition.does_not_exist()
                transaction.update(made, actions=actions, condition=absent)
                transaction.condition_check(
                    self._tables.source, row.pk, row.sk, condition=self._tables.source.body.exists()
                )
                if parts.long is not None:
                    transaction.save(self._tables.kept(kept_key(row.sk), STATE, state=parts.long))
        except Conflict:
            return False
        return True


def definition_of(row: SourceRow) -> tuple[SourceDefinition | None, str]:
    """Return the definition that a row holds, or None and why it cannot be read."""
    try:
        return SourceDefinition.model_validate_json(row.body or ""), ""
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return None, f"the stored definition cannot be read: {where}: {first['msg']}"


def checked_of(run: RunRow) -> ProjectCheck | None:
    """Return what a source's project said when its definition was applied, if that is known and readable."""
    try:
        return ProjectCheck.model_validate_json(run.checked) if run.checked else None
    except ValidationError:  # another version's: the project is asked again
        return None


def source_of(row: SourceRow, run: RunRow | None, kept: bytes | None) -> StoredSource:
    """Return a source.

    :param run: None: an earlier build keeps what it remembers in ``row``.
    :param kept: the longer part of the state, if ``run`` says that there is one.
    """
    definition, problem = definition_of(row)
    if run is None:
        state = state_of(row.last_result or {}, row.watermark, row.last_run_at)
        return StoredSource(row.sk, definition, problem, state, float(row.lease_until or 0))
    return StoredSource(row.sk, definition, problem, state_in(run, kept), float(run.lease_until or 0))


def state_in(run: RunRow, kept: bytes | None = None) -> SourceState:
    """Return the state that a row holds, with its longer part if that is given."""
    state = unpacked(run.state, kept, run.watermark, run.last_run_at)
    return state.model_copy(update={"put_back": tuple(sorted(run.put_back or ()))})
