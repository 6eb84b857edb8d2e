from __future__ import annotations

from pathlib import Path

import pytest

from lambdas.history.desk import ask
from lambdas.history.layout import part_of, whole
from lambdas.history.parquet import written
from lambdas.history.schema import EXAMS, TABLES
from lambdas.history.table import Table
from shared.errors import NotFound, Rejected


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for table in TABLES.values():
        name = part_of(table, "2026-11", "north", "export") if table.parts else whole(table)
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(written(table, [{}]))
    return str(tmp_path)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_no_column_is_called_like_a_word_of_sql(folder: str, table: Table) -> None:
    answer = ask(folder, f"SELECT {', '.join(table.names())} FROM {table.name}")
    assert answer.columns == table.names()


def test_a_table_without_files_is_empty(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/sites.parquet").write_bytes(written(TABLES["sites"], [{}]))
    assert ask(str(tmp_path), "SELECT (SELECT count(*) FROM sites), count(*) FROM exams").rows == [(1, 0)]


def test_the_newest_versions_are_known_also_where_no_file_tells_them(tmp_path: Path) -> None:
    file = tmp_path / part_of(EXAMS, "2026-11-22", "north", "day")
    file.parent.mkdir(parents=True)
    versions = [{"site": "north", "exam": exam, "version": n} for exam, n in (("e", 1), ("e", 2), ("f", 1))]
    file.write_bytes(written(EXAMS, versions))
    found = ask(str(tmp_path), "SELECT exam, version FROM current_exams ORDER BY exam").rows
    assert found == [("e", 2), ("f", 1)]


def test_a_part_says_its_period_and_site(folder: str) -> None:
    assert ask(folder, "SELECT period, site FROM exams").rows == [("2026-11", "north")]


def test_an_older_file_lacks_columns(folder: str) -> None:
    older = EXAMS._replace(columns=EXAMS.columns[:4])
    file = Path(folder) / part_of(EXAMS, "2026-10", "north", "export")
    file.parent.mkdir(parents=True)
    file.write_bytes(written(older, [{"exam": "e"}]))
    assert ask(folder, "SELECT exam, status FROM exams WHERE period = '2026-10'").rows == [("e", None)]


def test_a_value_can_be_given_beside_the_question(folder: str) -> None:
    assert ask(folder, "SELECT $word || '!'", word="it's").rows == [("it's!",)]


def test_what_duckdb_cannot_answer_is_refused(folder: str) -> None:
    with pytest.raises(Rejected, match="DuckDB says: Parser Error"):
        ask(folder, "SELEKT 1")


def test_a_folder_without_a_history_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ask(str(tmp_path), "SELECT 1")
