"""SQL over the files of the history, by DuckDB, in this process: in a folder, or in a bucket (``s3://...``)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import duckdb
import pyarrow.dataset as ds
from pyarrow import fs

from lambdas.history.layout import all_of
from lambdas.history.parquet import arrow_schema, arrow_table
from lambdas.history.questions import Engine, newest, views
from lambdas.history.schema import CURRENT, TABLES
from lambdas.history.table import Table
from shared.errors import NotFound, Rejected, Unavailable

_S3: Final = "s3://"
_ALONE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""DuckDB downloads nothing: what it can do by itself is enough."""


class Answer(NamedTuple):
    """What a question gave: the names of the columns, and the rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def ask(place: str, sql: str, **parameters: Any) -> Answer:
    """Return what a question gives; it may only read.

    :param place: the folder of an export or copy, or ``s3://bucket/prefix``.
    :param parameters: values for ``$name`` in the question.
    :raises NotFound: there is no history at this place.
    :raises Rejected: DuckDB does not understand the question; the message says where.
    """
    with opened(place, sql) as connection:
        try:
            found = connection.execute(sql, parameters or None)
            columns = tuple(str(column[0]) for column in found.description or ())
            return Answer(columns, found.fetchall())
        except duckdb.Error as error:
            raise Rejected(f"DuckDB says: {error}", where="question") from None


@contextmanager
def opened(place: str, sql: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection that has the tables that some SQL names; one without files is empty.

    The others' files are left alone: a year of a hundred sites has ten thousand, and each takes time to open.

    :raises NotFound, Unavailable: as `ask`.
    """
    with closing(duckdb.connect(":memory:", config=_ALONE)) as connection:
        files = _Bucket(place) if place.startswith(_S3) else _Folder(place)
        there = {table.name for table in TABLES.values() if files.has(table)}
        if not there:
            raise NotFound("there is no history here", where=place, hint="mwl-cloud history export makes one")
        words = {word.lower() for word in re.findall(r"\w+", sql)}
        asked = {name: view for name, view in views(Engine.DUCKDB).items() if name in words}
        words |= {word for view in asked.values() for word in re.findall(r"\w+", view)}
        words |= {every.name for now, every in CURRENT.items() if now.name in words - there}
        for table in TABLES.values():
            if table.name in words:
                files.add(connection, table) if table.name in there else _add(connection, table, there)
        for name, view in asked.items():
            connection.execute(f"CREATE VIEW {name} AS {view}")
        yield connection


def _add(connection: duckdb.DuckDBPyConnection, table: Table, there: Collection[str]) -> None:
    """Give a table that has no files: the newest versions among all, or nothing."""
    every = CURRENT.get(table)
    if every is None or every.name not in there:
        connection.register(table.name, arrow_table(table, ()))
        return
    connection.execute(f"CREATE VIEW {table.name} AS SELECT * EXCLUDE (place) FROM ({newest(table)})")  # noqa: S608


class _Folder:
    """The files of a folder."""

    def __init__(self, place: str) -> None:
        self._folder = Path(place)

    def has(self, table: Table) -> bool:
        return next(self._folder.glob(all_of(table)), None) is not None

    def add(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        files = str(self._folder / all_of(table)).replace("'", "''")
        options = "union_by_name=true"
        if table.parts:
            options += ", hive_partitioning=true, hive_types={'period': VARCHAR, 'site': VARCHAR}"
        connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{files}', {options})")  # noqa: S608


class _Bucket:
    """The files of a bucket, by pyarrow, which has a client for it: DuckDB would download one."""

    def __init__(self, place: str) -> None:
        self._place, self._files = place, fs.S3FileSystem(**_endpoint())

    def has(self, table: Table) -> bool:
        try:
            return bool(self._files.get_file_info(self._base(table)).type is not fs.FileType.NotFound)
        except OSError as error:
            raise Unavailable(f"cannot be read: {error}", where=self._place) from None

    def add(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        try:
            connection.register(table.name, _dataset(table, self._base(table), self._files))
        except OSError as error:
            raise Unavailable(f"cannot be read: {error}", where=self._place) from None

    def _base(self, table: Table) -> str:
        return f"{self._place.removeprefix(_S3).rstrip('/')}/{table.name}"


def _dataset(table: Table, base: str, files: Any) -> Any:
    return ds.dataset(base, filesystem=files, format="parquet", schema=arrow_schema(table))


def _endpoint() -> dict[str, str]:
    """Return where S3 is, if the environment says that it is not AWS."""
    address = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    named = {"region": region} if region else {}
    return named | ({"endpoint_override": address.netloc, "scheme": address.scheme} if address.netloc else {})
