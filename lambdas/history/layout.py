"""Where the files of the history are, below its folder or bucket. Pure.

exams/period=2026-11/site=BERGEN/NAME.parquet
current_exams/period=all/site=BERGEN/NAME.parquet
sites/sites.parquet
"""

from __future__ import annotations

from datetime import date
from typing import Final

from lambdas.history.table import Table

SUFFIX: Final = ".parquet"
ALWAYS: Final = "all"
"""The period of tables that tell how things are now: a file a site, since each file takes time to open."""


def part_of(table: Table, period: str, site: str, name: str) -> str:
    """Return the path of a part of a table.

    :param period: see `month`, `day` and `ALWAYS`.
    :param name: tells the parts of one folder from each other.
    """
    return f"{table.name}/period={period}/site={site}/{name}{SUFFIX}"


def whole(table: Table) -> str:
    """Return the path of a table that is one file."""
    return f"{table.name}/{table.name}{SUFFIX}"


def month(when: date) -> str:
    """Return the period of a month, ``2026-11``."""
    return f"{when:%Y-%m}"


def day(when: date) -> str:
    """Return the period of a day, ``2026-11-27``."""
    return f"{when:%Y-%m-%d}"


def all_of(table: Table) -> str:
    """Return the pattern of all files of a table."""
    return f"{table.name}/*/*/*{SUFFIX}" if table.parts else whole(table)
