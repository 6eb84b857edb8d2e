"""A generated year of many sites, as files of the history: the same numbers make the same year.

DuckDB draws and writes it, so that three million exams take minutes. Each random draw is a hash of the
year's seed, the site, the number of the exam and what is drawn. Sites have a fixed offset from UTC: the year
tries the questions, not summer time. What there is, of each site:

    10 exams of 100     moved once          3 in 100    cancelled, a third of them late
     6 in 100           nobody came         3 in 100    taken off the list
     3 in 100           discontinued        3 in 100    done on another scanner
     2 scans of 100     without booking     1 in 2,000  listed only after its time

`python -m tests.rigs.generated_year FOLDER --sites 100` writes one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
from rich.console import Console

from lambdas.history.layout import ALWAYS, whole
from lambdas.history.schema import CURRENT, DIMENSIONS, FACTS
from lambdas.history.table import Table

EXAMS_A_SITE: Final = 30_000
MINUTES: Final = 365 * 1440
_SQL: Final = Path(__file__).with_suffix(".sql")
_FILES: Final = (
    "FORMAT parquet, PARTITION_BY (period, site), WRITE_PARTITION_COLUMNS true, OVERWRITE_OR_IGNORE, "
    "COMPRESSION zstd"
)


class Year(NamedTuple):
    """What is drawn.

    :param exams: planned at each site.
    :param minutes: from 1 January on, for which relays, syncs and scanners tell of themselves.
    :param late: share of exams that are listed only after their time.
    """

    sites: int = 100
    exams: int = EXAMS_A_SITE
    seed: int = 1
    minutes: int = MINUTES
    late: float = 0.0005

    def names(self) -> list[str]:
        """Return the names of its sites."""
        return [f"SITE{number:03}" for number in range(self.sites)]


def generate(folder: Path, year: Year, progress: Callable[[str], None] = lambda _: None) -> None:
    """Write a year into a folder that is empty or not there yet.

    :param progress: told of each site when it is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with closing(duckdb.connect(":memory:")) as db:
        for number, site in enumerate(year.names()):
            for name, value in _variables(year, number, site).items():
                db.execute(f"SET VARIABLE {name} = {value!r}")
            db.execute(_SQL.read_text("utf-8"))
            for table in (*FACTS, *CURRENT):
                _write(db, table, folder)
            progress(site)
        for table in DIMENSIONS:
            target = folder / whole(table)
            target.parent.mkdir(exist_ok=True)
            rows = ", ".join(table.names()), _DIMENSIONS[table.name].format(sites=year.sites)
            db.execute("COPY (SELECT {} FROM ({})) TO '{}' (FORMAT parquet)".format(*rows, target))


def _variables(year: Year, number: int, site: str) -> Mapping[str, float | str]:
    own: dict[str, float | str] = {"site": site, "number": number}
    return own | {"exams": year.exams, "seed": year.seed, "minutes": year.minutes, "late": year.late}


def _write(db: duckdb.DuckDBPyConnection, table: Table, folder: Path) -> None:
    columns = ", ".join(f'"{name}"::{_TYPES[kind]} AS "{name}"' for name, kind, *_ in table.columns)
    period = f"'{ALWAYS}'" if table in CURRENT else "strftime(day, '%Y-%m')"
    rows = f"SELECT {columns}, {period} AS period FROM made_{table.name}"
    db.execute(f"COPY ({rows}) TO '{folder / table.name}' ({_FILES})")


_TYPES: Final = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_DIMENSIONS: Final[Mapping[str, str]] = {
    "sites": """SELECT printf('SITE%03d', n) AS site, 'UTC' AS time_zone, 5 AS studies, 1 AS relays
        FROM range({sites}) AS numbers (n)""",
    "scanners": """SELECT printf('SITE%03d', n) AS site, printf('S%03d_MR%d', n, m + 1) AS scanner,
        'MR' AS modality, 0::BIGINT AS exams FROM range({sites}) AS numbers (n), range(3) AS scanners (m)""",
    "studies": """SELECT printf('study-%02d', n) AS study, 'UTC' AS time_zone, true AS enabled, 1 AS sites,
        false AS shifted, 2 AS no_show_days FROM range(40) AS numbers (n)""",
    "protocols": """SELECT printf('study-%02d', n) AS study, printf('protocol-%d', p) AS protocol,
        'MR' AS modality, 0::BIGINT AS exams FROM range(40) AS numbers (n), range(4) AS protocols (p)""",
    "calendar": """SELECT CAST(d AS DATE) AS day, year(d) AS year, month(d) AS month, isoyear(d) AS iso_year,
        weekofyear(d) AS iso_week, isodow(d) AS weekday, isodow(d) > 5 AS weekend
        FROM range(TIMESTAMP '2025-10-01', TIMESTAMP '2027-02-01', INTERVAL 1 DAY) AS days (d)""",
}


def main() -> None:
    """Write a year as the command line says."""
    parser = argparse.ArgumentParser(description="Write a generated year of many sites.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--exams", type=int, default=EXAMS_A_SITE, help="of each site")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    console = Console(stderr=True)
    year = Year(options.sites, options.exams, options.seed)
    with console.status("generating") as status:
        generate(options.folder, year, lambda site: status.update(f"{site} of {year.sites} is written"))


if __name__ == "__main__":
    main()
