from __future__ import annotations

import pytest

from lambdas.history.page import BEGIN, END, QUESTIONS, markdown, written
from tests.structure.imports import ROOT

PAGE = ROOT / "docs/history.md"


def test_the_page_tells_the_tables_as_they_are() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page), f"run: python -m lambdas.history.page {PAGE.relative_to(ROOT)}"


def test_what_stands_around_the_tables_stays() -> None:
    page = written(f"before\n{QUESTIONS}\n{END}\nbetween\n{BEGIN}\nyesterday\n{END}\nafter\n")
    assert page.startswith("before\n")
    assert "\nbetween\n" in page
    assert page.endswith("\nafter\n")
    assert "yesterday" not in page


def test_a_page_without_a_place_for_the_tables_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks the line"):
        written("text")


def test_a_table_can_be_told_as_markdown() -> None:
    lines = list(markdown())
    assert "### `exams`" in lines
    assert any(line.startswith("| `exam` | text | key of the exam | ") for line in lines)
