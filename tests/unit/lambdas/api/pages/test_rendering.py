"""A row of Today is remembered as it was shown, and never shown to whom it was not made for."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.api.pages.rendering import exam_row
from lambdas.api.pages.views.day import Mark, Row

ROW = Row("001", "09:00", "Zoë Núñez", "P1, knee", "waiting", "booked", "", "in REDCap")


def marked(row: Row) -> Row:
    return row._replace(marks=(Mark("Arrived", "ARRIVED/001/7-abc", "Arrived: Zoë Núñez, 09:00"),))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"name": "Z. N."}, "Z. N."),
        ({"about": "hidden"}, "hidden"),
        ({"words": "on the scanner, 5 min", "kind": "running"}, "on the scanner, 5 min"),
        ({"is_next": True}, "Next"),
        ({"note": "seen by MR1 09:01"}, "seen by MR1 09:01"),
        ({"name": "<img src=x onerror=1>"}, "&lt;img src=x onerror=1&gt;"),
    ],
)
def test_another_row_is_shown_as_it_is_also_after_the_first(changes: dict[str, Any], shown: str) -> None:
    for _ in range(2):
        assert shown not in exam_row(ROW, may_write=False)
        assert shown in exam_row(ROW._replace(**changes), may_write=False)


def test_who_may_not_write_is_shown_no_button_whoever_looked_before() -> None:
    for _ in range(2):
        assert "<button" in exam_row(marked(ROW), may_write=True)
        assert "<button" not in exam_row(marked(ROW), may_write=False)


def test_a_button_says_which_version_was_looked_at() -> None:
    later = marked(ROW)._replace(marks=(Mark("Arrived", "ARRIVED/001/8-def", "Arrived"),))
    assert "ARRIVED/001/7-abc" in exam_row(marked(ROW), may_write=True)
    assert "ARRIVED/001/8-def" in exam_row(later, may_write=True)


def test_no_more_rows_are_remembered_than_a_few_days_have() -> None:
    for number in range(3000):
        exam_row(ROW._replace(item_id=str(number)), may_write=False)
    assert exam_row.cache_info().currsize == 2048
