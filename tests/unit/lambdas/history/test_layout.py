from __future__ import annotations

from datetime import date
from fnmatch import fnmatch

from lambdas.history.layout import all_of, day, month, part_of, whole
from lambdas.history.schema import EXAMS, SITES

DAY = date(2026, 3, 7)


def test_a_part_is_in_the_folder_of_its_period_and_site() -> None:
    path = part_of(EXAMS, month(DAY), "BERGEN", "export")
    assert path == "exams/period=2026-03/site=BERGEN/export.parquet"
    assert fnmatch(path, all_of(EXAMS))


def test_a_day_is_a_period_too() -> None:
    assert day(DAY) == "2026-03-07"


def test_a_dimension_is_one_file() -> None:
    assert whole(SITES) == all_of(SITES) == "sites/sites.parquet"
