"""The named questions on Apache Spark: on this machine, a YARN cluster or EMR Serverless.

    spark-submit lambdas/history/spark.py no_shows --at s3://BUCKET --keep s3://BUCKET/spark

The newest versions of exams and steps are kept between runs (``--keep``): a run reads only the files that
came since the last one. A file that is taken in twice changes nothing: a run that was killed is run again.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final, NamedTuple

from lambdas.history.layout import all_of
from lambdas.history.questions import FIRST_DAY, LAST_DAY, Engine, newest, question, questions, views
from lambdas.history.schema import CURRENT, TABLES
from lambdas.history.table import Table
from shared.errors import NotFound, Unavailable

_TAKEN: Final = "taken"
_TYPES: Final = {
    "text": "STRING",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
}


class Asked(NamedTuple):
    """A question to a history.

    :param at: folder or address of the history, such as ``s3://bucket`` or ``/data/history``.
    :param keep: where the newest versions are kept between runs; empty: nowhere.
    """

    name: str
    at: str
    first: date = FIRST_DAY
    last: date = LAST_DAY
    keep: str = ""


class Answer(NamedTuple):
    """The names of the columns, the rows, and how many files of exams and steps were read anew."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    files: int


@contextmanager
def session(master: str = "") -> Iterator[Any]:
    """Give a Spark session.

    :param master: such as ``local[2]`` or ``yarn``; empty: as spark-submit says.
    :raises Unavailable: there is no Java, which Spark runs on.
    """
    if not java():
        raise Unavailable(
            "there is no Java on this machine, and Spark runs on it",
            where="spark",
            hint="install Java 17 (on Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME",
        )
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra of its own, which takes seconds to load

    builder = SparkSession.builder.appName("mwl-relay history").config("spark.sql.session.timeZone", "UTC")
    builder = builder.config("spark.ui.enabled", "false").config("spark.sql.ansi.enabled", "true")
    spark = (builder.master(master) if master else builder).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


def java() -> str:
    """Return the path of Java; empty if there is none."""
    home = os.environ.get("JAVA_HOME", "")
    return shutil.which("java", path=f"{home}/bin" if home else None) or ""


def ask(spark: Any, asked: Asked) -> Answer:
    """Return what a question gives.

    :raises NotFound: there is no such question, or no history at this place.
    """
    wanted = question(asked.name)
    there = {table.name for table in TABLES.values() if _read(spark, asked.at, table)}
    if not there:
        raise NotFound("there is no history here", where=asked.at, hint="mwl-cloud history export makes one")
    for table in TABLES.values():
        if table.name not in there:
            rows = _newest(spark, table) if table in CURRENT else _empty(spark, table)
            rows.createOrReplaceTempView(table.name)
    read = 0
    if asked.keep:
        keep = _Keep(spark, asked.keep)
        read = sum(keep.take_in(now, every) for now, every in CURRENT.items() if every.name in there)
        keep.finish()
    for name, view in views(Engine.SPARK).items():
        spark.sql(view).createOrReplaceTempView(name)
    found = spark.sql(wanted.of_days(asked.first, asked.last))
    return Answer(tuple(found.columns), [tuple(row) for row in found.collect()], read)


def _read(spark: Any, at: str, table: Table) -> bool:
    """Make a view of a table's files; return whether there are any."""
    pattern = f"{at.rstrip('/')}/{all_of(table)}"
    path = spark._jvm.org.apache.hadoop.fs.Path(pattern)
    files = path.getFileSystem(spark._jsc.hadoopConfiguration()).globStatus(path)
    if not files:
        return False
    # The site is in the file too; one column of that name is enough. What an older file lacks is null.
    spark.read.schema(_columns(table)).parquet(pattern).createOrReplaceTempView(table.name)
    return True


def _newest(spark: Any, table: Table, versions: str = "") -> Any:
    return spark.sql(newest(table, versions)).drop("place")


def _columns(table: Table) -> str:
    return ", ".join(f"`{column.name}` {_TYPES[column.type]}" for column in table.columns)


def _empty(spark: Any, table: Table) -> Any:
    return spark.createDataFrame([], _columns(table))


class _Keep:
    """The newest versions as the last run left them: one sub-folder a run, and the last whole one counts."""

    def __init__(self, spark: Any, at: str) -> None:
        self._spark = spark
        hadoop = spark._jvm.org.apache.hadoop.fs
        self._path = hadoop.Path
        self._at = at.rstrip("/")
        self._files = self._path(self._at).getFileSystem(spark._jsc.hadoopConfiguration())
        runs = sorted(self._whole())
        self._before = runs[-1] if runs else 0
        self._now = self._before + 1
        self._old = runs[:-1]
        self._taken: list[tuple[str, str]] = []

    def take_in(self, now: Table, every: Table) -> int:
        """Bring a table of newest versions up to the files that came since; return how many they were."""
        spark = self._spark
        files = sorted(spark.table(every.name).inputFiles())
        before = self._read(self._before, _TAKEN)
        known = {row.file for row in before.collect() if row.table == every.name} if before else set()
        new = [file for file in files if file not in known]
        self._taken += [(every.name, file) for file in files]
        versions = self._read(self._before, now.name)
        if new:
            read = spark.read.schema(_columns(every)).parquet(*new)
            versions = read if versions is None else versions.unionByName(read)
        versions.createOrReplaceTempView("versions")
        rows = _newest(spark, now, "versions")
        rows.write.mode("overwrite").parquet(f"{self._folder(self._now)}/{now.name}")
        self._read(self._now, now.name).createOrReplaceTempView(now.name)
        return len(new)

    def finish(self) -> None:
        """Say that this run is whole, and remove what the run before the last one left."""
        taken = self._spark.createDataFrame(self._taken, "`table` STRING, file STRING")
        taken.coalesce(1).write.mode("overwrite").parquet(f"{self._folder(self._now)}/{_TAKEN}")
        for run in self._old:
            self._files.delete(self._path(self._folder(run)), True)

    def _whole(self) -> Iterator[int]:
        """Yield the numbers of the runs that were finished: what is taken is written last."""
        for status in self._files.globStatus(self._path(f"{self._at}/run=*/{_TAKEN}/_SUCCESS")) or ():
            yield int(status.getPath().getParent().getParent().getName().partition("=")[2])

    def _read(self, run: int, name: str) -> Any:
        return self._spark.read.parquet(f"{self._folder(run)}/{name}") if run else None

    def _folder(self, run: int) -> str:
        return f"{self._at}/run={run:06}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Answer one question, as CSV: what spark-submit and EMR Serverless call."""
    parser = argparse.ArgumentParser(description="Answer a question of the history with Spark.")
    parser.add_argument("question", choices=list(questions()))
    parser.add_argument("--at", required=True, help="folder or address of the history")
    parser.add_argument("--keep", default="", help="where the newest versions are kept between runs")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=FIRST_DAY)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=LAST_DAY)
    parser.add_argument("--out", default="", help="folder or address for the answer; else it is printed")
    options = parser.parse_args(arguments)
    with session() as spark:
        answer = ask(spark, Asked(options.question, options.at, options.first, options.last, options.keep))
        if options.out:
            rows = spark.createDataFrame(answer.rows, list(answer.columns)) if answer.rows else None
            if rows is not None:
                rows.coalesce(1).write.mode("overwrite").option("header", True).csv(options.out)
            return
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(answer.columns)
    out.writerows(answer.rows)


if __name__ == "__main__":
    main()
