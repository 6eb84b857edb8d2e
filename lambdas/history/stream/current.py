"""The newest versions of a site's exams and steps as files of their own, and how many exams there are.

    current_exams/period=all/site=BERGEN/now.parquet
    state/site=BERGEN/current.json                  which days are in them, and the counts for the dimensions

`current.json` is written last: where it does not name the day that the site's days end with, somebody was
stopped, and the files are made of all days anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from lambdas.history.layout import ALWAYS, part_of
from lambdas.history.parquet import read, written
from lambdas.history.rows.dimensions import Counted, ExamCount
from lambdas.history.rows.newest import in_order, newest
from lambdas.history.schema import CURRENT, CURRENT_EXAMS, PROTOCOLS, SCANNERS
from lambdas.history.stream.files import Files
from lambdas.history.table import Table

Row = dict[str, Any]
_NAME: Final = "now"
COUNTED: Final = {SCANNERS.name: ("site", "scanner"), PROTOCOLS.name: ("study", "protocol")}
"""The dimensions that count exams, and by which columns."""


class Current(BaseModel):
    """What the files are made of.

    :param made_of: digest of the last day that is in them.
    :param relays: how many relays have told of themselves.
    :param counts: by dimension: exams by the values of its columns.
    """

    made_of: str = ""
    relays: int = 0
    counts: dict[str, list[tuple[tuple[str, ...], Counted]]] = {}


class CurrentFiles:
    """The newest versions at a site.

    :param hidden: studies that are in no table.
    """

    def __init__(self, files: Files, site: str, hidden: Collection[str]) -> None:
        self._files, self._site, self._hidden = files, site, hidden

    def made_of(self) -> str:
        """Return the digest of the last day that is in them; empty if there are none."""
        return stored(self._files, self._site).made_of

    def rows_before(self, day: str) -> dict[Table, list[Row]]:
        """Return the newest versions of which nothing became known on a day or later.

        :param day: such as ``2026-11-27``.
        """
        found = {}
        for now in CURRENT:
            rows = self._read(now, self._file(now))
            found[now] = [row for row in rows if f"{row['day']}" < day]
        return found

    def rows_in(self, names: Iterable[str]) -> dict[Table, list[Row]]:
        """Return the newest versions among some files of days."""
        there = list(names)
        found = {}
        for now, every in CURRENT.items():
            of_table = [name for name in there if name.startswith(f"{every.name}/")]
            found[now] = newest((row for name in of_table for row in self._read(every, name)), every)
        return found

    def write(self, rows: Mapping[Table, list[Row]], made_of: str, relays: int) -> None:
        """Write them: what was known before, and what has come since, in this order.

        :param made_of: digest of the last day that is in them.
        """
        told = {}
        for now, every in CURRENT.items():
            shown = (row for row in newest(reversed(rows[now]), every) if row["study"] not in self._hidden)
            told[now] = in_order(shown, now)
            if told[now]:
                self._files.write(self._file(now), written(now, told[now]))
            else:
                self._files.delete(self._file(now))
        counts = {}
        for name, columns in COUNTED.items():
            counts[name] = ExamCount(*columns).add(told[CURRENT_EXAMS]).counts()
        done = Current(made_of=made_of, relays=relays, counts=counts)
        self._files.write(_mark(self._site), done.model_dump_json().encode())

    def _read(self, table: Table, name: str) -> list[Row]:
        content = self._files.read(name)
        return [] if content is None else read(table, content)

    def _file(self, table: Table) -> str:
        return part_of(table, ALWAYS, self._site, _NAME)


def stored(files: Files, site: str) -> Current:
    """Return what the files of a site are made of."""
    return Current.model_validate_json(files.read(_mark(site)) or b"{}")


def sites_in(files: Files) -> list[str]:
    """Return the sites that have such files."""
    names = (name.split("/") for name in files.names("state/"))
    return [parts[1].removeprefix("site=") for parts in names if parts[2:] == ["current.json"]]


def _mark(site: str) -> str:
    return f"state/site={site}/current.json"
