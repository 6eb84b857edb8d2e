"""The named questions on Apache Spark: the rows that DuckDB gives, and only new files are read again."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lambdas.history import desk, spark
from lambdas.history.questions import questions
from shared.errors import Unavailable
from tests.rigs.generated_year import Year, generate
from tests.rigs.spark import ask_spark, needs_spark

SMALL = Year(sites=2, exams=400, minutes=7200, late=0.02)
DAYS = date(2026, 1, 2), date(2026, 11, 27)


def plain(rows: Any) -> list[list[str]]:
    return [["" if value is None else str(value) for value in row] for row in rows]


@needs_spark
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_spark_gives_the_rows_that_duckdb_gives(tmp_path: Path) -> None:
    generate(tmp_path / "year", SMALL)
    for name, _, rows in ask_spark(tmp_path / "year", [(name, "") for name in questions()], DAYS):
        expected = desk.ask(str(tmp_path / "year"), questions()[name].of_days(*DAYS)).rows
        assert (name, plain(rows)) == (name, plain(expected))


@needs_spark
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_kept_versions_only_new_files_are_read(tmp_path: Path) -> None:
    whole, grown, keep = tmp_path / "whole", tmp_path / "grown", str(tmp_path / "keep")
    generate(whole, SMALL)
    shutil.copytree(whole, grown, ignore=shutil.ignore_patterns("period=2026-0[6-9]", "period=2026-1*"))
    [(_, first, _), (_, again, early)] = ask_spark(grown, [("delays", keep), ("delays", keep)], DAYS)
    shutil.copytree(whole, grown, dirs_exist_ok=True)
    [(_, later, rows)] = ask_spark(grown, [("delays", keep)], DAYS)
    expected = desk.ask(str(whole), questions()["delays"].of_days(*DAYS)).rows
    assert (again, plain(rows)) == (0, plain(expected))
    assert early != rows
    assert first + later == len([*whole.glob("exams/*/*/*"), *whole.glob("steps/*/*/*")])


def test_without_java_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(Unavailable, match="no Java") as raised, spark.session():
        pass
    assert "openjdk-17" in (raised.value.hint or "")
