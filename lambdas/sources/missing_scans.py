"""Scans that should be on the worklist soon and are not, with the reason. Pure.

A scan that is rejected or held shows on no scanner. One of next month has time; one of today, or of a day
that cannot be read, has not: somebody has to be told before the participant lies in the scanner.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.text.quantity import quantity


def missing_soon(definition: SourceDefinition, state: SourceState, now: float) -> int:
    """Return how many scans are missing that cannot wait.

    :param now: seconds since 1970.
    """
    shown = sum(is_soon(definition, row, now) for _, row in by_day(state))
    # Of those that are not kept nobody knows the day.
    unknown = state.rejected_count - len(state.rejected) + state.held_count - len(state.held)
    return shown + unknown


def is_soon(definition: SourceDefinition, row: RejectedRow | HeldRow, now: float) -> bool:
    """Tell whether a scan is of today, of the next `attention_hours`, or of a day that cannot be read."""
    if not row.day:
        return True
    moment = datetime.fromtimestamp(now, UTC)
    until = definition.local(moment + timedelta(hours=definition.attention_hours))
    return f"{definition.local(moment):%Y%m%d}" <= row.day <= f"{until:%Y%m%d}"


def in_words(definition: SourceDefinition, count: int) -> str:
    """Return a sentence on so many missing scans; empty if there are none."""
    if not count:
        return ""
    scans = quantity(count, "scan is", "scans are")
    when = f"of today or the next {definition.attention_hours} hours, or of a day that cannot be read"
    return f"{scans} not on the list, {when}: see what is rejected and held"


def by_day(state: SourceState) -> Iterator[tuple[str, RejectedRow | HeldRow]]:
    """Yield kind (``rejected``, ``held``) and row of all that are kept, by day; unreadable days first."""
    rows = [("rejected", row) for row in state.rejected]
    pairs: list[tuple[str, RejectedRow | HeldRow]] = [*rows, *(("held", row) for row in state.held)]
    yield from sorted(pairs, key=lambda pair: (pair[1].day, pair[1].record))
