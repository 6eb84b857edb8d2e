"""What an accepted import does: stage copies of the records, then put them all in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from infra.redcap_simulator.api.errors import ApiError, lacks_right
from infra.redcap_simulator.api.imports import Incoming, problem_line, read, recalculate
from infra.redcap_simulator.api.wire import MEDIA, Answer, Params, json_answer, text_answer
from infra.redcap_simulator.project.log import Entry
from infra.redcap_simulator.project.project import Project, Shape, User
from infra.redcap_simulator.project.records import Record, Row, RowKey


def import_records(project: Project, user: User, params: Params, now: datetime) -> Answer:
    """Answer `content=record` with `data`: write all of it, or nothing and say why."""
    content = params.choice("returnContent", ("count", "ids", "auto_ids", "nothing"), "count")
    overwrite = params.choice("overwriteBehavior", ("normal", "overwrite"), "normal") == "overwrite"
    rows = read(project, user, params)
    renamed: dict[str, str] = {}
    if params.flag("forceAutoNumber") and project.shape.autonumber:
        renamed = _numbered(project, rows)
        rows = [_renumbered(project, row, renamed[row.record]) for row in rows]
    staged: dict[str, Record] = {}
    keys = [_stage(project, user, staged, row, overwrite=overwrite) for row in rows]
    problems = [
        line
        for row, key in zip(rows, keys, strict=True)
        for line in _calculated(project.shape, row, staged[row.record].rows[key])
    ]
    if problems:
        raise ApiError(400, "\n".join(problems))
    _write(project, user, staged, now)
    return _answer(params, content, list(staged), renamed)


def next_record_name(project: Project) -> str:
    """The id REDCap would give to the next record."""
    numbers = (int(name) for name in project.records.ids() if name.isascii() and name.isdigit())
    return str(max(numbers, default=0) + 1)


def _numbered(project: Project, rows: Sequence[Incoming]) -> dict[str, str]:
    first = int(next_record_name(project))
    names = dict.fromkeys(row.record for row in rows)
    return {name: str(first + position) for position, name in enumerate(names)}


def _renumbered(project: Project, row: Incoming, record: str) -> Incoming:
    return replace(row, record=record, values={**row.values, project.shape.id_field: record})


def _stage(
    project: Project, user: User, staged: dict[str, Record], item: Incoming, *, overwrite: bool
) -> RowKey:
    if item.record not in staged:
        known = project.records.get(item.record)
        if known is not None and user.dag not in {"", known.dag}:
            raise ApiError(403, f"The record {item.record} belongs to another data access group")
        staged[item.record] = known.copy() if known else Record({}, dag=user.dag)
    record, shape = staged[item.record], project.shape
    record.dag = item.group or record.dag
    instance = item.instance
    if instance is None:
        instance = record.next_instance(item.event, item.instrument)
    if item.instrument and RowKey(item.event) not in record.rows:
        # REDCap keeps the record id once per event; a repeat never stands alone.
        record.rows[RowKey(item.event)] = {shape.id_field: item.record}
    key = RowKey(item.event, item.instrument, instance)
    row = record.rows.setdefault(key, {} if item.instrument else {shape.id_field: item.record})
    here = shape.forms_of_row(item.event, item.instrument)
    for column, value in item.values.items():
        field = shape.field_of_column.get(column)
        foreign = shape.columns[column] not in here or (field is not None and field.compute is not None)
        if column == shape.id_field or foreign:
            continue
        if value:
            row[column] = value
        elif overwrite:
            row.pop(column, None)
    recalculate(shape, record, key)
    return key


def _calculated(shape: Shape, item: Incoming, row: Row) -> Iterator[str]:
    """Attempts to write a calculated field; what an export gave, and still holds, may come back."""
    for column, value in item.values.items():
        field = shape.field_of_column.get(column)
        if field is not None and field.compute is not None and value not in {"", row.get(column)}:
            reason = f"This field ('{column}') is calculated and cannot be imported."
            yield problem_line(item.record, column, value, reason)


def _write(project: Project, user: User, staged: dict[str, Record], now: datetime) -> None:
    for name, record in staged.items():
        known = name in project.records
        project.records.put(name, record, now)
        action = f"{'Update' if known else 'Create'} record (API) {name}"
        details = f"{project.shape.id_field} = '{name}'"
        project.log.add(
            Entry(now, user.name, "record_edit" if known else "record_add", action, details, name)
        )


def _answer(params: Params, content: str, names: list[str], renamed: dict[str, str]) -> Answer:
    if content == "count" and params.text("returnFormat") == "xml":  # the one thing that is answered in XML
        return text_answer(f'<?xml version="1.0" encoding="UTF-8" ?><count>{len(names)}</count>')
    fmt = params.format("returnFormat")
    if content == "nothing":
        return Answer(200, b"", MEDIA[fmt])
    if content == "count" or (content == "auto_ids" and not renamed):
        return json_answer({"count": len(names)}) if fmt == "json" else text_answer(str(len(names)))
    if content == "auto_ids":
        pairs = [f"{new},{old}" for old, new in renamed.items()]
        return json_answer(pairs) if fmt == "json" else _csv("id,original_id", pairs)
    return json_answer(names) if fmt == "json" else _csv("id", [f'"{name}"' for name in names])


def _csv(header: str, lines: Sequence[str]) -> Answer:
    return Answer(200, "\n".join([header, *lines, ""]).encode(), MEDIA["csv"])


def delete_records(project: Project, user: User, params: Params, now: datetime) -> Answer:
    """Answer `action=delete`: whole records, or one instrument, event or instance of each."""
    if not user.can_delete:
        raise lacks_right("delete records")
    names = params.array("records")
    if not names:
        raise ApiError(400, 'The parameter "records" is required')
    visible = [name for name, record in project.records.items(names) if user.dag in {"", record.dag}]
    absent = [name for name in names if name not in visible]
    if absent:
        raise ApiError(
            400,
            "One or more of the records provided cannot be deleted because they do not exist in the project. "
            f"The following records do not exist: {', '.join(absent)}",
        )
    for name in names:
        _delete(project, user, params, name, now)
    return text_answer(str(len(names)))


def _delete(project: Project, user: User, params: Params, name: str, now: datetime) -> None:
    record = project.records.get(name)
    if record is None:
        return
    if any(params.text(part) for part in ("arm", "instrument", "event", "repeat_instance")):
        staged = record.copy()
        for key in [key for key in staged.rows if _matches(project, params, key)]:
            _erase(project, staged, key, params.text("instrument"))
        project.records.put(name, staged, now)
    else:
        project.records.drop(name)
    whole = name not in project.records
    project.log.add(
        Entry(
            now,
            user.name,
            "record_delete" if whole else "record_edit",
            f"{'Delete' if whole else 'Update'} record (API) {name}",
            f"{project.shape.id_field} = '{name}'",
            name,
        )
    )


def _matches(project: Project, params: Params, key: RowKey) -> bool:
    arm, event, instance = params.text("arm"), params.text("event"), params.text("repeat_instance")
    instrument = params.text("instrument")
    return (
        (not arm or str(project.shape.events_by_name[key.event].arm) == arm)
        and (not event or key.event == event)
        and (not instance or str(key.instance) == instance)
        and (not instrument or instrument in project.shape.forms_of_row(key.event, key.instrument))
    )


def _erase(project: Project, record: Record, key: RowKey, instrument: str) -> None:
    """Take a form's values from a row; a row of a repeat, or a row asked for as a whole, goes altogether."""
    if not instrument or key.instrument == instrument:
        del record.rows[key]
        return
    shape = project.shape
    record.rows[key] = {
        column: value
        for column, value in record.rows[key].items()
        if shape.columns[column] != instrument or column == shape.id_field
    }


def rename_record(project: Project, user: User, params: Params, now: datetime) -> Answer:
    """Answer `action=rename`. The modification time stays: a date range never shows a rename."""
    if not user.can_rename:
        raise lacks_right("rename records")
    old, new = params.text("record"), params.text("new_record_name")
    if old not in project.records:
        raise ApiError(400, f"The record '{old}' does not exist")
    if not new or new in project.records:
        raise ApiError(400, f"The record name '{new}' cannot be used or is already in use")
    rename(project, user, old, new, now)
    return text_answer("1")


def rename(project: Project, user: User, old: str, new: str, now: datetime) -> None:
    """Give a record another id and log it."""
    field = project.shape.id_field
    project.records.rename(old, new, field)
    project.log.rename(old, new)
    project.log.add(Entry(now, user.name, "record_edit", f"Update record {new}", f"{field} = '{new}'", new))
