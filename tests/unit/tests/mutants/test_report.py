"""The table of docs/testing.md counts by area, and names what was not killed."""

from __future__ import annotations

import pytest

from tests.mutants.fault import Fault
from tests.mutants.report import BEGIN, END, Result, replaced, table
from tests.structure.imports import ROOT

RESULTS = [
    Result("feed", Fault("a", "b", "a change is lost"), "a.py:1", "killed", "test_a"),
    Result("feed", Fault("a", "c", "a change is late"), "a.py:2", "survived", ""),
    Result("fuse", Fault("a", "d", "five may not go"), "b.py:3", "killed", "test_b"),
]


def test_every_area_is_counted_and_all_together() -> None:
    lines = table(RESULTS, "2026-11-27").splitlines()
    assert lines[0] == "Run on 2026-11-27."
    assert {"| feed | 2 | 1 | 1 |", "| fuse | 1 | 1 | 0 |", "| **all** | 3 | 2 | 1 |"} <= set(lines)


def test_what_was_not_killed_is_named_with_its_harm() -> None:
    assert "- feed, a.py:2: a change is late" in table(RESULTS, "")
    assert "Not killed" not in table(RESULTS[::2], "")


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(replaced(page, "new"), "newer") == replaced(page, "newer")


def test_a_page_without_the_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        replaced("no marks", "new")


def test_the_page_has_the_marks() -> None:
    replaced((ROOT / "docs" / "testing.md").read_text("utf-8"), "")
