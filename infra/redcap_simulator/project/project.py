"""The shape of a project: fields, forms, arms, events, groups; and the people with tokens to it.

A classic project is written as one unnamed event that carries every form, so that the rest of the simulator
knows one case only; `Shape.longitudinal` tells which one the outside sees.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

from infra.redcap_simulator.project.log import Entry, Log
from infra.redcap_simulator.project.records import RecordStore, RowKey

Compute = Callable[[Mapping[str, str]], str]
ExportRight = Literal["full", "no_identifiers", "none"]

COMPLETE_LABELS = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}


@dataclass(frozen=True)
class Field:
    """One line of the data dictionary; `compute` makes it a read-only calculated field."""

    name: str
    form: str
    kind: str = "text"
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    validation: str = ""
    identifier: bool = False
    required: bool = False
    annotation: str = ""
    compute: Compute | None = None
    formula: str = ""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The field's columns in a flat export: one, or one for each code of a checkbox."""
        if self.kind != "checkbox":
            return (self.name,)
        return tuple(self.column_of(code) for code in self.choices)

    def column_of(self, code: str) -> str:
        """The column of a checkbox's code; characters a column name cannot hold become `_`."""
        return f"{self.name}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"

    def metadata(self) -> dict[str, str]:
        """The field as `content=metadata` shows it."""
        choices = " | ".join(f"{code}, {label}" for code, label in self.choices.items())
        return {
            "field_name": self.name,
            "form_name": self.form,
            "section_header": "",
            "field_type": self.kind,
            "field_label": self.label or self.name.replace("_", " ").capitalize(),
            "select_choices_or_calculations": self.formula or choices,
            "field_note": "",
            "text_validation_type_or_show_slider_number": self.validation,
            "text_validation_min": "",
            "text_validation_max": "",
            "identifier": "y" if self.identifier else "",
            "branching_logic": "",
            "required_field": "y" if self.required else "",
            "custom_alignment": "",
            "question_number": "",
            "matrix_group_name": "",
            "matrix_ranking": "",
            "field_annotation": self.annotation,
        }


@dataclass(frozen=True)
class Event:
    """An event of an arm, the forms designated for it, and what of it repeats."""

    name: str
    unique: str
    arm: int
    forms: tuple[str, ...]
    repeating: bool = False
    repeating_forms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A data access group; a site, usually."""

    name: str
    unique: str
    number: int


@dataclass(frozen=True)
class User:
    """A person (or program) with a token, and what the token may do."""

    name: str
    token: str
    export: ExportRight = "full"
    can_import: bool = True
    can_delete: bool = True
    can_rename: bool = True
    can_log: bool = True
    can_design: bool = True
    dag: str = ""
    hashed_ids: bool = False
    role: str = ""


@dataclass(frozen=True)
class Role:
    """Rights under a name: `rights` has the names of `User`'s."""

    unique: str
    label: str
    rights: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """What a project is before anybody has typed anything into it."""

    project_id: int
    title: str
    fields: tuple[Field, ...]
    forms: Mapping[str, str]
    events: tuple[Event, ...]
    arms: Mapping[int, str] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    missing_codes: Mapping[str, str] = field(default_factory=dict)
    autonumber: bool = False

    @property
    def id_field(self) -> str:
        """The record id is the first field of the dictionary, whatever its name."""
        return self.fields[0].name

    @property
    def longitudinal(self) -> bool:
        """Whether the project has events that have names."""
        return not self.events or self.events[0].unique != ""

    @cached_property
    def repeats(self) -> bool:
        """Whether anything in the project repeats."""
        return any(event.repeating or event.repeating_forms for event in self.events)

    @cached_property
    def fields_by_name(self) -> dict[str, Field]:
        """Fields by name."""
        return {item.name: item for item in self.fields}

    @cached_property
    def columns(self) -> dict[str, str]:
        """Every column of a flat export, in order, with its form; `<form>_complete` closes each form."""
        columns: dict[str, str] = {}
        for form in self.forms:
            for item in self.fields:
                if item.form == form:
                    columns.update(dict.fromkeys(item.columns, form))
            columns[f"{form}_complete"] = form
        return columns

    @cached_property
    def field_of_column(self) -> dict[str, Field]:
        """The field behind each column; form status columns have none."""
        return {column: item for item in self.fields for column in item.columns}

    @cached_property
    def events_by_name(self) -> dict[str, Event]:
        """Events by unique name, in the project's order."""
        return {event.unique: event for event in self.events}

    @cached_property
    def event_ids(self) -> dict[str, int]:
        """Number of each event, as addresses and ``content=event`` have it."""
        return {event.unique: self.project_id * 1000 + number for number, event in enumerate(self.events, 1)}

    @cached_property
    def event_order(self) -> dict[str, int]:
        """Position of each event."""
        return {event.unique: position for position, event in enumerate(self.events)}

    @cached_property
    def form_order(self) -> dict[str, int]:
        """Position of each form; the base row, whose instrument is empty, comes first."""
        return {"": -1, **{form: position for position, form in enumerate(self.forms)}}

    @cached_property
    def group_names(self) -> frozenset[str]:
        """Unique names of the data access groups."""
        return frozenset(group.unique for group in self.groups)

    def forms_of_row(self, event: str, instrument: str) -> frozenset[str]:
        """The forms whose values stand on a row of this event and repeat instrument."""
        known = self.events_by_name[event]
        if instrument:
            return frozenset({instrument})
        return frozenset(known.forms) - frozenset(known.repeating_forms)


@dataclass
class Project:
    """A project as it is now: shape, people, records, log, locks, and where its data entry trigger goes.

    `locked` holds (record, row, form): nobody may change such a form before somebody unlocks it.
    """

    shape: Shape
    users: tuple[User, ...]
    records: RecordStore
    log: Log = field(default_factory=Log)
    det_url: str = ""
    roles: dict[str, Role] = field(default_factory=dict)
    locked: set[tuple[str, RowKey, str]] = field(default_factory=set)

    @property
    def project_id(self) -> int:
        """REDCap's number for the project."""
        return self.shape.project_id

    def user(self, name: str = "relay") -> User:
        """The user of that name; KeyError when there is none."""
        for user in self.users:
            if user.name == name:
                return user
        raise KeyError(name)

    def token(self, name: str = "relay") -> str:
        """The token of the user of that name."""
        return self.user(name).token

    def note_design(self, now: datetime, user: User, details: str) -> None:
        """Write into the log that the design has changed."""
        self.log.add(Entry(now, user.name, "manage", "Manage/Design", details))

    def revoke(self, name: str) -> None:
        """Take a user's token away, as an administrator would."""
        gone = self.user(name)
        self.users = tuple(replace(user, token="") if user is gone else user for user in self.users)


def token_for(project: str, user: str, seed: int) -> str:
    """A token of 32 hexadecimal characters, the same for the same seed."""
    return hashlib.sha256(f"{seed}:{project}:{user}".encode()).hexdigest()[:32].upper()
