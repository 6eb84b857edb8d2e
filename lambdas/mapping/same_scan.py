"""Whether a row is a scan that is known already under another record name, event or instance number. Pure.

REDCap renames a record without telling what it was called before, and an instance that is deleted and entered
again is a row of its own. What a scanner or a person has touched must not be offered a second time for that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from lambdas.mapping.patients import Bearer
from lambdas.mapping.record import Scan, scan_from_row
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from shared import identifiers
from shared.identifiers import RowKey
from shared.worklist_item import WorklistItem


def row_key(item: WorklistItem) -> RowKey:
    """Return the key of the REDCap row an item stands for."""
    return RowKey(
        item.source, item.source_record, item.source_event, item.source_instrument, item.source_instance
    )


def with_identity(item: WorklistItem, item_id: str) -> WorklistItem:
    """Return an item under another id, with all the identifiers that come of it."""
    return item.model_copy(
        update={
            "id": item_id,
            "study_instance_uid": identifiers.study_instance_uid(item_id),
            "accession_number": identifiers.accession_number(item_id),
            "requested_procedure_id": identifiers.requested_procedure_id(item_id),
            "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(item_id),
        }
    )


def as_under(
    key: RowKey,
    definition: SourceDefinition,
    item: WorklistItem,
    rows: Sequence[RedcapRow],
    missing: Collection[str] = (),
) -> WorklistItem | None:
    """Return the item a row would give if it were called as it was before; None if it would give none.

    A Patient ID is often made of the record's name or the instance number: as they are now, the same scan
    would not look the same.

    :param key: what it was called before.
    :param item: what the row gives now.
    :param rows: all rows of its record.
    """
    mine = row_key(item)
    renamed = [_renamed(row, key, definition, own=row.key(definition.id) == mine) for row in rows]
    own = next((new for row, new in zip(rows, renamed, strict=True) if row.key(definition.id) == mine), None)
    scan = scan_from_row(definition, own, renamed, missing) if own else None
    return scan.item if isinstance(scan, Scan) else None


def _renamed(row: RedcapRow, key: RowKey, definition: SourceDefinition, *, own: bool) -> RedcapRow:
    values = {**row.values, definition.record_id_field: key.record}
    if not own:
        return replace(row, record=key.record, values=values)
    instance = row.instance if (row.instance or 1) == key.instance else key.instance
    return RedcapRow(key.record, key.event, key.instrument, instance, values)


def is_same_scan(before: WorklistItem, now: WorklistItem) -> bool:
    """Tell whether two items are one scan: the same person, on the same scanner, at the same time."""
    one, other = Bearer.of(before), Bearer.of(now)
    same_person = one.identifier()[1:] == other.identifier()[1:] and not one.differs_from(other)
    return same_person and _slot(before) == _slot(now)


def _slot(item: WorklistItem) -> tuple[str, str, str]:
    return item.scheduled_start_date, item.scheduled_start_time, item.scheduled_station_aetitle
