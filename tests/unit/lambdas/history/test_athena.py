from __future__ import annotations

from typing import Any

import pytest
import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from lambdas.history.athena import TABLES, TYPES, written
from lambdas.history.questions import questions
from tests.rigs.cloudformation import load, resources
from tests.structure.imports import ROOT

SCHEMA: dict[str, Any] = {
    table.name: {column.name: TYPES[column.type] for column in table.columns} for table in TABLES
}
QUERIES = {
    each["Properties"]["Name"]: each["Properties"] for _, each in resources(load(), "AWS::Athena::NamedQuery")
}


def checked(sql: str) -> Any:
    """Return a query in the grammar of Trino, which Athena runs, with every column traced to a table."""
    return qualify(sqlglot.parse_one(sql, dialect="trino"), schema=SCHEMA, dialect="trino")


def test_the_template_has_the_tables_and_questions_as_they_are() -> None:
    template = (ROOT / "template.yaml").read_text("utf-8")
    assert written(template) == template


def test_a_template_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the line"):
        written("Resources:\n")


def test_each_question_is_a_named_query() -> None:
    assert QUERIES.keys() == questions().keys()


@pytest.mark.parametrize("name", QUERIES)
def test_a_named_query_names_only_tables_and_columns_that_there_are(name: str) -> None:
    assert checked(QUERIES[name]["QueryString"]).named_selects


@pytest.mark.parametrize("sql", ["SELECT nothing FROM current_exams", "SELECT status FROM nowhere"])
def test_the_check_of_named_queries_sees_what_is_not_there(sql: str) -> None:
    with pytest.raises(SqlglotError):
        checked(sql)


@pytest.mark.parametrize("name", QUERIES)
def test_a_named_query_is_in_the_workgroup_that_stops_what_reads_too_much(name: str) -> None:
    assert QUERIES[name]["WorkGroup"] == {"Ref": "HistoryWorkgroup"}
