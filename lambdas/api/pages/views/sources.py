"""Sources in words, and a draft of a definition as people paste it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lambdas.api.pages.views.missing import row_key
from lambdas.api.pages.views.words import ago, day_of
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import parse_definition
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import Note, RowReport, UnshownRow
from lambdas.sync.status import SourceStatus, reason_of, status_of

WORDS: Final = {
    SourceStatus.UNREADABLE: "cannot be read: apply its definition again",
    SourceStatus.DISABLED: "switched off",
    SourceStatus.BANNED: "REDCap refuses us for a while",
    SourceStatus.FAILED: "the last reading failed",
    SourceStatus.NEVER: "not read yet",
    SourceStatus.UNCONFIRMED: "withdrawals wait for you",
    SourceStatus.UNSEEN: "changes in REDCap had been overlooked",
    SourceStatus.MISSING: "scans of today or soon are missing",
    SourceStatus.READING: "everything is being read",
    SourceStatus.OK: "well",
}

CHANGES: Final = {
    "new": "come on the list",
    "changed": "change",
    "unchanged": "stay as they are",
    "withdrawn": "leave the list",
    "removed": "stay away, because a person removed them",
    "stays": "stay, because a scanner has reported on them",
}
"""What would become of exams (`lambdas.sync.preview.Change`), in words."""

Place = tuple[str, str, str, int]
"""Record, event, instrument and instance of a REDCap row."""


@dataclass(frozen=True)
class RowView:
    """A row that is not on the list, or not quite as REDCap has it; ``row`` goes into the form's address."""

    row: str
    record: str
    where: str
    day: str
    field: str
    reason: str
    place: Place
    site: str


@dataclass(frozen=True)
class SourceView:
    """A source as its page shows it."""

    source_id: str
    words: str
    needs_attention: bool
    reason: str
    read: str
    sites: tuple[str, ...]
    counts: str
    rejected: tuple[RowView, ...]
    held: tuple[RowView, ...]
    notes: tuple[RowView, ...]
    rejected_count: int
    held_count: int
    waiting: str

    def row(self, row: str) -> RowView | None:
        """Return a row of this page; None if it is not on it."""
        rows = (*self.rejected, *self.held, *self.notes)
        return next((each for each in rows if each.row == row), None)


def source_view(source: StoredSource, now: float) -> SourceView:
    """Return a source.

    :param now: seconds since 1970.
    """
    state, status = source.state, status_of(source, now)
    report = state.report
    return SourceView(
        source_id=source.source_id,
        words=WORDS[status],
        needs_attention=status.needs_attention,
        reason=reason_of(source, now),
        read=ago(report.finished_at, datetime.fromtimestamp(now, UTC)) if report else "never",
        sites=tuple(sorted(source.sites)),
        counts=_counts(source),
        rejected=_rows(source.source_id, state.rejected),
        held=_rows(source.source_id, state.held),
        notes=_rows(source.source_id, state.notes),
        rejected_count=state.rejected_count,
        held_count=state.held_count,
        waiting=f"{state.withheld.count} of {state.withheld.total} items" if state.withheld else "",
    )


def draft_of(text: str) -> tuple[str, dict[str, Any]]:
    """Return a pasted definition's id and content; raise `Rejected` if it is none."""
    definition = parse_definition(text)
    content = definition.model_dump(mode="json", exclude_unset=True)
    return definition.id, {name: value for name, value in content.items() if name != "id"}


def text_of(definition: SourceDefinition) -> str:
    """Return a definition in the form in which it can be pasted back: JSON, which `draft_of` reads too."""
    return json.dumps(definition.model_dump(mode="json", exclude_defaults=True), indent=2, ensure_ascii=False)


def exam_counts(counts: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Return how many exams would do what, each as a line.

    :param counts: what a preview calls it, and how many.
    """
    return tuple(f"{count} {CHANGES[change]}" for change, count in counts)


def _counts(source: StoredSource) -> str:
    report = source.state.report
    if report is None:
        return ""
    return f"{report.written} written, {report.unchanged} unchanged, {report.withdrawn} withdrawn"


def _rows(source_id: str, rows: Iterable[UnshownRow | Note]) -> tuple[RowView, ...]:
    return tuple(
        RowView(
            row=row_key(source_id, row),
            record=row.record,
            where=_where(row),
            day=day_of(row.day) if isinstance(row, UnshownRow) else "",
            field=row.field,
            reason=row.reason,
            place=(row.record, row.event, row.instrument, row.instance),
            site=row.site if isinstance(row, UnshownRow) else "",
        )
        for row in rows
    )


def _where(row: RowReport) -> str:
    form = f"{row.instrument} #{row.instance}" if row.instrument else ""
    return ", ".join(filter(None, (row.event, form)))
