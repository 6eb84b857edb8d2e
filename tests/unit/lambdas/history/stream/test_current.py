from __future__ import annotations

from datetime import date, datetime
from typing import Any

from lambdas.history.parquet import written
from lambdas.history.schema import CURRENT, CURRENT_EXAMS, CURRENT_STEPS, EXAMS
from lambdas.history.stream.current import CurrentFiles, sites_in, stored
from tests.rigs.history import MemoryFiles


def exam(key: str, version: int, day: int, **more: Any) -> dict[str, Any]:
    at = datetime(2026, 11, day)
    own = {"site": "north", "exam": key, "version": version, "known_at": at, "day": date(2026, 11, day)}
    return {**own, "study": "study", "scanner": "MR1", "protocol": "T1", "modality": "MR", **more}


def write(files: MemoryFiles, *rows: dict[str, Any], hidden: frozenset[str] = frozenset()) -> None:
    CurrentFiles(files, "north", hidden).write(
        {CURRENT_EXAMS: list(rows), CURRENT_STEPS: []}, made_of="m", relays=2
    )


def versions(files: MemoryFiles) -> list[tuple[str, int, str]]:
    return [(row["exam"], row["version"], row["scanner"]) for row in files.rows(CURRENT_EXAMS)]


def test_the_newest_version_of_each_exam_is_written() -> None:
    files = MemoryFiles()
    write(files, exam("b", 2, 2), exam("b", 1, 1), exam("a", 1, 1))
    assert versions(files) == [("a", 1, "MR1"), ("b", 2, "MR1")]


def test_of_one_version_what_came_since_is_taken() -> None:
    files = MemoryFiles()
    write(files, exam("a", 1, 1), exam("a", 1, 1, scanner="MR2"))
    assert versions(files) == [("a", 1, "MR2")]


def test_a_hidden_study_is_left_out_and_a_file_without_rows_is_none() -> None:
    files = MemoryFiles()
    write(files, exam("a", 1, 1))
    write(files, exam("a", 1, 1), hidden=frozenset({"study"}))
    assert files.rows(CURRENT_EXAMS) == []
    assert files.names("current_exams/") == []
    assert stored(files, "north").counts == {"scanners": [], "protocols": []}


def test_what_became_known_on_a_day_or_later_is_not_taken_over() -> None:
    files = MemoryFiles()
    write(files, exam("a", 1, 1), exam("b", 1, 2), exam("c", 1, 3))
    kept = CurrentFiles(files, "north", ()).rows_before("2026-11-02")
    assert [row["exam"] for row in kept[CURRENT_EXAMS]] == ["a"]


def test_the_newest_among_files_of_days_are_found() -> None:
    files = MemoryFiles()
    for day, rows in (("1", [exam("a", 1, 1)]), ("2", [exam("a", 2, 2)])):
        files.write(f"exams/{day}", written(EXAMS, rows))
    found = CurrentFiles(files, "north", ()).rows_in(files.names("exams/"))
    assert [(row["exam"], row["version"]) for row in found[CURRENT_EXAMS]] == [("a", 2)]
    assert found.keys() == CURRENT.keys()


def test_what_they_are_made_of_is_told() -> None:
    files = MemoryFiles()
    assert CurrentFiles(files, "north", ()).made_of() == ""
    write(files, exam("a", 1, 1))
    assert (sites_in(files), stored(files, "north").made_of, stored(files, "north").relays) == (
        ["north"],
        "m",
        2,
    )
