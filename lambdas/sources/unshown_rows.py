"""Rows that should be scans and are not on the worklist, or not as REDCap has them, with the reason. Pure.

A row is *rejected* if it cannot be an item, and *held* if a safety gate keeps it off, a value that nobody
believes, or somebody else's Patient ID. *Notes* are of scans that are on the worklist: what was left out or
put right. People see the first rows of each kind; all are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ROWS_KEPT: Final = 200
"""Rows of each kind kept for people to see; all are counted."""


NOTES_KEPT: Final = 100
"""Notes kept for people to see; a source's row in DynamoDB has 400 KB for all that is kept."""


class RowWithReason(BaseModel):
    """A row and something to know about it. Kept with the source, shown to people, never logged.

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


class UnshownRow(RowWithReason):
    """A row that is not on the worklist.

    :param day: of the scan, ``YYYYMMDD``; empty if it cannot be read.
    :param site: empty if it is not known.
    """

    day: str = ""
    site: str = ""


class RejectedRow(UnshownRow):
    """A row that should be a scan and cannot be: ``reason`` says what is wrong with ``field``."""


class HeldRow(UnshownRow):
    """A scan that is kept off: ``reason`` is what is still to be done, as the definition says it, or what is
    not believed.

    :param because_of: the record whose item bears the same Patient ID; empty: it is held for another reason.
    """

    because_of: str = ""


class Note(RowWithReason):
    """Something about a scan that is on the worklist: ``reason`` says what was left out or put right."""


Row = TypeVar("Row", bound=RowWithReason)


class UnshownRows(BaseModel):
    """What is remembered of the rows that are not on the worklist.

    :param rejected: rows that cannot be items, up to `ROWS_KEPT` of ``rejected_count``.
    :param held: scans that are kept off the worklist, up to `ROWS_KEPT` of ``held_count``.
    :param notes: values left out or put right, up to `NOTES_KEPT` of ``notes_count``.
    """

    model_config = ConfigDict(frozen=True)

    rejected: tuple[RejectedRow, ...] = ()
    rejected_count: Annotated[int, Field(ge=0)] = 0
    held: tuple[HeldRow, ...] = ()
    held_count: Annotated[int, Field(ge=0)] = 0
    notes: tuple[Note, ...] = ()
    notes_count: Annotated[int, Field(ge=0)] = 0

    def after_reading(
        self,
        rejected: Iterable[RejectedRow],
        held: Iterable[HeldRow],
        read: Collection[str],
        notes: Iterable[Note] = (),
    ) -> dict[str, object]:
        """Return this model's fields after some records were read again, for `model_copy`.

        :param rejected: the rejected rows of the records read.
        :param held: their held rows.
        :param read: the records read: what was remembered of them before is forgotten.
        :param notes: the notes of their scans.
        """
        rejected_rows, rejected_count = _merged(rejected, self.rejected, self.rejected_count, read)
        held_rows, held_count = _merged(held, self.held, self.held_count, read)
        notes, notes_count = _merged(notes, self.notes, self.notes_count, read, NOTES_KEPT)
        return {
            "rejected": rejected_rows,
            "rejected_count": rejected_count,
            "held": held_rows,
            "held_count": held_count,
            "notes": notes,
            "notes_count": notes_count,
        }


def _merged(
    new: Iterable[Row], kept: Sequence[Row], count: int, read: Collection[str], most: int = ROWS_KEPT
) -> tuple[tuple[Row, ...], int]:
    """Return the rows to keep, and how many there are; ``kept`` are the first of ``count``."""
    rows = [*new, *(row for row in kept if row.record not in read)]
    return tuple(rows[:most]), len(rows) + count - len(kept)
