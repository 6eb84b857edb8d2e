"""Rows that should be scans and are not on the worklist, each with the reason. Pure.

A row is *rejected* if it cannot be an item, and *held* if a safety gate keeps it off. People see the first
`ROWS_KEPT` of each kind; all are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ROWS_KEPT: Final = 200
"""Rows of each kind kept for people to see; all are counted."""


class UnshownRow(BaseModel):
    """A row that is not on the worklist. Kept with the source, shown to people, never logged.

    :param field: the REDCap fields the reason is about.
    :param reason: why, without their values.
    """

    model_config = ConfigDict(frozen=True)

    record: str
    event: str = ""
    instrument: str = ""
    instance: int = 1
    field: str
    reason: str


class RejectedRow(UnshownRow):
    """A row that should be a scan and cannot be: ``reason`` says what is wrong with ``field``."""


class HeldRow(UnshownRow):
    """A scan that a safety gate keeps off: ``reason`` is the definition's, what is still to be done."""


Row = TypeVar("Row", bound=UnshownRow)


class UnshownRows(BaseModel):
    """What is remembered of the rows that are not on the worklist.

    :param rejected: rows that cannot be items, up to `ROWS_KEPT` of ``rejected_count``.
    :param held: scans that safety gates keep off the worklist, up to `ROWS_KEPT` of ``held_count``.
    """

    model_config = ConfigDict(frozen=True)

    rejected: tuple[RejectedRow, ...] = ()
    rejected_count: Annotated[int, Field(ge=0)] = 0
    held: tuple[HeldRow, ...] = ()
    held_count: Annotated[int, Field(ge=0)] = 0

    def after_reading(
        self, rejected: Iterable[RejectedRow], held: Iterable[HeldRow], read: Collection[str]
    ) -> dict[str, object]:
        """Return this model's fields after some records were read again, for `model_copy`.

        :param rejected: the rejected rows of the records read.
        :param held: their held rows.
        :param read: the records read: what was remembered of them before is forgotten.
        """
        rejected_rows, rejected_count = _merged(rejected, self.rejected, self.rejected_count, read)
        held_rows, held_count = _merged(held, self.held, self.held_count, read)
        return {
            "rejected": rejected_rows,
            "rejected_count": rejected_count,
            "held": held_rows,
            "held_count": held_count,
        }


def _merged(
    new: Iterable[Row], kept: Sequence[Row], count: int, read: Collection[str]
) -> tuple[tuple[Row, ...], int]:
    """Return the rows to keep, and how many there are; ``kept`` are the first of ``count``."""
    rows = [*new, *(row for row in kept if row.record not in read)]
    return tuple(rows[:ROWS_KEPT]), len(rows) + count - len(kept)
