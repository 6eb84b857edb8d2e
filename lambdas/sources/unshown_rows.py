"""Rows that are not on the worklist, or not quite as REDCap has them, each with the reason. Pure.

A row is *rejected* if it cannot be an item, and *held* if a safety gate, a value outside the limits or
another person's Patient ID keeps it off. A *note* is about a row on the worklist: a value was left out or
corrected. People see the first of each kind, up to `ROWS_KEPT` or `NOTES_KEPT`; all are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ROWS_KEPT: Final = 200
"""Rejected rows, and held ones, kept for people to see."""

NOTES_KEPT: Final = 100
"""Notes kept for people to see: fewer, because DynamoDB allows 400 KB for everything kept with a source."""


class RowReport(BaseModel):
    """What people should know about a row. Kept with the source, shown to people, never logged.

    :param field: the REDCap fields the reason is about.
    :param reason: why, without their values.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    record: str
    event: str = ""
    instrument: str = ""
    instance: int = 1
    field: str
    reason: str


class UnshownRow(RowReport):
    """A row that is not on the worklist.

    :param day: of the scan, ``YYYYMMDD``; empty if it cannot be read.
    :param site: of the scan; empty if it is not known.
    :param since: when it was first seen that it is not; None if an earlier build saw it.
    """

    day: str = ""
    site: str = ""
    since: AwareDatetime | None = None


class RejectedRow(UnshownRow):
    """A row that should be a scan and cannot be: ``reason`` says what is wrong with ``field``."""


class HeldRow(UnshownRow):
    """A scan that is kept off the worklist for now: ``reason`` says what is still to be done.

    :param because_of: the record whose item has the same Patient ID; empty if that is not why.
    """

    because_of: str = ""


class Note(RowReport):
    """A scan on the worklist that lacks a value, or has a corrected one: ``reason`` says which, and why."""


Row = TypeVar("Row", bound=RowReport)


class UnshownRows(BaseModel):
    """What is remembered of the rows that are not on the worklist, or not quite as REDCap has them.

    :param rejected: rows that cannot be items, up to `ROWS_KEPT` of ``rejected_count``.
    :param held: scans that are kept off the worklist for now, up to `ROWS_KEPT` of ``held_count``.
    :param notes: values that were left out or corrected, up to `NOTES_KEPT` of ``notes_count``.
    :param left_out: records that REDCap lists and did not return; each is among ``rejected``.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    rejected: tuple[RejectedRow, ...] = ()
    rejected_count: Annotated[int, Field(ge=0)] = 0
    held: tuple[HeldRow, ...] = ()
    held_count: Annotated[int, Field(ge=0)] = 0
    notes: tuple[Note, ...] = ()
    notes_count: Annotated[int, Field(ge=0)] = 0
    left_out: tuple[str, ...] = ()

    def after_reading(
        self,
        rejected: Iterable[RejectedRow],
        held: Iterable[HeldRow],
        read: Collection[str],
        notes: Iterable[Note],
        left_out: Collection[str] = (),
    ) -> dict[str, object]:
        """Return this model's fields after some records were read again, for `model_copy`.

        :param rejected: the rejected rows of the records read.
        :param held: their held rows.
        :param read: the records read: what was remembered of them before is forgotten.
        :param notes: the notes of their scans.
        :param left_out: those of ``read`` that REDCap did not return.
        """
        rejected_rows, rejected_count = _merged(rejected, self.rejected, self.rejected_count, read)
        held_rows, held_count = _merged(held, self.held, self.held_count, read)
        kept_notes, notes_count = _merged(notes, self.notes, self.notes_count, read, most=NOTES_KEPT)
        return {
            "rejected": rejected_rows,
            "rejected_count": rejected_count,
            "held": held_rows,
            "held_count": held_count,
            "notes": kept_notes,
            "notes_count": notes_count,
            "left_out": tuple(sorted({*left_out, *(set(self.left_out) - set(read))})),
        }


def _merged(
    new: Iterable[Row], kept: Sequence[Row], count: int, read: Collection[str], most: int = ROWS_KEPT
) -> tuple[tuple[Row, ...], int]:
    """Return the rows to keep, and how many there are; ``kept`` are the first of ``count``."""
    rows = [*new, *(row for row in kept if row.record not in read)]
    return tuple(rows[:most]), len(rows) + count - len(kept)
