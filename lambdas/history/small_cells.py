"""Numbers of few people are not told in what is shared: from "1 no-show" somebody may know who. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

LEAST: Final = 5
"""The least number of exams or people that is told."""
FEW: Final = f"<{LEAST}"


def without_small_cells(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], counts: Collection[str]
) -> list[tuple[Any, ...]]:
    """Return rows of an answer as they may be shared.

    A count from 1 to 4 becomes ``<5``. Every other number of its row is left out too: it is of the same few.

    :param counts: the columns that count exams or people; a count of 0 is told.
    """
    where = [at for at, name in enumerate(columns) if name in counts]
    return [_shared(row, where) for row in rows]


def _shared(row: Sequence[Any], where: Sequence[int]) -> tuple[Any, ...]:
    small = {at for at in where if row[at] is not None and 0 < row[at] < LEAST}
    if not small:
        return tuple(row)
    hidden = (None if isinstance(value, int | float) else value for value in row)
    return tuple(FEW if at in small else value for at, value in enumerate(hidden))
