from __future__ import annotations

import pytest

from lambdas.history.page import BEGIN, END, written
from tests.structure.imports import ROOT

PAGE = ROOT / "docs/history.md"


def test_the_page_tells_the_tables_as_they_are() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page), f"run: python -m lambdas.history.page {PAGE.relative_to(ROOT)}"


def test_what_stands_around_the_tables_stays() -> None:
    page = written(f"before\n{BEGIN}\nyesterday\n{END}\nafter\n")
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "yesterday" not in page


def test_a_page_without_a_place_for_the_tables_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks the line"):
        written("text")
