"""Records out: flat rows, or one row a value (EAV).

A row of the answer is a row of the record: base row, repeat of an instrument, repeat of an event. With the
record id come all rows that may hold a wanted column, blank ones too (a base row shows up even if only
columns of a repeating instrument are asked for); without it only rows that hold something.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.redcap_simulator.api.errors import not_simulated
from infra.redcap_simulator.api.selection import Selection, select
from infra.redcap_simulator.api.wire import Answer, Params, rows_answer
from infra.redcap_simulator.project.project import COMPLETE_LABELS, Project, Shape, User
from infra.redcap_simulator.project.quirks import Quirks
from infra.redcap_simulator.project.records import Record, Row, RowKey

FlatRow = dict[str, Any]


def export_records(project: Project, user: User, params: Params, quirks: Quirks) -> Answer:
    """Answer `content=record` without `data` or `action`."""
    kind = params.choice("type", ("flat", "eav"), "flat")
    labels = params.choice("rawOrLabel", ("raw", "label", "both"), "raw")
    if labels == "both":
        raise not_simulated("rawOrLabel=both")
    fmt = params.format()
    selection = select(project, user, params, quirks)
    exporter = _Exporter(project, user, selection, quirks)
    if kind == "eav":
        return rows_answer(fmt, exporter.eav_header(), list(exporter.eav()))
    rows = list(exporter.flat())
    if labels == "label":
        rows = [_labelled(project.shape, row) for row in rows]
    heads = params.choice("rawOrLabelHeaders", ("raw", "label"), "raw")
    named = label_headers(project.shape, exporter.flat_header()) if heads == "label" else None
    return rows_answer(fmt, exporter.flat_header(), rows, named)


class _Exporter:
    """One export under way; keeps what is the same for every record."""

    def __init__(self, project: Project, user: User, selection: Selection, quirks: Quirks) -> None:
        self._project, self._shape, self._user = project, project.shape, user
        self._selection, self._quirks = selection, quirks
        self._placed: dict[tuple[str, str], tuple[str, ...]] = {}
        self._forms = frozenset(self._shape.columns[column] for column in selection.columns)

    def flat_header(self) -> list[str]:
        """The columns of a flat row, in order."""
        columns = list(self._selection.columns)
        if not self._selection.with_id:
            return columns
        return [
            self._shape.id_field,
            *self._pseudo_names(),
            *(c for c in columns if c != self._shape.id_field),
        ]

    def flat(self) -> Iterator[FlatRow]:
        """Flat rows."""
        if self._ids_suffice():
            yield from self._ids_only()
            return
        header = self.flat_header()
        for record_id, record in self._project.records.items(self._selection.record_ids):
            for key in self._keys(record):
                values = self._values(record, key)
                row = self._pseudo(record, key) if self._selection.with_id else {}
                row.update(values)
                if self._selection.with_id:
                    row[self._shape.id_field] = self._shown_id(record_id)
                yield {column: row.get(column, "") for column in header}

    def eav_header(self) -> list[str]:
        """The columns of an EAV row."""
        return ["record", *self._pseudo_names(), "field_name", "value"]

    def eav(self) -> Iterator[FlatRow]:
        """A row for each value that is not empty, and for each ticked code of a checkbox."""
        for record_id, record in self._project.records.items(self._selection.record_ids):
            for key in self._keys(record):
                head = {"record": self._shown_id(record_id), **self._pseudo(record, key)}
                values = self._values(record, key)
                if self._selection.with_id:
                    values[self._shape.id_field] = self._shown_id(record_id)
                for column, value in values.items():
                    for name, text in self._facts(column, value):
                        yield {**head, "field_name": name, "value": text}

    def _facts(self, column: str, value: str) -> Iterator[tuple[str, str]]:
        item = self._shape.field_of_column.get(column)
        if item is not None and item.kind == "checkbox":
            if value == "1":
                yield item.name, next(code for code in item.choices if item.column_of(code) == column)
        elif value:
            yield column, value

    def _ids_suffice(self) -> bool:
        # The id-only export of a classic project is every id; no need to build 100,000 records for it.
        selection = self._selection
        plain = not self._shape.longitudinal and not self._quirks.id_only_lists_repeats
        return selection.only_id and plain and selection.test is None and not selection.with_groups

    def _ids_only(self) -> Iterator[FlatRow]:
        pseudo = dict.fromkeys(self._pseudo_names(), "")
        for record_id in self._selection.record_ids:
            yield {self._shape.id_field: self._shown_id(record_id), **pseudo}

    def _pseudo_names(self) -> list[str]:
        names = ["redcap_event_name"] if self._shape.longitudinal else []
        if self._shape.repeats:
            names += ["redcap_repeat_instrument", "redcap_repeat_instance"]
        return names + (["redcap_data_access_group"] if self._selection.with_groups else [])

    def _pseudo(self, record: Record, key: RowKey) -> FlatRow:
        every = {
            "redcap_event_name": key.event,
            "redcap_repeat_instrument": key.instrument,
            "redcap_repeat_instance": key.instance or "",
            "redcap_data_access_group": record.dag,
        }
        return {name: every[name] for name in self._pseudo_names()}

    def _keys(self, record: Record) -> list[RowKey]:
        order, forms = self._shape.event_order, self._shape.form_order
        keys = [
            key for key in record.rows if key.event in self._selection.events and self._wanted(record, key)
        ]
        return sorted(keys, key=lambda key: (order[key.event], forms[key.instrument], key.instance))

    def _wanted(self, record: Record, key: RowKey) -> bool:
        selection = self._selection
        if key.instrument and key.instrument not in self._forms:
            listed = selection.only_id and self._quirks.id_only_lists_repeats
            if not listed:
                return False
        if selection.test is not None and not selection.test(_with_base(record, key)):
            return False
        return selection.with_id or any(record.rows[key].get(column) for column in selection.columns)

    def _values(self, record: Record, key: RowKey) -> Row:
        row = record.rows[key]
        return {column: row.get(column) or self._unset(column) for column in self._on_row(key)}

    def _on_row(self, key: RowKey) -> tuple[str, ...]:
        place = (key.event, key.instrument)
        if place not in self._placed:
            forms = self._shape.forms_of_row(*place)
            self._placed[place] = tuple(c for c in self._selection.columns if self._shape.columns[c] in forms)
        return self._placed[place]

    def _unset(self, column: str) -> str:
        item = self._shape.field_of_column.get(column)
        if item is None:
            return "" if self._selection.blank_unopened else "0"
        return "0" if item.kind == "checkbox" else ""

    def _shown_id(self, record_id: str) -> str:
        if not self._user.hashed_ids:
            return record_id
        return hashlib.sha256(f"{self._shape.project_id}:{record_id}".encode()).hexdigest()[:32]


def label_headers(shape: Shape, columns: Sequence[str]) -> list[str]:
    """The columns' labels, which stand in the first line of a CSV if they are asked for."""
    return [_label_of_column(shape, column) for column in columns]


def _label_of_column(shape: Shape, column: str) -> str:
    item = shape.field_of_column.get(column)
    if item is None:
        return PSEUDO_LABELS.get(column, "Complete?")
    label = str(item.metadata()["field_label"])
    if item.kind != "checkbox":
        return label
    code = next(code for code in item.choices if item.column_of(code) == column)
    return f"{label} (choice={item.choices[code]})"


PSEUDO_LABELS = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "redcap_data_access_group": "Data Access Group",
}


def _with_base(record: Record, key: RowKey) -> Mapping[str, str]:
    # A condition on the base row's fields holds for the repeats of the same event as well.
    return {**record.rows.get(RowKey(key.event), {}), **record.rows[key]}


def _labelled(shape: Shape, row: FlatRow) -> FlatRow:
    return {column: _label(shape, column, value) for column, value in row.items()}


def _label(shape: Shape, column: str, value: Any) -> Any:
    return _labels(shape, column).get(value, value)


def _labels(shape: Shape, column: str) -> Mapping[str, str]:
    if column == "redcap_event_name":
        return {event.unique: event.name for event in shape.events}
    if column == "redcap_repeat_instrument":
        return shape.forms
    if column == "redcap_data_access_group":
        return {group.unique: group.name for group in shape.groups}
    item = shape.field_of_column.get(column)
    if item is None:
        return COMPLETE_LABELS if column in shape.columns else {}
    return {"0": "Unchecked", "1": "Checked"} if item.kind == "checkbox" else item.choices
