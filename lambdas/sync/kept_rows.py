"""The rows that people are shown of a source: rejected, held, noted. Pure.

A sync reads some records, or all: of those it read, what it found counts; of the others, what was kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from lambdas.sources.state import NOTES_KEPT, REJECTS_KEPT, FullRead, HeldRow, Note, RejectedRow, SourceState

Row = TypeVar("Row", bound=RejectedRow | HeldRow | Note)


class Found(Protocol):
    """What a pass over records found, and which records it read."""

    read: set[str]

    @property
    def rejected(self) -> list[RejectedRow]:
        """Rows that cannot be items."""

    @property
    def held(self) -> list[HeldRow]:
        """Scans kept off the worklist."""

    @property
    def notes(self) -> list[Note]:
        """What was left out of items, or put right."""


def kept_rows(found: Found, before: SourceState | FullRead) -> dict[str, object]:
    """Return what to remember of all three, as an update of a state or of a full read's progress."""
    rejected, rejected_count = merged(found.rejected, before.rejected, before.rejected_count, found.read)
    held, held_count = merged(found.held, before.held, before.held_count, found.read)
    notes, notes_count = merged(found.notes, before.notes, before.notes_count, found.read, most=NOTES_KEPT)
    return {
        "rejected": rejected,
        "rejected_count": rejected_count,
        "held": held,
        "held_count": held_count,
        "notes": notes,
        "notes_count": notes_count,
    }


def merged(
    new: Iterable[Row], kept: Sequence[Row], count: int, read: Collection[str], most: int = REJECTS_KEPT
) -> tuple[tuple[Row, ...], int]:
    """Return the rows to show and how many there are, after some records were read again.

    :param count: how many there were, of which ``kept`` are shown.
    """
    rows = [*new, *(row for row in kept if row.record not in read)]
    return tuple(rows[:most]), len(rows) + count - len(kept)
