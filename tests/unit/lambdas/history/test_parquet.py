from __future__ import annotations

from datetime import date, datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lambdas.history.parquet import arrow_schema, read, written
from lambdas.history.schema import CALENDAR, EXAMS, TABLES
from lambdas.history.table import Table
from shared.errors import Rejected

VALUES: dict[str, Any] = {
    "text": "Ærø ⚕",
    "int": 2**40,
    "float": 0.1,
    "bool": True,
    "date": date(2026, 2, 28),
    "timestamp": datetime(2026, 3, 29, 2, 30, 0, 123456),
}


def full(table: Table) -> dict[str, Any]:
    return {column.name: VALUES[column.type] for column in table.columns}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_rows_come_back_as_they_were(table: Table) -> None:
    empty = dict.fromkeys(table.names())
    assert read(table, written(table, [full(table), {}])) == [full(table), empty]


def test_the_same_rows_make_the_same_bytes() -> None:
    assert written(EXAMS, [full(EXAMS)]) == written(EXAMS, [full(EXAMS)])


def test_a_column_that_an_older_file_lacks_is_null() -> None:
    older = CALENDAR._replace(columns=CALENDAR.columns[:2])
    [row] = read(CALENDAR, written(older, [full(older)]))
    assert row == full(older) | dict.fromkeys(CALENDAR.names()[2:])


def test_a_file_of_a_newer_version_is_refused() -> None:
    schema = arrow_schema(CALENDAR).with_metadata({b"mwl_history_schema": b"999"})
    file = BytesIO()
    pq.write_table(pa.Table.from_pylist([], schema=schema), file)
    with pytest.raises(Rejected, match="version 999"):
        read(CALENDAR, file.getvalue())
