"""From REDCap rows to worklist items. Pure: no network, no clock, and no row can stop another.

A row gives an item; or nothing, if it is no scan (its date is still empty, it belongs to another form); or a
`HeldRow`, if a safety gate keeps the scan off the worklist for now; or a `RejectedRow` naming the REDCap
field and what is wrong with it, never its value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from lambdas.mapping.row_values import RowValues
from lambdas.mapping.values import ValueFault, item_value
from lambdas.redcap.row import DATA_ACCESS_GROUP, RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.scan_rows import Gate, ScanRows
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared import identifiers
from shared.errors import Rejected
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class Mapped:
    """What a record's rows give. Every scan is in one of the three."""

    items: tuple[WorklistItem, ...]
    rejected: tuple[RejectedRow, ...]
    held: tuple[HeldRow, ...] = ()


def map_record(
    definition: SourceDefinition, rows: Sequence[RedcapRow], missing: Collection[str] = ()
) -> Mapped:
    """Return the items, rejects and held scans of one record.

    :param rows: all rows of the record.
    :param missing: the project's own missing-data codes; the definition's come on top.
    """
    outcomes = [item_from_record(definition, row, rows, missing) for row in rows]
    return Mapped(
        items=tuple(outcome for outcome in outcomes if isinstance(outcome, WorklistItem)),
        rejected=tuple(outcome for outcome in outcomes if isinstance(outcome, RejectedRow)),
        held=tuple(outcome for outcome in outcomes if isinstance(outcome, HeldRow)),
    )


def item_from_record(
    definition: SourceDefinition,
    row: RedcapRow,
    record_rows: Sequence[RedcapRow],
    missing: Collection[str] = (),
) -> WorklistItem | RejectedRow | HeldRow | None:
    """Return the item a row stands for, why there is none (yet), or None if it is no scan.

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
        site = _site(definition, values)
        if closed := [gate for gate in definition.gates if _is_closed(gate, values)]:
            return _hold(row, closed)
        return _item(definition, site, row, values)
    except ValueFault as fault:
        return _reject(definition, row, fault)
    except UnicodeEncodeError:
        return _reject(definition, row, ValueFault("", "the record id is not text that can be written down"))


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


def _hold(row: RedcapRow, closed: Sequence[Gate]) -> HeldRow:
    return HeldRow(
        **_key_of(row),
        field=", ".join(dict.fromkeys(gate.field for gate in closed)),
        reason="; ".join(dict.fromkeys(gate.reason for gate in closed)),
    )


def _item(definition: SourceDefinition, site: str, row: RedcapRow, values: RowValues) -> WorklistItem:
    key = row.key(definition.id)
    item_id = key.item_id()
    fields: dict[str, object] = {
        "id": item_id,
        "site": site,
        "source": key.source,
        "source_record": key.record,
        "source_event": key.event,
        "source_instrument": key.instrument,
        "source_instance": key.instance,
        "study_instance_uid": identifiers.study_instance_uid(item_id),
        "accession_number": identifiers.accession_number(item_id),
        "requested_procedure_id": identifiers.requested_procedure_id(item_id),
        "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(item_id),
    }
    for target, mapping in definition.fields.items():
        value = item_value(target, mapping, definition.parts, values)
        if value != "":
            fields[target] = value
    fields |= _protocol(definition, values)
    for target in WorklistItem.model_fields:
        if target not in fields and WorklistItem.model_fields[target].is_required():
            raise ValueFault(target, "is empty")
    try:
        return WorklistItem.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueFault(str(first["loc"][0]), first["msg"].removeprefix("Value error, ")) from None


def _protocol(definition: SourceDefinition, values: RowValues) -> dict[str, str]:
    protocol = definition.protocol
    if protocol is None:
        return {}
    try:
        return protocol.choose(values.of(protocol.field)).item_fields()
    except Rejected as error:
        raise ValueFault("protocol", error.what, (protocol.field,)) from None


def _reject(definition: SourceDefinition, row: RedcapRow, fault: ValueFault) -> RejectedRow:
    names: Sequence[str] = fault.fields
    if not names:
        names = definition.redcap_fields(fault.target) if fault.target else (definition.record_id_field,)
    return RejectedRow(
        **_key_of(row),
        field=", ".join(names) or f"fields.{fault.target}",
        reason=f"{fault.target}: {fault.reason}" if fault.target else fault.reason,
    )


def _key_of(row: RedcapRow) -> dict[str, Any]:
    return {
        "record": row.record.encode("utf-8", "replace").decode(),
        "event": row.event,
        "instrument": row.instrument,
        "instance": row.instance or 1,
    }
