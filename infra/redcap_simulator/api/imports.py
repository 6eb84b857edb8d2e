"""Records in: flat JSON, flat CSV and EAV. An import is all or nothing.

First every row is read and placed, then every value checked, and only then is anything written. Problems
with the shape of the import are one sentence; problems with values are CSV lines
`"record","field","value","reason"`. Blank values change nothing, unless `overwriteBehavior=overwrite`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.redcap_simulator.api import validate
from infra.redcap_simulator.api.errors import ApiError, lacks_right
from infra.redcap_simulator.api.wire import Params
from infra.redcap_simulator.project.project import Project, Shape, User
from infra.redcap_simulator.project.records import Record, RowKey

LOCKED = "This field is located on a form that is locked. You must first unlock this form for this record."
PSEUDO = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
)


@dataclass(frozen=True)
class Incoming:
    """One row of the import, placed: whose it is, where it stands, what it says."""

    record: str
    event: str
    instrument: str
    instance: int | None
    group: str
    values: Mapping[str, str]


def read(project: Project, user: User, params: Params) -> list[Incoming]:
    """The rows of an import request, checked but not written."""
    if not user.can_import:
        raise lacks_right("import")
    kind = params.choice("type", ("flat", "eav"), "flat")
    rows = table_of(params)
    if kind == "eav":
        rows = [_flat_from_eav(project.shape, row) for row in rows]
    _check_names(project.shape, rows)
    date_format = params.choice("dateFormat", ("YMD", "MDY", "DMY"), "YMD")
    incoming = [_place(project.shape, row, date_format) for row in rows]
    problems = [line for item in incoming for line in _problems(project, user, item)]
    if problems:
        raise ApiError(400, "\n".join(problems))
    return incoming


def table_of(params: Params) -> list[dict[str, str]]:
    """The rows of an import that are no record's: an arm, an event, a user."""
    return _json_rows(params.text("data")) if params.format() == "json" else _csv_rows(params.text("data"))


def _json_rows(text: str) -> list[dict[str, str]]:
    try:
        rows = json.loads(text)
    except ValueError:
        rows = None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ApiError(
            400, "The data being imported is not formatted correctly. The JSON must be in an array."
        )
    return [{name: _text(value) for name, value in row.items()} for row in rows]


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def _csv_rows(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error:
        rows = []
    if not rows or any(None in row or None in row.values() for row in rows):
        raise ApiError(400, "The data being imported is not formatted correctly.")
    return rows


def _flat_from_eav(shape: Shape, row: dict[str, str]) -> dict[str, str]:
    if not {"record", "field_name", "value"} <= set(row):
        raise ApiError(400, "The EAV data must have the columns record, field_name and value.")
    flat = {name: row[name] for name in PSEUDO if name in row}
    name, value = row["field_name"], row["value"]
    item = shape.fields_by_name.get(name)
    if item is not None and item.kind == "checkbox":
        if value not in item.choices:
            reason = f"The value is not a valid category for {name}"
            raise ApiError(400, problem_line(row["record"], name, value, reason))
        name, value = item.column_of(value), "1"
    return {**flat, name: value, shape.id_field: row["record"]}


def _check_names(shape: Shape, rows: Iterable[Mapping[str, str]]) -> None:
    known = {*shape.columns, *PSEUDO}
    unknown = dict.fromkeys(name for row in rows for name in row if name not in known)
    if unknown:
        names = ", ".join(unknown)
        raise ApiError(
            400, f"The following fields were not found in the project as real data fields: {names}"
        )
    if any(not row.get(shape.id_field) for row in rows):
        raise ApiError(400, f"Every row needs a value for the record ID field '{shape.id_field}'.")
    events = [row.get("redcap_event_name", "") for row in rows]
    wrong = dict.fromkeys(event for event in events if event and event not in shape.events_by_name)
    if wrong:
        raise ApiError(400, f"The following values of redcap_event_name are invalid: {', '.join(wrong)}")


def _place(shape: Shape, row: Mapping[str, str], date_format: str) -> Incoming:
    record = row[shape.id_field]
    # A longitudinal import without an event goes to the first one, without a word.
    event = row.get("redcap_event_name") or shape.events[0].unique
    instrument = row.get("redcap_repeat_instrument", "")
    if instrument and instrument not in shape.events_by_name[event].repeating_forms:
        raise ApiError(
            400, f"The record name ({record}) has an invalid value for 'redcap_repeat_instrument'."
        )
    values = {
        name: validate.normalised(shape.field_of_column.get(name), value, date_format)
        for name, value in row.items()
        if name not in PSEUDO
    }
    group = row.get("redcap_data_access_group", "")
    return Incoming(record, event, instrument, _instance(shape, row, record, event), group, values)


def _instance(shape: Shape, row: Mapping[str, str], record: str, event: str) -> int | None:
    """The instance: 0 where nothing repeats, None for `new`."""
    text = row.get("redcap_repeat_instance", "")
    repeats = bool(row.get("redcap_repeat_instrument")) or shape.events_by_name[event].repeating
    if text == "new":
        return None
    if text and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ApiError(
            400,
            f"The record name ({record}) has an invalid value for 'redcap_repeat_instance'. "
            f"The value must either be a positive integer or the value 'new'. Value provided: {text}",
        )
    return int(text or 1) if repeats else 0


def _problems(project: Project, user: User, item: Incoming) -> list[str]:
    shape, lines = project.shape, []
    here = shape.forms_of_row(item.event, item.instrument)
    for column, value in item.values.items():
        if column == shape.id_field or (value == "" and not _is_locked(project, item, column, value)):
            continue
        reason = validate.problem(shape, column, value)
        if shape.columns[column] not in here:
            reason = _misplaced(shape, column, item)
        elif _is_locked(project, item, column, value):
            reason = LOCKED
        if reason:
            lines.append(problem_line(item.record, column, value, reason))
    if item.group and (user.dag or item.group not in shape.group_names):
        reason = "The value is not a valid data access group, or you may not assign one"
        lines.append(problem_line(item.record, "redcap_data_access_group", item.group, reason))
    return lines


def _is_locked(project: Project, item: Incoming, column: str, value: str) -> bool:
    """Tell whether a locked form keeps a value from being changed; what stays as it is may be imported."""
    key = RowKey(item.event, item.instrument, item.instance or 0)
    if (item.record, key, project.shape.columns[column]) not in project.locked:
        return False
    record = project.records.get(item.record)
    return record is not None and record.rows.get(key, {}).get(column, "") != value


def _misplaced(shape: Shape, column: str, item: Incoming) -> str | None:
    if not item.instrument and shape.columns[column] in shape.events_by_name[item.event].repeating_forms:
        return (
            f"This field ('{column}') exists on a repeating instrument: redcap_repeat_instrument is missing."
        )
    if item.instrument:
        return f"This field ('{column}') does not exist on the repeating instrument '{item.instrument}'."
    name = shape.events_by_name[item.event].name
    return (
        f"This field ('{column}') exists on an instrument that is not designated for the event named "
        f"'{name}'. You are not allowed to import data for this field into this event."
    )


def problem_line(record: str, name: str, value: str, reason: str) -> str:
    """A refused value, as REDCap tells it."""
    return ",".join('"' + part.replace('"', '""') + '"' for part in (record, name, value, reason))


def recalculate(shape: Shape, record: Record, key: RowKey) -> None:
    """Bring a row's calculated fields up to date."""
    row = record.rows[key]
    here = shape.forms_of_row(key.event, key.instrument)
    for item in shape.fields:
        if item.compute is not None and item.form in here:
            value = item.compute(row)
            row.update({item.name: value} if value else {})
            if not value:
                row.pop(item.name, None)
