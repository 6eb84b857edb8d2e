"""Numbers of few people are not told in what is shared: from "1 no-show" somebody may know who. Pure.

A small number must not come out by subtraction either. Of exams 3, 8 and 20 by study, somebody who knows
that they are 31 together would know the 3 if only that were hidden. So the next smallest is hidden too:
primary and complementary cell suppression, as statistical offices do it. Totals are those over all rows, over
each value of the first column, of the first two, and so on. What an answer by fewer columns hides is taken as
not known: the same rule hides it there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from numbers import Number
from typing import Any, Final, NamedTuple

LEAST: Final = 5
"""The least number of exams or people that is told."""
HIDDEN: Final = "hidden"
"""What a count of a hidden row says: neither that it is small, nor how small."""

_Path = tuple[Any, ...]
"""The values of the first grouping columns."""
_Counts = tuple[float, ...]


class _Row(NamedTuple):
    at: int
    path: _Path
    counts: _Counts


def without_small_cells(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    counts: Collection[str],
    groups: Collection[str] = (),
) -> list[tuple[Any, ...]]:
    """Return rows of an answer as they may be shared.

    A row with a count from 1 to 4 is hidden: its counts say ``hidden``, its other numbers are left out, for
    they are of the same few. So are as many other rows as it takes that no small count can be calculated.
    Hidden rows come last, by what they are of: their place in an answer would tell how large they are.

    :param counts: the columns that count exams or people; a count of 0 is told.
    :param groups: the columns that say what a row is of; they are never left out. Nor are columns of text.
    """
    answer = [tuple(row) for row in rows]
    counted = [at for at, name in enumerate(columns) if name in counts]
    kept = {at for at, name in enumerate(columns) if name in groups}
    kept |= {at for at in range(len(columns)) if not any(_is_number(row[at]) for row in answer)}
    kept -= set(counted)
    grouped = sorted(kept)
    read = [
        _Row(at, tuple(row[where] for where in grouped), tuple(row[where] or 0 for where in counted))
        for at, row in enumerate(answer)
    ]
    hidden = _hidden_rows(read)
    told = [row for at, row in enumerate(answer) if at not in hidden]
    untold = [_without_numbers(answer[at], counted, kept) for at in hidden]
    return told + sorted(untold, key=lambda row: [_in_order(row[at]) for at in grouped])


def _without_numbers(row: _Path, counted: Collection[int], kept: Collection[int]) -> _Path:
    without = (value if at in kept or not _is_number(value) else None for at, value in enumerate(row))
    return tuple(HIDDEN if at in counted else value for at, value in enumerate(without))


def _hidden_rows(rows: Sequence[_Row]) -> set[int]:
    """Return the places of the rows that are not told."""
    totals = _totals(rows)
    parts = [row for row in rows if row.at not in totals]
    hidden = _hidden_cells(parts)
    return {row.at for row in parts if (*row.path, row.at) in hidden} | {
        at for at, path in totals.items() if path in hidden
    }


def _totals(rows: Iterable[_Row]) -> Mapping[int, _Path]:
    """Return which rows are totals of others (``GROUP BY ROLLUP``), and of which.

    Such a row has no value in its last columns, and the counts of those that it is of together.
    """
    rows = list(rows)
    parts = [row for row in rows if row.path and row.path[-1] is not None]
    sums = _sums(parts)
    found = {row.at: _without_end(row.path) for row in rows if row.path and row.path[-1] is None}
    return {
        row.at: found[row.at] for row in rows if row.at in found and sums.get(found[row.at]) == row.counts
    }


def _hidden_cells(rows: Sequence[_Row]) -> set[_Path]:
    """Return what is hidden: rows, and totals over the last columns, up to the grand total."""
    sums = _sums(rows)
    by_depth: dict[int, list[_Path]] = defaultdict(list)
    for path in sums:
        by_depth[len(path)].append(path)
    hidden = {path for path in by_depth[0] if _is_small(sums[path])}
    for depth in range(1, max(by_depth) + 1):
        hidden |= _hidden_of_depth(by_depth[depth], sums, hidden)
    return hidden


def _hidden_of_depth(paths: Iterable[_Path], sums: Mapping[_Path, _Counts], above: set[_Path]) -> set[_Path]:
    """Return what is hidden of the cells of one depth.

    :param above: what is hidden of the totals above them.
    """
    together: dict[_Path | None, list[_Path]] = defaultdict(list)
    parts: dict[_Path, list[_Path]] = defaultdict(list)
    for path in paths:
        together[_known_total(path, above)].append(path)
        parts[path[:-1]].append(path)
    hidden = {path for cells in parts.values() for path in cells if _is_small(sums[path])}
    for total in parts.keys() & above:
        if not hidden.intersection(parts[total]):  # else they add up to what is hidden
            hidden.add(_least(parts[total], sums))
    for known, cells in together.items():
        if known is not None:
            hidden |= _enough(cells, hidden.intersection(cells), sums)
    return hidden


def _enough(cells: Collection[_Path], hidden: set[_Path], sums: Mapping[_Path, _Counts]) -> set[_Path]:
    """Return what to hide of a total that is told, so that the rest of it tells of no cell."""
    hidden = set(hidden)
    others = set(cells) - hidden
    while hidden and others and (len(hidden) == 1 or _is_small(_sum(sums[path] for path in hidden))):
        least = _least(others, sums)
        hidden.add(least)
        others.remove(least)
    return hidden


def _known_total(path: _Path, hidden: Collection[_Path]) -> _Path | None:
    """Return the narrowest total with a cell in it that is told; None: not even the grand total is."""
    return next((path[:end] for end in reversed(range(len(path))) if path[:end] not in hidden), None)


def _sums(rows: Iterable[_Row]) -> dict[_Path, _Counts]:
    """Return the counts of each row, and of each total that it is in; a row is its path with its place."""
    found: dict[_Path, list[_Counts]] = defaultdict(list)
    for row in rows:
        path = (*row.path, row.at)
        for end in range(len(path) + 1):
            found[path[:end]].append(row.counts)
    return {path: _sum(counts) for path, counts in found.items()}


def _sum(counts: Iterable[_Counts]) -> _Counts:
    return tuple(sum(column) for column in zip(*counts, strict=True))


def _least(paths: Iterable[_Path], sums: Mapping[_Path, _Counts]) -> _Path:
    """Return the cell that is missed least: one with something in it, if there is one."""
    return min(
        paths, key=lambda path: (not any(sums[path]), sum(sums[path]), [_in_order(each) for each in path])
    )


def _without_end(path: _Path) -> _Path:
    while path and path[-1] is None:
        path = path[:-1]
    return path


def _is_small(counts: _Counts) -> bool:
    return any(0 < count < LEAST for count in counts)


def _is_number(value: Any) -> bool:
    return isinstance(value, Number | timedelta)


def _in_order(value: Any) -> tuple[str, float, str]:
    return (type(value).__name__, value if _is_number(value) else 0, str(value))
