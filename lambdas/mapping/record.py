"""From REDCap rows to worklist items. Pure: no network, no clock, and no row can stop another.

A row gives an item, with a `Note` for what was left out or put right; or nothing, if it is no scan (its date
is still empty, it belongs to another form); or a `HeldRow`, if a safety gate or a value that nobody believes
keeps the scan off the worklist for now; or a `RejectedRow` naming the REDCap field and what is wrong with it,
never its value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lambdas.mapping.item import Implausible, make_item
from lambdas.mapping.row_values import RowValues
from lambdas.mapping.values import ValueFault, item_value
from lambdas.redcap.row import DATA_ACCESS_GROUP, RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.scan_rows import Gate, ScanRows
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow
from shared.dicom.dicom_text import parse_date
from shared.errors import Rejected
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class Scan:
    """A scan for the worklist.

    :param notes: what of it is not quite as REDCap has it.
    """

    item: WorklistItem
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Mapped:
    """What a record's rows give. Every scan is in one of the first three; notes are of the items."""

    items: tuple[WorklistItem, ...]
    rejected: tuple[RejectedRow, ...]
    held: tuple[HeldRow, ...] = ()
    notes: tuple[Note, ...] = ()


def map_record(
    definition: SourceDefinition, rows: Sequence[RedcapRow], missing: Collection[str] = ()
) -> Mapped:
    """Return the items, rejects and held scans of one record.

    :param rows: all rows of the record.
    :param missing: the project's own missing-data codes; the definition's come on top.
    """
    outcomes = [scan_from_row(definition, row, rows, missing) for row in rows]
    scans = [outcome for outcome in outcomes if isinstance(outcome, Scan)]
    return Mapped(
        items=tuple(scan.item for scan in scans),
        rejected=tuple(outcome for outcome in outcomes if isinstance(outcome, RejectedRow)),
        held=tuple(outcome for outcome in outcomes if isinstance(outcome, HeldRow)),
        notes=tuple(note for scan in scans for note in scan.notes),
    )


def scan_from_row(
    definition: SourceDefinition,
    row: RedcapRow,
    record_rows: Sequence[RedcapRow],
    missing: Collection[str] = (),
) -> Scan | RejectedRow | HeldRow | None:
    """Return the scan a row stands for, why it is not on the worklist (yet), or None if it is no scan.

    :param record_rows: all rows of the record, for the fields that sit on another one.
    """
    scans = definition.rows
    if row.instrument != scans.instrument or (scans.events and row.event not in scans.events):
        return None
    codes = frozenset(missing) | frozenset(definition.missing_data_codes)
    values = RowValues(row, record_rows, definition.joins, codes)
    if not _is_scan(scans, values):
        return None
    try:
        return _judged(definition, row, values)
    except Implausible as fault:
        where = _when_and_where(definition, values)
        return HeldRow(**_key_of(row), **where, field=_fields_of(definition, fault), reason=_reason(fault))
    except ValueFault as fault:
        return _reject(definition, row, values, fault)
    except UnicodeEncodeError:
        unwritable = ValueFault("", "the record id is not text that can be written down")
        return _reject(definition, row, values, unwritable)


def _judged(definition: SourceDefinition, row: RedcapRow, values: RowValues) -> Scan | HeldRow:
    site = _site(definition, values)
    if closed := [gate for gate in definition.gates if _is_closed(gate, values)]:
        return _hold(definition, row, values, closed)
    made = make_item(definition, site, row, values)
    notes = [_note(definition, row, fault, "left out") for fault in made.left_out]
    notes += [_note(definition, row, fault, "put right") for fault in made.put_right]
    return Scan(made.item, tuple(notes))


def missing_data_codes(project_info: Mapping[str, object]) -> tuple[str, ...]:
    """Return the codes a project declares: ``"-99, Unknown | UNK, Not known"``, by lines or bars."""
    text = str(project_info.get("missing_data_codes") or "")
    codes = (entry.partition(",")[0].strip() for entry in re.split(r"[|\n]", text))
    return tuple(code for code in codes if code)


def _is_scan(scans: ScanRows, values: RowValues) -> bool:
    complete = all(values.of(name) for name in scans.required)
    return complete and all(condition.holds(values.of(condition.field)) for condition in scans.where)


def _site(definition: SourceDefinition, values: RowValues) -> str:
    """Return the site of the scan; a participant is never shown at a site that may be wrong."""
    if not definition.sites_by_dag:
        return definition.site
    if not values.groups:
        reason = "the record is in no data access group, so its site is not known"
    elif len(values.groups) > 1:
        reason = "the record's rows name several data access groups"
    else:
        site = definition.sites_by_dag.get(next(iter(values.groups)))
        if site is not None:
            return site
        reason = "the record's data access group is not one of sites_by_dag"
    raise ValueFault("", reason, (DATA_ACCESS_GROUP,))


def _is_closed(gate: Gate, values: RowValues) -> bool:
    if gate.unless is not None and values.of(gate.unless.field) in gate.unless.values:
        return False
    return values.of(gate.field) not in gate.values


def _hold(definition: SourceDefinition, row: RedcapRow, values: RowValues, closed: Sequence[Gate]) -> HeldRow:
    return HeldRow(
        **_key_of(row),
        **_when_and_where(definition, values),
        field=", ".join(dict.fromkeys(gate.field for gate in closed)),
        reason="; ".join(dict.fromkeys(gate.reason for gate in closed)),
    )


def _note(definition: SourceDefinition, row: RedcapRow, fault: ValueFault, done: str) -> Note:
    reason = f"{fault.target}: {done}: {fault.reason}"
    return Note(**_key_of(row), field=_fields_of(definition, fault), reason=reason)


def _reject(
    definition: SourceDefinition, row: RedcapRow, values: RowValues, fault: ValueFault
) -> RejectedRow:
    where = _when_and_where(definition, values)
    return RejectedRow(**_key_of(row), **where, field=_fields_of(definition, fault), reason=_reason(fault))


def _when_and_where(definition: SourceDefinition, values: RowValues) -> dict[str, str]:
    """Return the day and the site of a scan that is not shown, as far as they can be read."""
    known = {"day": "", "site": ""}
    with suppress(ValueFault):
        known["site"] = _site(definition, values)
    with suppress(ValueFault, Rejected):
        mapping = definition.fields["scheduled_start_date"]
        known["day"] = parse_date(item_value("scheduled_start_date", mapping, definition.parts, values))
    return known


def _reason(fault: ValueFault) -> str:
    return f"{fault.target}: {fault.reason}" if fault.target else fault.reason


def _fields_of(definition: SourceDefinition, fault: ValueFault) -> str:
    names: Sequence[str] = fault.fields
    if not names:
        names = definition.redcap_fields(fault.target) if fault.target else (definition.record_id_field,)
    return ", ".join(names) or f"fields.{fault.target}"


def _key_of(row: RedcapRow) -> dict[str, Any]:
    return {
        "record": row.record.encode("utf-8", "replace").decode(),
        "event": row.event,
        "instrument": row.instrument,
        "instance": row.instance or 1,
    }
