"""What may be shared of an answer, also against somebody who knows every total and can calculate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.history.small_cells import HIDDEN, LEAST, without_small_cells

COLUMNS = ("study", "exams", "missed", "median")
ENOUGH = ("t", 50, 50, 1.0), ("u", 60, 60, 1.0)


def shared(*row: object) -> tuple[object, ...]:
    told = without_small_cells(COLUMNS, [row, *ENOUGH], {"exams", "missed"})
    return next(each for each in told if each[0] == row[0])


@pytest.mark.parametrize("count", [1, 4])
def test_a_small_count_is_not_told(count: int) -> None:
    assert shared("s", count, 0, 7.5) == ("s", HIDDEN, HIDDEN, None)


def test_numbers_of_enough_people_are_told() -> None:
    assert shared("s", 5, 0, 7.5) == ("s", 5, 0, 7.5)


def test_one_small_count_hides_the_others_from_which_it_could_be_calculated() -> None:
    assert shared("s", 20, 3, 7.5) == ("s", HIDDEN, HIDDEN, None)


def test_a_count_that_is_not_known_is_not_small() -> None:
    assert shared("s", 9, None, 7.5) == ("s", 9, None, 7.5)


@pytest.mark.parametrize("number", [7, 7.5, Decimal("7.5"), True, timedelta(minutes=7)])
def test_whatever_kind_of_number_is_in_a_hidden_row_is_left_out(number: object) -> None:
    assert shared("s", 2, 0, number) == ("s", HIDDEN, HIDDEN, None)


def test_days_of_a_hidden_row_stay() -> None:
    day = date(2026, 11, 22)
    assert without_small_cells(("day", "exams"), [(day, 2)], {"exams"}) == [(day, HIDDEN)]


def by_study(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    columns = ("study", "protocol", "exams")[3 - len(rows[0]) :]
    return without_small_cells(columns, rows, {"exams"})


def test_a_single_small_count_is_hidden_with_the_next_smallest() -> None:
    assert by_study(("a", 20), ("b", 3), ("c", 8)) == [("a", 20), ("b", HIDDEN), ("c", HIDDEN)]


def test_small_counts_that_are_few_together_are_hidden_with_the_next_smallest() -> None:
    told = by_study(("a", 1), ("b", 1), ("c", 8), ("d", 9))
    assert told == [("d", 9), ("a", HIDDEN), ("b", HIDDEN), ("c", HIDDEN)]


def test_small_counts_that_are_enough_together_hide_nothing_else() -> None:
    assert by_study(("a", 3), ("b", 4), ("c", 8)) == [("c", 8), ("a", HIDDEN), ("b", HIDDEN)]


def test_the_next_smallest_is_of_the_same_study_where_the_study_can_be_known() -> None:
    rows = ("a", "p", 3), ("a", "q", 30), ("b", "p", 10), ("b", "q", 7)
    assert by_study(*rows) == [*rows[2:], ("a", "p", HIDDEN), ("a", "q", HIDDEN)]


def test_a_study_that_is_hidden_because_of_another_is_not_told_by_its_parts() -> None:
    rows = ("a", "p", 3), ("b", "p", 10), ("c", "p", 90)
    assert by_study(*rows) == [("c", "p", 90), ("a", "p", HIDDEN), ("b", "p", HIDDEN)]


def test_a_total_in_the_answer_is_told_where_it_gives_nothing_away() -> None:
    rows = ("a", 3), ("b", 8), ("c", 20), (None, 31)
    assert by_study(*rows) == [("c", 20), (None, 31), ("a", HIDDEN), ("b", HIDDEN)]


def test_a_small_total_in_the_answer_is_hidden_with_its_parts() -> None:
    rows = ("a", "p", 2), ("a", "q", 2), ("a", None, 4), ("b", "p", 6), ("c", "p", 90), (None, None, 100)
    told = by_study(*rows)
    assert {row[:2] for row in told if row[2] == HIDDEN} == {("a", "p"), ("a", "q"), ("a", None), ("b", "p")}


def test_the_place_of_a_row_does_not_tell_how_large_it_is() -> None:
    one = by_study(("x", 20), ("c", 8), ("b", 3))
    other = by_study(("x", 20), ("b", 8), ("c", 3))
    assert one == other


def test_numbers_that_say_what_a_row_is_of_stay() -> None:
    columns = ("weekday", "exams", "median")
    rows = [(1, 3, 2.0), (2, 8, 2.5)]
    told = without_small_cells(columns, rows, {"exams"}, groups=("weekday",))
    assert told == [(1, HIDDEN, None), (2, HIDDEN, None)]


def test_an_empty_answer_stays_empty() -> None:
    assert without_small_cells(COLUMNS, [], {"exams"}) == []


Table = dict[tuple[str, ...], tuple[int, int]]
NUMBERS = st.one_of(st.integers(0, 9), st.integers(0, 60))
TABLES: st.SearchStrategy[Table] = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("pqrs")), st.tuples(NUMBERS, NUMBERS), max_size=12
)


def told_by(table: Table, columns: int) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """Return what is shared of a table by its first columns."""
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for path, counts in table.items():
        for at, count in enumerate(counts):
            sums[path[:columns]][at] += count
    names = (*("study", "protocol")[:columns], "exams", "missed")
    rows = [(*path, *counts) for path, counts in sums.items()]
    return {
        row[:columns]: (row[columns], row[columns + 1])
        for row in without_small_cells(names, rows, {"exams", "missed"})
    }


def known_sums(table: Table) -> list[frozenset[tuple[str, ...]]]:
    """Return the sets of cells whose sum somebody knows who was given the answers by 0, 1 and 2 columns."""
    return [
        frozenset(cell for cell in table if cell[:columns] == path)
        for columns in range(3)
        for path, counts in told_by(table, columns).items()
        if HIDDEN not in counts
    ]


def can_be_calculated(wanted: frozenset[Any], known: Iterable[frozenset[Any]], cells: Sequence[Any]) -> bool:
    """Return whether the sum of some cells follows from known sums: it is a linear combination of them."""
    rows = [[Fraction(cell in each) for cell in cells] for each in known]
    goal = [Fraction(cell in wanted) for cell in cells]
    for column in range(len(cells)):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows = [_less(row, pivot, column) for row in rows if row is not pivot]
        goal = _less(goal, pivot, column)
    return not any(goal)


def _less(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    share = row[column] / pivot[column]
    return [mine - share * other for mine, other in zip(row, pivot, strict=True)]


@settings(max_examples=40)
@given(table=TABLES)
def test_no_hidden_count_can_be_calculated_from_all_that_is_shown(table: Table) -> None:
    known, cells = known_sums(table), list(table)
    for cell, counts in told_by(table, 2).items():
        if HIDDEN in counts:
            assert not can_be_calculated(frozenset({cell}), known, cells)


@settings(max_examples=40)
@given(table=TABLES)
def test_no_small_count_of_a_study_can_be_calculated_from_its_protocols(table: Table) -> None:
    known, cells = known_sums(table), list(table)
    for (study,), counts in told_by(table, 1).items():
        if HIDDEN in counts:
            own = frozenset(cell for cell in cells if cell[0] == study)
            assert not can_be_calculated(own, known, cells)


@settings(max_examples=40)
@given(table=TABLES)
def test_what_is_hidden_of_a_known_total_is_not_few_together(table: Table) -> None:
    hidden = {cell for cell, counts in told_by(table, 2).items() if HIDDEN in counts}
    for known in known_sums(table):
        rest = [table[cell] for cell in known & hidden]
        parts = [other for other in known_sums(table) if other < known]
        if rest and not any(part & hidden for part in parts):
            assert not any(0 < sum(column) < LEAST for column in zip(*rest, strict=True))


@settings(max_examples=40)
@given(table=TABLES)
def test_every_small_count_is_hidden_and_all_that_is_told_is_true(table: Table) -> None:
    for cell, counts in told_by(table, 2).items():
        small = any(0 < count < LEAST for count in table[cell])
        assert counts == ((HIDDEN, HIDDEN) if small or HIDDEN in counts else table[cell])
