"""What REDCap is told of a scan: the values, and the row they go to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from lambdas.redcap_row import RedcapRow
from lambdas.source import WriteBack
from shared.identifiers import RowKey
from shared.procedure_step import Step, item_status
from shared.worklist_item import Status, WorklistItem


def values_of(config: WriteBack, step: Step, item: WorklistItem) -> dict[str, str]:
    """Return REDCap field -> value for what a step says of an item; what the step does not say is left out.

    A step ended because the wrong entry was selected gives the item back: then only its status is written,
    and not even that once another step has taken the item over.
    """
    status = item_status(step)
    status_text = config.status_values.get(status, status.value)
    told: list[tuple[str | None, str]] = [(config.status, status_text)]
    if status is not Status.SCHEDULED:
        told += [
            (config.start, _date_time(step.started_at, config.seconds)),
            (config.end, _date_time(step.ended_at, config.seconds)),
            (config.station, step.station_aetitle or step.station_name),
            (config.series_count, str(step.series_count or "")),
        ]
    elif item.performed_procedure_step_status is not Status.SCHEDULED:
        return {}
    told.append((config.discontinuation_reason, step.discontinuation_reason))
    return {field: text for field, text in told if field is not None and text}


def row_of(item: WorklistItem, rows: Iterable[RedcapRow]) -> RedcapRow | None:
    """Return the row the item was made from; None if it is not there any more."""
    key = RowKey(
        item.source, item.source_record, item.source_event, item.source_instrument, item.source_instance
    )
    return next((row for row in rows if row.key(item.source) == key), None)


def update_of(row: RedcapRow, values: dict[str, str]) -> RedcapRow | None:
    """Return the row with only the values that differ from what REDCap has; None if none does.

    The key is the row's own, as REDCap wrote it: a row that does not repeat must not be given an instance.
    """
    changed = {field: text for field, text in values.items() if row.values.get(field, "") != text}
    return replace(row, values=changed) if changed else None


def _date_time(moment: datetime | None, seconds: bool) -> str:
    """Return a local time as REDCap imports it: ``YYYY-MM-DD HH:MM[:SS]``, whatever its display format."""
    if moment is None:
        return ""
    return moment.isoformat(sep=" ", timespec="seconds" if seconds else "minutes")
