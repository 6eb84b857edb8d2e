"""Numbers of few people are not told in what is shared: from "1 no-show" somebody may know who. Pure.

A small count could also be calculated: from a total, by taking away what is told. So where that would be,
the rows with the next smallest counts are hidden too (complementary suppression). What somebody may know
besides an answer: the total of all its rows, and of all rows that share their names but for the last one, as
all weekdays of a study. The total of rows that are all hidden is not told,
nor is a small one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

LEAST: Final = 5
"""The least number of exams or people that is told."""
FEW: Final = f"<{LEAST}"
_NUMBERS: Final = (int, float, Decimal, timedelta)

Row = Sequence[Any]


def without_small_cells(
    columns: Sequence[str], rows: Iterable[Row], counts: Collection[str]
) -> list[tuple[Any, ...]]:
    """Return rows of an answer as they may be shared.

    A count from 1 to 4 becomes ``<5``. Every other number of its row is left out too: it is of the same few.
    So are all numbers of the rows that are hidden besides.

    :param counts: the columns that count exams or people; a count of 0 is told.
    """
    table, where = list(rows), [at for at, name in enumerate(columns) if name in counts]
    hidden = _Hidden(table, where).rows()
    return [_shared(row, where) if number in hidden else tuple(row) for number, row in enumerate(table)]


def is_small(count: Any) -> bool:
    """Tell whether a count is too small to be told."""
    return count is not None and 0 < count < LEAST


def is_given_away(total: int, small: int, others: int) -> bool:
    """Tell whether a small count follows from the sum of hidden ones.

    :param total: the sum.
    :param small: how many of them are known to be small, at least one.
    :param others: how many are hidden besides: they are 0, or not small.
    """
    rest = range(small - 1, (LEAST - 1) * (small - 1) + 1)
    possible = [
        count
        for count in range(1, LEAST)
        if any(left == 0 or (others and left >= LEAST) for left in (total - count - each for each in rest))
    ]
    return len(possible) < 2


class _Hidden:
    """Which rows of an answer are hidden, by their place.

    :param counts: the places of the columns that count.
    """

    def __init__(self, table: Sequence[Row], counts: Sequence[int]) -> None:
        self._table, self._counts = table, counts
        names = [at for at in range(len(table[0]) if table else 0) if at not in counts and self._names(at)]
        self._totals = {n: _kept(row, names) for n, row in enumerate(table) if _is_total(row, names)}
        self._groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for number, row in enumerate(table):
            if number not in self._totals:
                self._groups[tuple(row[at] for at in names[:-1])].append(number)
        self._depth = len(names)
        self._hidden = {n for n, row in enumerate(table) if any(is_small(row[at]) for at in counts)}

    def rows(self) -> set[int]:
        before: set[int] = set()
        while before != self._hidden:
            before = set(self._hidden)
            for at in self._counts:
                for group in self._groups.values():
                    self._protect([[number] for number in group], at)
                self._protect(list(self._groups.values()), at)
        self._hidden |= {number for number in self._totals if self._gives_away(number)}
        return self._hidden

    def _names(self, at: int) -> bool:
        return not any(isinstance(row[at], _NUMBERS) for row in self._table)

    def _protect(self, units: Sequence[Sequence[int]], at: int) -> None:
        """Hide the smallest units of rows that are told until no small count follows from the sum of all."""
        if is_small(sum(self._sum(unit, at) for unit in units)):
            return
        while True:
            told: list[Sequence[int]] = []
            others: list[Sequence[int]] = []
            for unit in units:
                (told if self._sum_is_told(unit, at) else others).append(unit)
            rest = [number for unit in others for number in unit if number in self._hidden]
            small = sum(is_small(self._table[number][at]) for number in rest)
            if not small or not told or not is_given_away(self._sum(rest, at), small, len(rest) - small):
                return
            self._hidden |= set(min(told, key=lambda unit: (self._sum(unit, at) == 0, self._sum(unit, at))))

    def _sum_is_told(self, unit: Sequence[int], at: int) -> bool:
        return not (self._hidden.issuperset(unit) or is_small(self._sum(unit, at)))

    def _sum(self, numbers: Iterable[int], at: int) -> int:
        return sum(self._table[number][at] or 0 for number in numbers)

    def _gives_away(self, number: int) -> bool:
        """Tell whether a row that is a total (of a ROLLUP) is not to be told."""
        named = self._totals[number]
        below = [each for key, group in self._groups.items() if key[: len(named)] == named for each in group]
        if len(named) in {0, self._depth - 1}:
            return self._hidden.issuperset(below)
        return not self._hidden.isdisjoint(below)


def _is_total(row: Row, names: Sequence[int]) -> bool:
    return any(row[at] is None for at in names)


def _kept(row: Row, names: Sequence[int]) -> tuple[Any, ...]:
    """Return the names of a total: those before the first that is left open."""
    values = [row[at] for at in names]
    return tuple(values[: values.index(None)]) if None in values else tuple(values)


def _shared(row: Row, where: Sequence[int]) -> tuple[Any, ...]:
    small = {at for at in where if is_small(row[at])}
    hidden = (None if isinstance(value, _NUMBERS) else value for value in row)
    return tuple(FEW if at in small else value for at, value in enumerate(hidden))
