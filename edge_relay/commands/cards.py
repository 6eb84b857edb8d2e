"""Rows that do not fit the terminal beside each other, below each other instead. Pure.

Nobody can read a table folded into eight narrow columns, and nobody can copy an id broken over three lines.
So what does not fit is a block for each row, a line for each value, and long text wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

_AROUND: Final = 3  # what a table puts around a cell: a line and two spaces
_SHORTEST: Final = 20


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Tell whether a table needs no more than so many characters a line."""
    cells = [max(map(len, text.splitlines() or [""])) for row in (columns, *rows) for text in row]
    count = len(columns)
    widest = [max(cells[column::count], default=0) for column in range(count)]
    return sum(widest) + _AROUND * count + 1 <= width


def cards(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the lines of a block for each row; empty values are left out."""
    label = max(map(len, columns), default=0)
    for number, row in enumerate(rows):
        if number:
            yield ""
        for name, text in zip(columns, row, strict=True):
            for part, line in enumerate(_lines(text, max(width - label - 2, _SHORTEST))):
                yield f"{'' if part else name:<{label}}  {line}".rstrip()


def _lines(text: str, width: int) -> Iterator[str]:
    for line in text.splitlines():
        # An id is never broken: it is to be copied.
        yield from wrap(line, width, break_long_words=False, break_on_hyphens=False)
