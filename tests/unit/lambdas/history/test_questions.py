from __future__ import annotations

import re
from datetime import date

import pytest
import sqlglot

from lambdas.history.questions import Engine, question, questions, views
from lambdas.history.schema import TABLES
from shared.errors import NotFound

ASKED = {
    "no_shows",
    "delays",
    "scanner_hours",
    "elsewhere",
    "without_booking",
    "saved_to_visible",
    "missing",
    "discontinued",
    "silent_relays",
    "redcap_told",
}
DIALECTS = {Engine.DUCKDB: "duckdb", Engine.ATHENA: "trino", Engine.SPARK: "spark"}


def test_every_question_that_people_have_is_there() -> None:
    assert questions().keys() >= ASKED


@pytest.mark.parametrize("name", questions())
def test_a_question_says_in_words_what_it_asks(name: str) -> None:
    assert re.search(r"\?", questions()[name].asks)


@pytest.mark.parametrize("name", questions())
def test_a_question_is_about_the_days_that_are_asked_for(name: str) -> None:
    sql = questions()[name].of_days(date(2026, 1, 1), date(2026, 6, 30))
    assert "DATE '2026-01-01'" in sql
    assert "DATE '2026-06-30'" in sql
    assert not re.search(r":\w", sql)


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("name", questions())
def test_each_engine_can_read_a_question_that_stands_alone(name: str, engine: Engine) -> None:
    read = sqlglot.parse(questions()[name].alone(engine), dialect=DIALECTS[engine])
    [statement] = read
    assert statement is not None
    tables = {table.name for table in statement.find_all(sqlglot.exp.Table)}
    made = {each.alias for each in statement.find_all(sqlglot.exp.CTE)}
    assert tables - made <= TABLES.keys()


def test_a_view_reads_the_table_of_the_newest_versions_also_where_a_question_stands_alone() -> None:
    assert views(Engine.DUCKDB)["exams_now"].endswith("FROM current_exams")
    assert "FROM current_steps\n)" in questions()["redcap_told"].alone(Engine.ATHENA)


def test_a_question_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(NotFound, match="no such question") as raised:
        question("who")
    assert "no_shows" in (raised.value.hint or "")


@pytest.mark.parametrize("name", questions())
def test_a_question_tells_the_columns_that_say_what_a_row_is_of(name: str) -> None:
    [statement] = sqlglot.parse(questions()[name].of_days(), dialect="duckdb")
    assert isinstance(statement, sqlglot.exp.Select)
    selected = statement.named_selects
    groups = questions()[name].groups
    assert tuple(selected[: len(groups)]) == groups
