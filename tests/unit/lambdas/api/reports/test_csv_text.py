"""A report in a spreadsheet: every figure, and no formula."""

from __future__ import annotations

import csv
import io

from lambdas.api.reports.csv_text import COLUMNS, as_csv
from lambdas.api.reports.figures import Figures
from lambdas.api.reports.groups import Line, Report


def cells(*groups: str) -> list[list[str]]:
    lines = tuple(Line(group=each, figures=Figures(bookings=2, start_delay_p50=-3)) for each in groups)
    return list(csv.reader(io.StringIO(as_csv(Report(lines=lines, total=Figures(bookings=4))))))


def test_each_group_has_a_line_and_the_total_is_last() -> None:
    found = cells("MR1", "MR2")
    assert found[0] == ["group", *COLUMNS]
    assert [row[:2] for row in found[1:]] == [["MR1", "2"], ["MR2", "2"], ["total", "4"]]


def test_what_is_not_known_is_empty_and_not_zero() -> None:
    head, line, total = cells("MR1")
    place = head.index("start_delay_p50")
    assert (line[place], total[place]) == ("-3", "")


def test_a_group_that_looks_like_a_formula_is_text() -> None:
    assert cells("=1+1")[1][0] == "'=1+1"
