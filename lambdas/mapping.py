"""From REDCap rows to worklist items. Pure: no network, no clock, and no row can stop another.

A row gives an item; or nothing, if it is no scan (its date is still empty, it belongs to another form); or a
`RejectedRow` naming the REDCap field and what is wrong with it, never its value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic import ValidationError

from lambdas.redcap_row import RedcapRow
from lambdas.source import FieldMapping, Join, SourceDefinition
from lambdas.source_state import RejectedRow
from shared import identifiers
from shared.errors import Rejected
from shared.worklist_item import WorklistItem

_NAMES: Final = frozenset({"patient_name", "referring_physician_name", "performing_physician"})
_DATES: Final = frozenset({"patient_birth_date", "scheduled_start_date"})
_TIMES: Final = frozenset({"scheduled_start_time"})
_DATE_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)")
_FACTORS: Final = {
    "kg": Decimal(1),
    "g": Decimal("0.001"),
    "lb": Decimal("0.45359237"),  # the international pound, exactly
    "m": Decimal(1),
    "cm": Decimal("0.01"),
    "in": Decimal("0.0254"),
}


@dataclass(frozen=True)
class MappedRecord:
    """What a record's rows give."""

    items: tuple[WorklistItem, ...]
    rejected: tuple[RejectedRow, ...]


class _FieldError(Exception):
    """A value that cannot be used: which worklist field, and why."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(reason)
        self.target, self.reason = target, reason


def map_record(
    definition: SourceDefinition, rows: Sequence[RedcapRow], missing: Collection[str] = ()
) -> MappedRecord:
    """Return the items and rejects of one record.

    :param rows: all rows of the record.
    :param missing: the project's own missing-data codes; the definition's come on top.
    """
    outcomes = [item_from_record(definition, row, rows, missing) for row in rows]
    return MappedRecord(
        items=tuple(outcome for outcome in outcomes if isinstance(outcome, WorklistItem)),
        rejected=tuple(outcome for outcome in outcomes if isinstance(outcome, RejectedRow)),
    )


def item_from_record(
    definition: SourceDefinition,
    row: RedcapRow,
    record_rows: Sequence[RedcapRow],
    missing: Collection[str] = (),
) -> WorklistItem | RejectedRow | None:
    """Return the item a row stands for, why it cannot be one, or None if it is no scan.

    :param record_rows: all rows of the record, for the fields that sit on another one.
    """
    if not _is_candidate(definition, row):
        return None
    values = _Values(definition, row, record_rows, missing)
    if not all(values.of(name) for name in definition.rows.required):
        return None
    try:
        return _item(definition, row, values)
    except _FieldError as error:
        return _reject(definition, row, error.target, error.reason)
    except UnicodeEncodeError:
        reason = "the record id is not text that can be written down"
        return _reject(definition, row, "", reason)


def _is_candidate(definition: SourceDefinition, row: RedcapRow) -> bool:
    scans = definition.rows
    return row.instrument == scans.instrument and (not scans.events or row.event in scans.events)


class _Values:
    """A scan's REDCap values: its own row's, and those the definition joins from the record's other rows."""

    def __init__(
        self,
        definition: SourceDefinition,
        row: RedcapRow,
        record_rows: Sequence[RedcapRow],
        missing: Collection[str],
    ) -> None:
        self._row = row
        self._missing = frozenset(missing) | frozenset(definition.missing_data_codes)
        self._joined: dict[str, RedcapRow | None] = {}
        for join in definition.joins:
            self._joined.update(dict.fromkeys(join.fields, _joined_row(join, record_rows)))
        self._pseudo = {
            "redcap_event_name": row.event,
            "redcap_repeat_instrument": row.instrument,
            "redcap_repeat_instance": str(row.instance or 1),
        }

    def of(self, name: str) -> str:
        """Return a field's value, stripped; empty if it is empty, absent, or a missing-data code."""
        if name in self._pseudo:
            return self._pseudo[name]
        row = self._joined.get(name, self._row)
        text = row.values.get(name, "").strip() if row else ""
        return "" if text in self._missing else text


def _joined_row(join: Join, rows: Sequence[RedcapRow]) -> RedcapRow | None:
    matching = [
        row
        for row in rows
        if row.instrument == join.instrument and (not join.events or row.event in join.events)
    ]
    order = {event: position for position, event in enumerate(join.events)}
    return min(matching, key=lambda row: (order.get(row.event, 0), row.instance or 0), default=None)


def _item(definition: SourceDefinition, row: RedcapRow, values: _Values) -> WorklistItem:
    key = row.key(definition.id)
    item_id = key.item_id()
    fields: dict[str, object] = {
        "id": item_id,
        "site": definition.site,
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
        value = _value(target, mapping, values)
        if value != "":
            fields[target] = value
    for target in WorklistItem.model_fields:
        if target not in fields and WorklistItem.model_fields[target].is_required():
            raise _FieldError(target, "is empty")
    try:
        return WorklistItem.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _FieldError(str(first["loc"][0]), first["msg"].removeprefix("Value error, ")) from None


def _value(target: str, mapping: FieldMapping, values: _Values) -> object:
    text = _origin(target, mapping, values)
    if text and mapping.values is not None:
        if text not in mapping.values:
            raise _FieldError(target, "holds a code that the source definition's values do not list")
        text = mapping.values[text]
    text = text or mapping.default
    if not text:
        return ""
    try:
        return _converted(target, mapping, text)
    except Rejected as error:
        raise _FieldError(target, error.what) from None


def _origin(target: str, mapping: FieldMapping, values: _Values) -> str:
    if mapping.constant is not None:
        return mapping.constant
    if mapping.field is not None:
        return values.of(mapping.field)
    parts = {name: values.of(name) for name in mapping.redcap_fields()}
    is_name = target in _NAMES
    # Half an identifier would be another participant's; half a name is still a name.
    if parts and not (any if is_name else all)(parts.values()):
        return ""
    if is_name and any(separator in part for part in parts.values() for separator in "^="):
        raise _FieldError(target, "contains ^ or =, which separate the parts of a name in DICOM")
    return "".join(text + parts.get(name, "") for text, name in mapping.template_parts())


def _converted(target: str, mapping: FieldMapping, text: str) -> object:
    if mapping.unit is not None:
        return _in_our_unit(text, mapping.unit)
    if target in _NAMES and mapping.field is not None:
        return _name(text)
    if target == "pregnancy_status" and text in {"1", "2", "3", "4"}:
        return int(text)
    if both := _DATE_TIME.fullmatch(text):
        if target in _DATES:
            return both[1]
        if target in _TIMES:
            return both[2]
    return text


def _in_our_unit(text: str, unit: str) -> Decimal:
    try:
        number = Decimal(text) * _FACTORS[unit]
    except ArithmeticError:
        raise Rejected("a measure must be a decimal number") from None
    return number


def _name(text: str) -> str:
    """Return a name typed into one field: "Family, Given" is how people write what DICOM writes with a ^."""
    family, comma, given = text.partition(",")
    is_pair = comma and family.strip() and given.strip() and "," not in given and "^" not in text
    return f"{family.strip()}^{given.strip()}" if is_pair else text


def _reject(definition: SourceDefinition, row: RedcapRow, target: str, reason: str) -> RejectedRow:
    mapping = definition.fields.get(target)
    names: Sequence[str] = mapping.redcap_fields() if mapping else (definition.record_id_field,)
    return RejectedRow(
        record=row.record.encode("utf-8", "replace").decode(),
        event=row.event,
        instrument=row.instrument,
        instance=row.instance or 1,
        field=", ".join(names) or f"fields.{target}",
        reason=f"{target}: {reason}" if target else reason,
    )


def missing_data_codes(project_info: Mapping[str, object]) -> tuple[str, ...]:
    """Return the codes a project declares: ``"-99, Unknown | UNK, Not known"``, by lines or bars."""
    text = str(project_info.get("missing_data_codes") or "")
    codes = (entry.partition(",")[0].strip() for entry in re.split(r"[|\n]", text))
    return tuple(code for code in codes if code)
