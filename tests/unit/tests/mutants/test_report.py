"""The table of docs/testing.md counts by area, keeps earlier runs, and names what was not killed."""

from __future__ import annotations

from typing import Final

import pytest

from tests.mutants.fault import area
from tests.mutants.report import BEGIN, END, Result, Row, replaced, row_of, rows_of, table
from tests.structure.imports import ROOT

FEED = area("feed", (), ("a", "b", "a change is lost"), ("a", "c", "a change is late"))
FUSE = area("fuse", (), ("a", "d", "five may not go"))
DAY: Final = "2026-11-27"
FEED_ROW = Row("feed", 2, 1, ("a.py:2: a change is late",), DAY)
RESULTS = [
    Result("feed", FEED.faults[0], "a.py:1", "killed", "test_a"),
    Result("feed", FEED.faults[1], "a.py:2", "survived", ""),
    Result("fuse", FUSE.faults[0], "b.py:3", "killed", "test_b"),
]


def page_with(rows: dict[str, Row]) -> str:
    return replaced(f"before\n{BEGIN}\n{END}\nafter\n", table(rows, (FEED, FUSE)))


def test_a_run_is_counted_by_area() -> None:
    assert row_of("feed", RESULTS, DAY) == FEED_ROW
    assert row_of("fuse", RESULTS, DAY) == Row("fuse", 1, 1, (), DAY)


def test_a_fault_that_could_not_be_planted_was_not_killed() -> None:
    gone = Result("fuse", FUSE.faults[0], "", "broken", "its text occurs 0 times")
    assert row_of("fuse", [gone], DAY).killed == 0


def test_every_area_is_shown_and_all_together() -> None:
    lines = table({"feed": FEED_ROW, "fuse": Row("fuse", 1, 1, (), DAY)}, (FEED, FUSE)).splitlines()
    wanted = {
        f"| feed | 2 | 2 | 1 | 1 | {DAY} |",
        f"| fuse | 1 | 1 | 1 | 0 | {DAY} |",
        "| **all** | 3 | 3 | 2 | 1 | |",
    }
    assert wanted <= set(lines)


def test_an_area_that_nobody_ran_says_so() -> None:
    assert "| fuse | 1 | not run | | | |" in table({"feed": FEED_ROW}, (FEED, FUSE))


def test_faults_that_came_since_the_run_show() -> None:
    assert f"| feed | 2 | 1 | 1 | 0 | {DAY} |" in table({"feed": Row("feed", 1, 1, (), DAY)}, (FEED,))


def test_what_was_not_killed_is_named_with_its_harm() -> None:
    assert "- feed, a.py:2: a change is late" in table({"feed": FEED_ROW}, (FEED,))
    assert "Not killed" not in table({"fuse": Row("fuse", 1, 1, (), DAY)}, (FUSE,))


def test_what_the_page_says_of_earlier_runs_is_read_back() -> None:
    rows = {"feed": FEED_ROW, "fuse": Row("fuse", 1, 1, (), "2026-11-28")}
    assert rows_of(page_with(rows)) == rows
    assert rows_of(page_with({})) == {}


def test_an_area_that_is_no_more_leaves_the_table() -> None:
    assert "feed" not in table({"feed": FEED_ROW}, (FUSE,))


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(replaced(page, "new"), "newer") == replaced(page, "newer")


def test_a_page_without_the_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        replaced("no marks", "new")


def test_the_page_has_the_marks() -> None:
    replaced((ROOT / "docs" / "testing.md").read_text("utf-8"), "")
