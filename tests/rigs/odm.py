"""A project of REDCap's own XML (ODM), as REDCap writes it, for the simulator: design and data."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from infra.redcap_simulator import Project
from infra.redcap_simulator.project.project import Event, Field, Group, Role, Shape, User
from infra.redcap_simulator.project.records import Record, RecordStore, Row, RowKey

_ODM: Final = "{http://www.cdisc.org/ns/odm/v1.3}"
_REDCAP: Final = "{https://projectredcap.org}"
_KINDS: Final[dict[str, str]] = {"select": "dropdown", "textarea": "notes"}
_VALIDATIONS: Final = {"float": "number", "int": "integer"}


def project_of(file: Path, project_id: int, token: str) -> Project:
    """Return the project of a file, with one user who may do everything."""
    root = ElementTree.parse(file).getroot()
    forms = {_own(each, "FormName"): each.get("Name", "") for each in root.iter(f"{_ODM}FormDef")}
    events = _events(root, tuple(forms))
    arms = {
        int(_own(e, "ArmNum")): _own(e, "ArmName")
        for e in root.iter(f"{_ODM}StudyEventDef")
        if _own(e, "ArmNum")
    }
    groups = tuple(
        Group(name, name.lower().replace(" ", "_"), number)
        for number, name in enumerate(
            (e.get("group_name", "") for e in root.iter(f"{_REDCAP}DataAccessGroups")), 1
        )
    )
    shape = Shape(
        project_id,
        file.stem,
        _fields(root),
        forms,
        events,
        arms=arms if events[0].unique else {},
        groups=groups,
    )
    project = Project(shape, (User("owner", token),), RecordStore())
    for each in root.iter(f"{_REDCAP}UserRoles"):
        role = Role(each.get("unique_role_name", ""), each.get("role_name", ""))
        project.roles[role.unique] = role
    for subject in root.iter(f"{_ODM}SubjectData"):
        project.records.put(subject.get("SubjectKey", ""), _record(subject, shape), datetime.now(UTC))
    return project


def _own(element: ElementTree.Element, name: str) -> str:
    return element.get(f"{_REDCAP}{name}", "")


def _events(root: ElementTree.Element, forms: tuple[str, ...]) -> tuple[Event, ...]:
    repeating: dict[str, list[str]] = defaultdict(list)
    for each in root.iter(f"{_REDCAP}RepeatingInstrument"):
        repeating[_own(each, "UniqueEventName")].append(_own(each, "RepeatInstrument"))
    found = [
        Event(
            _own(each, "EventName"),
            _own(each, "UniqueEventName"),
            int(_own(each, "ArmNum")),
            tuple(_own(form, "FormName") for form in each.iter(f"{_ODM}FormRef")),
            repeating_forms=tuple(repeating[_own(each, "UniqueEventName")]),
        )
        for each in root.iter(f"{_ODM}StudyEventDef")
        if _own(each, "UniqueEventName")
    ]
    return tuple(found) or (Event("", "", 1, forms),)


def _fields(root: ElementTree.Element) -> tuple[Field, ...]:
    form_of = {
        item.get("ItemOID", ""): group.get("OID", "").partition(".")[0]
        for group in root.iter(f"{_ODM}ItemGroupDef")
        for item in group.iter(f"{_ODM}ItemRef")
    }
    choices = {each.get("OID", ""): _choices(each) for each in root.iter(f"{_ODM}CodeList")}
    fields: dict[str, Field] = {}
    for each in root.iter(f"{_ODM}ItemDef"):
        name, kind = _own(each, "Variable"), _own(each, "FieldType")
        if not kind or name.endswith("_complete"):
            continue
        listed = each.find(f"{_ODM}CodeListRef")
        codes = choices.get(listed.get("CodeListOID", ""), {}) if listed is not None else {}
        if kind == "checkbox":
            code = each.get("OID", "").partition("___")[2]
            label = "".join(_texts(each)).partition("(choice=")[2].rstrip(")") or code
            codes = {**(fields[name].choices if name in fields else {}), code: label}
        fields[name] = Field(
            name,
            form_of[each.get("OID", "")],
            _KINDS.get(kind, kind),
            next(iter(_texts(each)), ""),
            {} if kind == "calc" else codes,
            _VALIDATIONS.get(_own(each, "TextValidationType"), _own(each, "TextValidationType")),
        )
    return tuple(fields.values())


def _texts(element: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in element.iter(f"{_ODM}TranslatedText")]


def _choices(code_list: ElementTree.Element) -> dict[str, str]:
    return {
        each.get("CodedValue", ""): next(iter(_texts(each)), "")
        for each in code_list.iter(f"{_ODM}CodeListItem")
    }


def _record(subject: ElementTree.Element, shape: Shape) -> Record:
    rows: dict[RowKey, Row] = defaultdict(dict)
    containers = list(subject.iter(f"{_ODM}StudyEventData")) or [subject]
    for container in containers:
        event = _own(container, "UniqueEventName")
        for form in container.iter(f"{_ODM}FormData"):
            name = form.get("FormOID", "").removeprefix("Form.")
            repeats = name in shape.events_by_name[event].repeating_forms
            key = RowKey(event, name, int(form.get("FormRepeatKey", "1"))) if repeats else RowKey(event)
            for item in form.iter(f"{_ODM}ItemData"):
                column, value = item.get("ItemOID", ""), item.get("Value", "")
                field = shape.field_of_column.get(column)
                is_calculated = field is not None and field.kind == "calc"  # REDCap imports none
                if column in shape.columns and value and not is_calculated:
                    rows[key][column] = value
        rows[RowKey(event)].setdefault(shape.id_field, subject.get("SubjectKey", ""))
    return Record(dict(rows))
