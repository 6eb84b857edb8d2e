"""The named questions of questions.sql, and how each engine reads them.

All engines read the same text of a question. What they do not have in common is in the two views that a
question asks: the newest version of each exam and step, with every instant also as seconds since 1970. The
newest versions are tables of their own; where an earlier build did not write them, `newest` finds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from lambdas.history.schema import CURRENT, CURRENT_EXAMS, CURRENT_STEPS
from lambdas.history.table import Table
from shared.errors import NotFound

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
_NOW: Final = {"exams_now": CURRENT_EXAMS, "steps_now": CURRENT_STEPS}
_ANY: Final = re.compile(r"^-- name: (\w+)\n((?:-- (?:asks|note): .*\n)+)([^;]+);", re.MULTILINE)
_LINE: Final = re.compile(r"^-- (asks|note): (.*)$", re.MULTILINE)


class Engine(StrEnum):
    """What runs a question."""

    DUCKDB = "duckdb"
    ATHENA = "athena"
    SPARK = "spark"


class Question(NamedTuple):
    """A named question.

    :param asks: what it asks, in words.
    :param note: what its answer counts and leaves out; empty if ``asks`` says all.
    """

    name: str
    asks: str
    note: str
    sql: str

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns that say what a row of its answer is of: it is in their order."""
        return tuple(self.sql.rpartition("ORDER BY ")[2].split(", "))

    def of_days(self, first: date = FIRST_DAY, last: date = LAST_DAY) -> str:
        """Return it for some days, both included; the views are to be there already."""
        days = {"first_day": first, "last_day": last}
        return re.sub(r":(first_day|last_day)\b", lambda m: f"DATE '{days[m[1]].isoformat()}'", self.sql)

    def alone(self, engine: Engine, first: date = FIRST_DAY, last: date = LAST_DAY) -> str:
        """Return it with the views it asks as parts of itself, where nobody makes them, as in Athena."""
        sql = self.of_days(first, last)
        asked = []
        for name, table in _NOW.items():
            if name in sql:
                seconds = [each for each in _seconds(table, engine) if each.rpartition(" ")[2] in sql]
                columns = ",\n    ".join(["*", *seconds])
                asked.append(f"{name} AS (\nSELECT\n    {columns}\nFROM {table.name}\n)")
        if not asked:
            return sql
        own = [sql.removeprefix("WITH ")] if sql.startswith("WITH ") else []
        return "WITH " + ",\n".join([*asked, *own]) + ("" if own else f"\n{sql}")


@cache
def questions() -> Mapping[str, Question]:
    """Return all questions by name, in the order of the file."""
    text = files("lambdas.history").joinpath("questions.sql").read_text("utf-8")
    found = {}
    for name, words, sql in _ANY.findall(text):
        lines = _LINE.findall(words)
        asks, note = (" ".join(line for kind, line in lines if kind == want) for want in ("asks", "note"))
        found[name] = Question(name, asks, note, sql.strip())
    return found


def question(name: str) -> Question:
    """Return a question by its name.

    :raises NotFound: there is none of that name; the message lists them.
    """
    if name not in questions():
        raise NotFound("there is no such question", where=name, hint=f"one of: {', '.join(questions())}")
    return questions()[name]


def views(engine: Engine) -> Mapping[str, str]:
    """Return the SELECT of each view that questions ask, as the engine writes it."""
    return {name: _now(table, engine) for name, table in _NOW.items()}


def newest(table: Table, versions: str = "") -> str:
    """Return the SELECT of the newest versions, for where no file has them; it has a column ``place`` more.

    :param table: one of `lambdas.history.schema.CURRENT`.
    :param versions: the table of all versions; left out: that of the schema.
    """
    every = CURRENT[table]
    *subject, version = every.key
    place = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(subject)} ORDER BY {version} DESC) AS place"
    placed = f"SELECT *, {place} FROM {versions or every.name}"  # noqa: S608 - names of our own
    return f"SELECT * FROM ({placed}) AS placed WHERE place = 1"  # noqa: S608


def _now(table: Table, engine: Engine) -> str:
    quote = "`{}`" if engine is Engine.SPARK else '"{}"'
    own = [quote.format(name) for name in table.names()]
    columns = ",\n    ".join([*own, *_seconds(table, engine)])
    return f"SELECT\n    {columns}\nFROM {table.name}"


def _seconds(table: Table, engine: Engine) -> list[str]:
    instants = [name for name, kind, *_ in table.columns if kind == "timestamp" and name.endswith("_at")]
    return [f"{_SECONDS[engine].format(name)} AS {name[:-3]}_s" for name in instants]


_SECONDS: Final[Mapping[Engine, str]] = {
    Engine.DUCKDB: "CAST(FLOOR(EPOCH({})) AS BIGINT)",
    Engine.ATHENA: "CAST(FLOOR(TO_UNIXTIME({})) AS BIGINT)",
    Engine.SPARK: "UNIX_SECONDS(CAST({} AS TIMESTAMP))",
}
