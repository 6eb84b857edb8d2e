"""A REDCap project by its metadata: fields, columns, choices, events, groups. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_CHOOSING: Final = frozenset({"radio", "dropdown", "checkbox"})
_YES_NO: Final = {
    "yesno": {"1": "Yes", "0": "No"},
    "truefalse": {"1": "True", "0": "False"},
}
_TICKED: Final = {"0": "not ticked", "1": "ticked"}
_COMPLETE: Final = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}


@dataclass(frozen=True)
class ProjectField:
    """One field of the data dictionary, or one column of it.

    :param form: the instrument it is on.
    :param kind: REDCap's ``field_type``; empty if the metadata does not tell.
    :param codes: code -> label, of a field with choices; empty if anything can stand in it.
    :param validation: ``text_validation_type_or_show_slider_number``; empty if there is none.
    :param label: what people see as the question; ``note`` what they see below it.
    """

    name: str
    form: str
    kind: str
    codes: Mapping[str, str]
    validation: str
    label: str = ""
    note: str = ""

    def columns(self) -> tuple[str, ...]:
        """Return its columns in an export: one, or one for each code of a checkbox."""
        if self.kind != "checkbox":
            return (self.name,)
        return tuple(checkbox_column(self.name, code) for code in self.codes)


class Project:
    """What is known of a project.

    :param metadata: REDCap's ``content=metadata``: rows with ``field_name`` and ``form_name``, in order.
    :param event_forms: a longitudinal project's events by unique name, each with its forms
        (``content=formEventMapping``); None: not asked, or not longitudinal.
    :param groups: unique names of the data access groups (``content=dag``); None: not asked.
    :param missing: the project's own missing-data codes.
    """

    def __init__(
        self,
        metadata: Iterable[Mapping[str, str]],
        event_forms: Mapping[str, Collection[str]] | None = None,
        groups: Collection[str] | None = None,
        missing: Collection[str] = (),
    ) -> None:
        self.missing = missing
        self.fields = [_field(row) for row in metadata]
        self.event_forms, self.groups = event_forms, groups
        self._by_name = {field.name: field for field in self.fields}
        self._columns: dict[str, ProjectField] = {}
        for field in self.fields:
            self._columns.update((column, _column(field, column)) for column in field.columns())
            status = f"{field.form}_complete"
            self._columns.setdefault(status, ProjectField(status, field.form, "dropdown", _COMPLETE, ""))

    def column(self, name: str) -> ProjectField | None:
        """Return what a column of an export is, None if the project does not have it."""
        if name in self._columns:
            return self._columns[name]
        base = self._by_name.get(base_name(name))
        # Metadata without types cannot tell a checkbox's columns.
        return base if base is not None and not base.kind and name != base.name else None

    def checkbox(self, name: str) -> ProjectField | None:
        """Return the checkbox that a name is or claims to be a column of."""
        base = self._by_name.get(base_name(name))
        return base if base is not None and base.kind == "checkbox" else None

    def columns(self) -> Collection[str]:
        """Return the names of all columns."""
        return self._columns.keys()


def base_name(field: str) -> str:
    """Return the name a field is asked for by: checkbox columns ``field___code`` belong to ``field``."""
    return field.partition("___")[0]


def checkbox_column(name: str, code: str) -> str:
    """Return the column of a checkbox's code; characters a column cannot have become ``_``."""
    return f"{name}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"


def _field(row: Mapping[str, str]) -> ProjectField:
    kind = row.get("field_type", "")
    codes = _YES_NO.get(kind, {})
    if kind in _CHOOSING:
        codes = _choices(row.get("select_choices_or_calculations", ""))
    return ProjectField(
        name=row.get("field_name", ""),
        form=row.get("form_name", ""),
        kind=kind,
        codes=codes,
        validation=row.get("text_validation_type_or_show_slider_number", "") if kind == "text" else "",
        label=row.get("field_label", ""),
        note=row.get("field_note", ""),
    )


def _column(field: ProjectField, column: str) -> ProjectField:
    if field.kind != "checkbox":
        return field
    return ProjectField(column, field.form, "checkbox", _TICKED, "")


def _choices(text: str) -> dict[str, str]:
    """Read ``1, Male | 2, Female``."""
    entries = (entry.partition(",") for entry in text.split("|"))
    return {code.strip(): label.strip() for code, _, label in entries if code.strip()}
