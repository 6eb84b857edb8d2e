"""The named questions on a small generated year: DuckDB and Spark give what plain Python gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lambdas.history import desk
from lambdas.history.questions import questions
from tests.rigs.generated_year import Year, generate
from tests.rigs.history_oracle import Oracle

SMALL = Year(sites=2, exams=400, minutes=7200, late=0.02)
DAYS = date(2026, 1, 2), date(2026, 11, 27)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    generate(folder, SMALL)
    return folder


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: tuple(map(str, row)))


@pytest.mark.parametrize("name", questions())
def test_duckdb_answers_as_plain_python_does(year: Path, name: str) -> None:
    rows = desk.ask(str(year), questions()[name].of_days(*DAYS)).rows
    assert plain(rows) == Oracle(year, *DAYS).answer(name)
    assert rows
