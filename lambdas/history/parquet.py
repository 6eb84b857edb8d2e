"""Rows as Parquet files, and back. The only module that knows pyarrow, which the extra ``history`` brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lambdas.history.schema import SCHEMA_VERSION
from lambdas.history.table import Table
from shared.errors import Rejected

Row = Mapping[str, Any]
"""A row by column; a column that is not there is null."""

_TYPES: Final[Mapping[str, Any]] = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),  # no zone: DuckDB, Athena and Spark then read the same
}
_VERSION: Final = b"mwl_history_schema"


def arrow_schema(table: Table) -> Any:
    """Return a table's columns as pyarrow knows them, with the version of the schema."""
    fields = [pa.field(column.name, _TYPES[column.type]) for column in table.columns]
    return pa.schema(fields, metadata={_VERSION: str(SCHEMA_VERSION).encode()})


def arrow_table(table: Table, rows: Iterable[Row]) -> Any:
    """Return rows in memory, as pyarrow and DuckDB take them."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(table))


def written(table: Table, rows: Iterable[Row]) -> bytes:
    """Return a Parquet file. The same rows make the same bytes."""
    file = BytesIO()
    pq.write_table(arrow_table(table, rows), file, compression="zstd")
    return file.getvalue()


def read(table: Table, content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file; a column that it does not have yet is null.

    :raises Rejected: a newer version of the schema wrote it.
    """
    found = pq.read_table(BytesIO(content))
    version = int((found.schema.metadata or {}).get(_VERSION, b"0"))
    if version > SCHEMA_VERSION:
        raise Rejected(
            f"was written with version {version} of the schema, and this is version {SCHEMA_VERSION}",
            where=table.name,
            hint="install a newer mwl-relay",
        )
    there = set(found.schema.names)
    rows: list[dict[str, Any]] = found.to_pylist()
    return [{name: row[name] if name in there else None for name in table.names()} for row in rows]
