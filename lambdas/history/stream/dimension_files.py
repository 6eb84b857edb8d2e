"""The dimensions in a bucket: few rows, a file each, written whole whenever they have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from lambdas.history.layout import whole
from lambdas.history.parquet import written
from lambdas.history.rows.dimensions import ExamCount, calendar_rows, site_rows, study_rows
from lambdas.history.rows.state import Study
from lambdas.history.schema import CALENDAR, PROTOCOLS, SCANNERS, SITES, STUDIES
from lambdas.history.stream.current import COUNTED, sites_in, stored
from lambdas.history.stream.files import Files
from lambdas.history.table import Table

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2099, 12, 31)


def write_dimensions(files: Files, studies: Mapping[str, Study]) -> None:
    """Bring the dimensions up to what the sites' newest versions count.

    :raises Unavailable: a file could not be read or written.
    """
    for table, rows in _tables(files, studies):
        content = written(table, rows)
        if files.read(whole(table)) != content:
            files.write(whole(table), content)


def _tables(files: Files, studies: Mapping[str, Study]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    sites = {site: stored(files, site) for site in sites_in(files)}
    for table in (SCANNERS, PROTOCOLS):
        count = ExamCount(*COUNTED[table.name])
        for each in sites.values():
            count.take(each.counts.get(table.name, ()))
        yield table, count.rows()
    yield SITES, list(site_rows(sites, studies, {site: each.relays for site, each in sites.items()}))
    yield STUDIES, list(study_rows(studies))
    yield CALENDAR, list(calendar_rows(FIRST_DAY, LAST_DAY))
