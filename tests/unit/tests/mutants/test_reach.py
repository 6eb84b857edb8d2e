"""The tests that run through a fault's statement are known, and come in the order of the area."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from coverage import CoverageData

from tests.mutants.reach import Reach, reach_of, statement_lines

SOURCE = """\
LIMIT = 5

class A:
    def run(self, given):
        if (
            given > LIMIT
            and given
        ):
            return max(
                given,
                0,
            )
        for each in range(given):
            print(each)
"""
FILE = PurePosixPath("lambdas/a.py")


@pytest.mark.parametrize(
    ("line", "lines"),
    [(1, [1]), (4, [4]), (5, [5, 6, 7, 8]), (7, [5, 6, 7, 8]), (10, [9, 10, 11, 12]), (13, [13]), (14, [14])],
)
def test_a_statement_is_all_its_lines_but_not_its_body(line: int, lines: list[int]) -> None:
    assert list(statement_lines(SOURCE, line)) == lines


def test_a_line_without_a_statement_is_itself() -> None:
    assert list(statement_lines(SOURCE, 2)) == [2]


def test_every_test_that_runs_through_some_line_of_the_statement_is_found_in_the_order_of_the_area() -> None:
    lines = {6: frozenset({"b/test_b.py::one"}), 7: frozenset({"a/test_a.py::two"}), 9: frozenset({"other"})}
    assert Reach({FILE: lines}).of(FILE, SOURCE, 5, ["b", "a"]) == ("b/test_b.py::one", "a/test_a.py::two")


def test_where_nothing_was_measured_no_test_is_named() -> None:
    assert Reach().of(FILE, SOURCE, 5, []) == ()


def test_what_a_run_left_behind_is_read_without_imports_and_other_peoples_files(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere.py"
    (root / FILE).parent.mkdir(parents=True)
    for file in (root / FILE, elsewhere):
        file.write_text(SOURCE, "utf-8")
    data = CoverageData(str(tmp_path / "data"))
    for context, line in [("", 1), ("test_a.py::one[x|y]|run", 5), ("test_a.py::one[x|y]|setup", 5)]:
        data.set_context(context)
        data.add_lines({str(root / FILE): [line], str(elsewhere): [line]})
    data.write()
    lines = {1: frozenset[str](), 5: frozenset({"test_a.py::one[x|y]"})}
    assert reach_of(tmp_path / "data", root) == Reach({FILE: lines})
