"""What is shared: small counts are hidden, and cannot be calculated from what is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.history.small_cells import FEW, is_given_away, without_small_cells

COLUMNS = ("study", "exams", "missed", "median")


def shared(*row: object) -> tuple[object, ...]:
    [told] = without_small_cells(COLUMNS, [row], {"exams", "missed"})
    return told


@pytest.mark.parametrize("count", [1, 4])
def test_a_small_count_is_only_said_to_be_small(count: int) -> None:
    assert shared("s", count, 0, 7.5) == ("s", FEW, None, None)


def test_numbers_of_enough_people_are_told() -> None:
    assert shared("s", 5, 0, 7.5) == ("s", 5, 0, 7.5)


def test_one_small_count_hides_the_others_from_which_it_could_be_calculated() -> None:
    assert shared("s", 20, 3, 7.5) == ("s", None, FEW, None)


def test_a_count_that_is_not_known_is_not_small() -> None:
    assert shared("s", 9, None, 7.5) == ("s", 9, None, 7.5)


@pytest.mark.parametrize("number", [7, 7.5, Decimal("7.5"), True, timedelta(minutes=7)])
def test_whatever_kind_of_number_is_in_the_row_of_a_small_count_is_hidden(number: object) -> None:
    assert shared("s", 2, 0, number) == ("s", FEW, None, None)


def test_names_and_days_of_a_hidden_row_stay() -> None:
    day = date(2026, 11, 22)
    assert without_small_cells(("day", "exams"), [(day, 2), (day, 0)], {"exams"}) == [(day, FEW), (day, 0)]


def told(*counts: int) -> list[Any]:
    rows = [(f"s{number}", count) for number, count in enumerate(counts)]
    return [row[1] for row in without_small_cells(("study", "exams"), rows, {"exams"})]


def test_the_next_smallest_is_hidden_too_so_that_a_total_gives_nothing_away() -> None:
    assert told(30, 2, 9, 50) == [30, FEW, None, 50]


def test_two_small_counts_hide_each_other() -> None:
    assert told(30, 2, 3, 50) == [30, FEW, FEW, 50]


def test_two_counts_of_one_would_follow_from_their_sum() -> None:
    assert told(30, 1, 1, 50) == [None, FEW, FEW, 50]


def test_a_count_of_nothing_hides_nobody() -> None:
    assert told(30, 2, 0) == [None, FEW, 0]


def test_where_nothing_is_small_all_is_told() -> None:
    assert told(30, 0, 5) == [30, 0, 5]


COLUMNS_OF_DAYS = ("study", "day", "exams")


def days(*rows: tuple[str | None, str | None, int]) -> list[Any]:
    return [row[2] for row in without_small_cells(COLUMNS_OF_DAYS, rows, {"exams"})]


def test_a_study_is_protected_by_its_own_rows() -> None:
    assert days(("a", "mo", 3), ("a", "tu", 20), ("a", "we", 30), ("b", "mo", 7)) == [FEW, None, 30, 7]


def test_a_study_of_one_small_row_is_protected_by_the_whole_of_another() -> None:
    assert days(("a", "mo", 3), ("b", "mo", 7), ("c", "mo", 20), ("c", "tu", 9)) == [FEW, None, 20, 9]


def test_a_total_in_the_answer_is_hidden_with_the_last_of_its_rows() -> None:
    rows = [
        ("a", "mo", 1),
        ("a", "tu", 5),
        ("a", None, 6),
        ("b", "mo", 30),
        ("b", None, 30),
        (None, None, 36),
    ]
    assert days(*rows) == [FEW, None, None, None, None, None]


def test_a_total_that_gives_nothing_away_is_told() -> None:
    rows = [("a", "mo", 3), ("a", "tu", 6), ("a", "we", 9), ("a", None, 18), (None, None, 18)]
    assert days(*rows) == [FEW, None, 9, 18, 18]


def feasible(total: int, small: int, others: int) -> set[int]:
    """Return what one of the small counts may be, tried out."""
    wide = [0, *range(5, total + 1)]
    return {each[0] for each in product(*[range(1, 5)] * small, *[wide] * others) if sum(each) == total}


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3), st.lists(st.sampled_from([0, 5, 6, 9]), max_size=2)
)
def test_a_sum_gives_away_what_only_one_number_fits(small: list[int], others: list[int]) -> None:
    total = sum(small) + sum(others)
    expected = len(feasible(total, len(small), len(others))) < 2
    assert is_given_away(total, len(small), len(others)) == expected


Table = Mapping[tuple[str, str], tuple[int, int]]
TABLES = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")),
    st.tuples(*[st.sampled_from([0, 1, 2, 4, 5, 6, 7, 12])] * 2),
    max_size=6,
)


@settings(max_examples=60)
@given(TABLES)
def test_no_hidden_count_can_be_calculated_from_what_is_told_and_the_totals(table: Table) -> None:
    names = ("study", "day", "exams", "missed")
    rows = [(*key, *counts) for key, counts in table.items()]
    answer = without_small_cells(names, rows, {"exams", "missed"})
    for at in (2, 3):
        for hidden in sums_that_are_known(rows, answer, at):
            small = [row[at] for row, seen in hidden if seen[at] == FEW]
            if small:
                total = sum(row[at] for row, _ in hidden)
                assert len(feasible(total, len(small), len(hidden) - len(small))) >= 2


Pair = tuple[tuple[Any, ...], tuple[Any, ...]]


def sums_that_are_known(rows: Iterable[Any], answer: Iterable[Any], at: int) -> list[list[Pair]]:
    """Return the hidden rows of each study whose total may be told, and those of all other studies.

    Their sums follow from the totals.
    """
    studies: dict[str, list[Pair]] = defaultdict(list)
    for row, seen in zip(rows, answer, strict=True):
        studies[row[0]].append((row, seen))
    known, rest = [], []
    for pairs in studies.values():
        hidden = [pair for pair in pairs if pair[1][at] in {None, FEW}]
        is_told = len(hidden) < len(pairs) and not 0 < sum(row[at] for row, _ in pairs) < 5
        if is_told:
            known.append(hidden)
        else:
            rest += hidden
    every = [pair for pairs in studies.values() for pair in pairs]
    all_hidden = all(seen[at] in {None, FEW} for _, seen in every)
    total_is_told = not all_hidden and not 0 < sum(row[at] for row, _ in every) < 5
    return [*known, rest] if total_is_told else known


@given(TABLES)
def test_what_is_told_is_true(table: Table) -> None:
    rows = [(*key, *counts) for key, counts in table.items()]
    answer = without_small_cells(("study", "day", "exams", "missed"), rows, {"exams", "missed"})
    for row, seen in zip(rows, answer, strict=True):
        assert all(cell in {FEW, None, true} for cell, true in zip(seen, row, strict=True))
        assert not {cell for cell in seen[2:]} & {1, 2, 3, 4}
