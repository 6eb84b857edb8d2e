"""A full export of a deployment's history into a folder: Parquet or CSV, a file a table, month and site."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from lambdas.history.deployment import Count, Deployment
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.layout import ALWAYS, month, part_of, whole
from lambdas.history.parquet import written
from lambdas.history.rows.dimensions import ExamCount, calendar_rows, site_rows, study_rows
from lambdas.history.rows.fold import Rows, fold
from lambdas.history.rows.newest import in_order, newest
from lambdas.history.rows.state import SiteState, Study
from lambdas.history.schema import (
    CALENDAR,
    CURRENT,
    CURRENT_EXAMS,
    FACTS,
    PARTICIPANTS,
    PROTOCOLS,
    SCANNERS,
    SITES,
    STUDIES,
)
from lambdas.history.table import Table
from lambdas.store.ownership import StoredItem
from shared.errors import AlreadyExists, Rejected

Format = Literal["parquet", "csv"]
_NAME: Final = "export"


class Wish(NamedTuple):
    """What is to be exported.

    :param first: the first day of `day`, UTC; ``last``: the last. Versions of other days are left out.
    :param named: also `participants`, which says who is who.
    """

    first: date
    last: date
    format: Format = "parquet"
    named: bool = False

    def admits(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row is of one of the days."""
        return bool(self.first <= row["day"] <= self.last)


class Exported(NamedTuple):
    """What an export wrote: rows by table; ``incomplete``: sites that lack an audit entry, and its number."""

    rows: Mapping[str, int]
    incomplete: Mapping[str, int]


def export(
    deployment: Deployment,
    sites: Sequence[str],
    relays: Mapping[str, int],
    names: Pseudonyms,
    wish: Wish,
    folder: Path,
    *,
    count: Count = lambda *_: None,
) -> Exported:
    """Write the history into a folder.

    :param sites: those that ever had an item.
    :param relays: how many relays serve each site.
    :param count: told what has been read and written so far.
    :raises Rejected: the days end before they begin.
    :raises AlreadyExists: there is something in the folder: files of two exports would be counted twice.
    """
    if wish.first > wish.last:
        raise Rejected(f"the last day, {wish.last}, is before the first, {wish.first}", where="--to")
    if folder.exists() and any(folder.iterdir()):
        raise AlreadyExists("is not empty", where=str(folder), hint="name another folder, or remove it")
    out = _Writer(folder, wish.format)
    studies, facts = deployment.studies(), deployment.facts(names, sites, count)
    counts = {SCANNERS: ExamCount("site", "scanner"), PROTOCOLS: ExamCount("study", "protocol")}
    incomplete = {}
    for number, (site, of_site) in enumerate(sorted(facts.items()), 1):
        folded = fold(site, SiteState(), of_site, studies)
        if folded.missing is not None:
            incomplete[site] = folded.missing
        kept: Rows = {table: [row for row in rows if wish.admits(row)] for table, rows in folded.rows.items()}
        kept |= {now.name: in_order(newest(kept[every.name], every), now) for now, every in CURRENT.items()}
        for each in counts.values():
            each.add(kept[CURRENT_EXAMS.name])
        out.parts(site, kept)
        count("sites", number)
    out.whole(SITES, site_rows(facts, studies, relays))
    for table, of_table in counts.items():
        out.whole(table, of_table.rows())
    out.whole(STUDIES, study_rows(studies))
    out.whole(CALENDAR, calendar_rows(wish.first, wish.last))
    if wish.named:
        out.whole(PARTICIPANTS, participant_rows(deployment.items(sites), names, studies))
    out.close()
    return Exported(out.rows, incomplete)


def participant_rows(
    items: Iterable[StoredItem], names: Pseudonyms, studies: Mapping[str, Study]
) -> list[dict[str, Any]]:
    """Return the rows of `participants`."""
    rows = []
    for stored in items:
        item = stored.item
        who = names.participant(item.source, item.source_record, item.patient_id)
        shifted = item.source in studies and studies[item.source].shifted
        rows.append(
            {
                "exam": names.exam(item.id),
                "site": item.site,
                "study": item.source,
                "participant": who,
                "item_id": item.id,
                "study_instance_uid": item.study_instance_uid,
                "accession_number": item.accession_number,
                "record": item.source_record,
                "patient_id": item.patient_id,
                "patient_name": item.patient_name,
                "birth_date": item.patient_birth_date,
                "shift_days": names.shift_days(who) if shifted else 0,
            }
        )
    return rows


class _Writer:
    """Files of one format in a folder; CSV: one a table, at the end."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder, self._form = folder, form
        self._lines: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self.rows = Counter[str]()

    def parts(self, site: str, rows: Rows) -> None:
        for table in (*FACTS, *CURRENT):
            periods: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for row in rows[table.name]:
                periods[ALWAYS if table in CURRENT else month(row["day"])].append(row)
            for period, some in sorted(periods.items()):
                self._write(table, part_of(table, period, site, _NAME), some)

    def whole(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        self._write(table, whole(table), list(rows))

    def close(self) -> None:
        if self._form == "csv":
            for table in (*FACTS, *CURRENT, SITES, SCANNERS, PROTOCOLS, STUDIES, CALENDAR, PARTICIPANTS):
                if table.name in self._lines or table.shared:
                    self._save(f"{table.name}.csv", csv_text(table, self._lines[table.name]).encode())

    def _write(self, table: Table, path: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows[table.name] += len(rows)
        if self._form == "csv":
            self._lines[table.name].extend(rows)
        else:
            self._save(path, written(table, rows))

    def _save(self, path: str, content: bytes) -> None:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def csv_text(table: Table, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV (RFC 4180) with a line of names; null is an empty field, a time is ISO 8601."""
    text = StringIO()
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(table.names())
    out.writerows([_cell(row.get(name)) for name in table.names()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else value
