from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.history.rows.newest import newest
from lambdas.history.schema import EXAMS


def row(exam: str, version: int, site: str = "north") -> dict[str, Any]:
    return {"site": site, "exam": exam, "version": version}


VERSIONS = [row("e", 1), row("e", 2), row("f", 1), row("e", 1, "south"), row("f", 3), row("f", 2)]


@given(st.permutations([*VERSIONS, *VERSIONS]))
def test_of_each_exam_of_a_site_the_newest_version_is_left(rows: list[dict[str, Any]]) -> None:
    left = sorted(newest(rows, EXAMS), key=lambda each: (each["site"], each["exam"]))
    assert left == [row("e", 2), row("f", 3), row("e", 1, "south")]
