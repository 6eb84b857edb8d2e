"""Writes what Athena reads into template.yaml anew: ``python -m lambdas.history.athena template.yaml``.

A table of AWS Glue for each table that a bucket has, and a named query for each question. A named query has
no parameters: it is about all days, and who wants others puts them in place of the two dates.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lambdas.history.layout import ALWAYS
from lambdas.history.questions import Engine, Question, questions
from lambdas.history.schema import CURRENT, DIMENSIONS, FACTS
from lambdas.history.table import Table

BEGIN: Final = "  # made by python -m lambdas.history.athena template.yaml"
END: Final = "  # end of what it made"
TABLES: Final = (*FACTS, *CURRENT, *DIMENSIONS)
"""The tables of a bucket."""
TYPES: Final = {
    "text": "string",
    "int": "bigint",
    "float": "double",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
_TABLE: Final = """\
  History{id}Table:
    Type: AWS::Glue::Table
    Condition: HasHistory
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref HistoryDatabase
      TableInput:
        Name: {name}
        TableType: EXTERNAL_TABLE
{partitions}\
        StorageDescriptor:
          Location: !Sub s3://${{HistoryBucket}}/{name}/
          InputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat
          OutputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat
          SerdeInfo: {{SerializationLibrary: org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe}}
          Columns:
{columns}
"""
_PARTITIONS: Final = """\
        Parameters:
          projection.enabled: "true"
{period}
          storage.location.template: !Sub s3://${{HistoryBucket}}/{name}/period=${{!period}}
        PartitionKeys: [{{Name: period, Type: string}}]
"""
_DAYS: Final = """\
          projection.period.type: date
          projection.period.format: yyyy-MM-dd
          projection.period.range: 2020-01-01,NOW+1DAY"""
_NOW: Final = f"""\
          projection.period.type: enum
          projection.period.values: {ALWAYS}"""
_QUERY: Final = """\
  History{id}Query:
    Type: AWS::Athena::NamedQuery
    Condition: HasHistory
    Properties:
      Name: {name}
      Description: "{asks}"
      Database: !Ref HistoryDatabase
      WorkGroup: !Ref HistoryWorkgroup
      QueryString: |
{text}
"""


def written(template: str) -> str:
    """Return the template with tables and named queries as they are now.

    :raises ValueError: it lacks the line after which they stand, or the one before which they end.
    """
    before, begin, rest = template.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not (begin and end):
        raise ValueError(f"the template lacks the line {BEGIN.strip()} or {END.strip()}")
    return before + begin + "\n".join(_resources()) + "\n" + end + after


def _resources() -> Iterator[str]:
    yield from map(_table, TABLES)
    yield from map(_query, questions().values())


def _table(table: Table) -> str:
    period = _NOW if table in CURRENT else _DAYS
    partitions = _PARTITIONS.format(period=period, name=table.name) if table.parts else ""
    columns = "\n".join(
        f"            - {{Name: {column.name}, Type: {TYPES[column.type]}}}" for column in table.columns
    )
    return _TABLE.format(id=_id(table.name), name=table.name, partitions=partitions, columns=columns)


def _query(question: Question) -> str:
    lines = f"{question.alone(Engine.ATHENA)}\n".splitlines()
    text = "\n".join(f"        {line}".rstrip() for line in lines)
    return _QUERY.format(id=_id(question.name), name=question.name, asks=question.asks, text=text)


def _id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def main(file: Path) -> None:
    """Write them into a template."""
    file.write_text(written(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
