"""Scans that are not on the scanner's list, each with the reason and where to put it right. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.api.pages.views.words import day_of
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.missing_scans import by_day, is_soon
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import HeldRow, RejectedRow, RowReport
from shared.identifiers import RowKey


@dataclass(frozen=True)
class Missing:
    """A scan that is not on the list.

    :param row: what its REDCap form goes by, in an address of ours: nobody can read a record's id in it.
    :param what: record, form and day.
    :param verb: what was done to it, ``held back`` or ``not usable``.
    """

    source_id: str
    row: str
    record: str
    what: str
    verb: str
    field: str
    reason: str
    soon: bool


def missing_of(sources: Iterable[StoredSource], site: str, now: float) -> list[Missing]:
    """Return the scans of a site, and those of no known site, that are not on the list; the soonest first.

    :param now: seconds since 1970.
    """
    found = [
        ((not is_soon(source.definition, row, now), row.day), _missing(source.definition, kind, row, now))
        for source in sources
        if source.definition is not None
        for kind, row in by_day(source.state)
        if row.site in {site, ""}
    ]
    return [each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].record))]


def row_key(source_id: str, row: RowReport) -> str:
    """Return what a row's form goes by in an address: the id its item has, or would have."""
    return RowKey(source_id, row.record, row.event, row.instrument, row.instance).item_id()


def _missing(definition: SourceDefinition, kind: str, row: RejectedRow | HeldRow, now: float) -> Missing:
    form = f"{row.instrument} #{row.instance}" if row.instrument else ""
    place = ", ".join(filter(None, (row.event, form)))
    day = f"on {day_of(row.day)}" if row.day else "on a day that cannot be read"
    return Missing(
        source_id=definition.id,
        row=row_key(definition.id, row),
        record=row.record,
        what=", ".join(filter(None, (f"Record {row.record}", place, day))),
        verb="held back" if kind == "held" else "not usable",
        field=row.field,
        reason=row.reason,
        soon=is_soon(definition, row, now),
    )
