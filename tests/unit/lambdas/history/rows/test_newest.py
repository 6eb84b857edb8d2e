from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.history.rows.newest import in_order, newest
from lambdas.history.schema import CURRENT_EXAMS, EXAMS


def row(exam: str, version: int, site: str = "north") -> dict[str, Any]:
    return {"site": site, "exam": exam, "version": version}


VERSIONS = [row("e", 1), row("e", 2), row("f", 1), row("e", 1, "south"), row("f", 3), row("f", 2)]


@given(st.permutations([*VERSIONS, *VERSIONS]))
def test_of_each_exam_of_a_site_the_newest_version_is_left(rows: list[dict[str, Any]]) -> None:
    left = sorted(newest(rows, EXAMS), key=lambda each: (each["site"], each["exam"]))
    assert left == [row("e", 2), row("f", 3), row("e", 1, "south")]


NINE = datetime(2026, 11, 22, 9)
PLANNED = [
    {"site": "north", "exam": exam, "scanner": scanner, "planned_at": at}
    for scanner, at, exam in [
        ("MR1", None, "e"),
        ("MR1", NINE, "b"),
        ("MR1", NINE, "d"),
        ("MR1", NINE + timedelta(hours=1), "a"),
        ("MR2", NINE, "c"),
    ]
]


@given(st.permutations(PLANNED))
def test_a_file_has_them_by_scanner_and_time(rows: list[dict[str, Any]]) -> None:
    assert in_order(rows, CURRENT_EXAMS) == PLANNED
