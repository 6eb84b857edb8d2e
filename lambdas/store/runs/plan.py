"""What the schedule reads each minute: the timing of every source, and what was asked for already.

One query a shard, of small rows; the definitions, which are longer, are read when they have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pynamodb.exceptions import DoesNotExist

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.stored import Timing
from lambdas.store.faults import translated
from lambdas.store.models import CLAIMS, RUNS, SOURCES, RunRow, SourceRow, Tables
from lambdas.store.runs.claims import SHARDS, packed, unpacked
from lambdas.store.runs.rows import GENTLE, RunRows, definition_of
from shared.batches import batches

_BATCH_GET: Final = 100
_TAKE_OVER_SECONDS: Final = 3600.0
"""How often to look for sources that an earlier build stored, while both are running."""


@dataclass(frozen=True)
class PlannedSource:
    """A source as the schedule sees it.

    :param definition: None if it cannot be read; ``problem`` says why.
    :param taken: the last claim that was taken; 0: none was.
    """

    source_id: str
    definition: SourceDefinition | None
    problem: str
    timing: Timing
    taken: float


@dataclass(frozen=True)
class Shard:
    """Some of the sources, and which of them were asked for, and when."""

    number: int
    sources: tuple[PlannedSource, ...]
    claims: Mapping[str, float]


class SourcePlan:
    """The sources of a deployment, for as long as a process of the schedule lives."""

    def __init__(self, tables: Tables) -> None:
        self._tables, self._runs = tables, RunRows(tables)
        self._definitions: dict[str, tuple[str | None, SourceDefinition | None, str]] = {}
        self._taken_over_at = 0.0

    def shards(self, now: float) -> Iterator[Shard]:
        """Yield all sources, shard by shard.

        :param now: seconds since 1970.
        """
        if now >= self._taken_over_at + _TAKE_OVER_SECONDS:
            self._take_over()
            self._taken_over_at = now
        for number in range(SHARDS):
            rows = list(self._runs.of_shard(number))
            self._read_definitions([row for row in rows if self._is_news(row)])
            yield Shard(number, tuple(map(self._planned, rows)), self._claims(number) if rows else {})

    def claim(self, shard: int, claims: Mapping[str, float]) -> None:
        """Note what was asked for, in place of what was noted before."""
        with translated("noting what was asked for"):
            self._tables.claims(f"{RUNS}{shard}", CLAIMS, claims=packed(claims)).save()

    def _claims(self, shard: int) -> dict[str, float]:
        with translated("reading what was asked for"):
            try:
                row = self._tables.claims.get(f"{RUNS}{shard}", CLAIMS, consistent_read=True)
            except DoesNotExist:
                return {}
        return unpacked(row.claims)

    def _is_news(self, row: RunRow) -> bool:
        return row.sk not in self._definitions or self._definitions[row.sk][0] != row.definition

    def _planned(self, row: RunRow) -> PlannedSource:
        _, definition, problem = self._definitions.get(row.sk, (None, None, "it was deleted this moment"))
        timing = Timing(
            last_run_at=datetime.fromisoformat(row.last_run_at) if row.last_run_at else None,
            leased_until=float(row.lease_until or 0),
            left_alone_until=float(row.left_alone_until or 0),
            banned_until=float(row.banned_until or 0),
            unfinished=bool(row.unfinished),
            feedback_at=None if row.feedback_at is None else float(row.feedback_at),
            asked_at=float(row.claim or 0),
        )
        return PlannedSource(row.sk, definition, problem, timing, float(row.claim or 0))

    def _read_definitions(self, rows: list[RunRow]) -> None:
        digests = {row.sk: row.definition for row in rows}
        for some in batches(sorted(digests), _BATCH_GET):
            with translated("reading sources"):
                keys = [(SOURCES, source_id) for source_id in some]
                for row in self._tables.source.batch_get(keys, consistent_read=True):
                    self._remember(row, digests[row.sk])

    def _remember(self, row: SourceRow, digest: str | None) -> None:
        self._definitions[row.sk] = (digest, *definition_of(row))

    def _take_over(self) -> None:
        """Take over what an earlier build kept with the definitions."""
        known = self._runs.all()
        with translated("listing sources"):
            rows = list(self._tables.source.query(SOURCES, consistent_read=True, rate_limit=GENTLE))
        for row in rows:
            if row.sk not in known:
                self._runs.adopt_row(row)
            else:
                self._remember(row, known[row.sk].definition)
