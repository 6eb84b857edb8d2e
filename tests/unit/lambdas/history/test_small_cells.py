from __future__ import annotations

import pytest

from lambdas.history.small_cells import FEW, without_small_cells

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
