"""Checks a source definition against its REDCap project. Pure.

What is found here would otherwise be a blank on the scanner, or every row rejected. Every problem names the
key of the definition, and what the project has instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from lambdas.redcap.row import DATA_ACCESS_GROUP, PSEUDO_FIELDS
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.choices import choice_problems
from lambdas.sources.dictionary.fields import Project, base_name
from lambdas.sources.dictionary.formats import format_problems
from lambdas.sources.dictionary.units import unit_problems
from lambdas.sources.dictionary.words import labelled, listed
from lambdas.sources.dictionary.write_back import feedback_problems, write_back_problems
from shared.text.spelling import did_you_mean

_VALUELESS: Final = frozenset({"descriptive", "file"})


def problems_of(definition: SourceDefinition, project: Project) -> Iterator[str]:
    """Yield what the definition says of the project that is not so."""
    if project.fields and project.fields[0].name != definition.record_id_field:
        yield f"record_id_field: the project's first field is {project.fields[0].name}"
    yield from _unknown_fields(definition, project)
    yield from _unknown_codes(definition, project)
    yield from _misplaced(definition, project)
    if project.event_forms is not None:
        yield from _unknown_events(definition, project.event_forms)


def misfits_of(definition: SourceDefinition, project: Project) -> Iterator[str]:
    """Yield what names fields that exist, and would go wrong with them.

    Asked when a definition is applied, not at every sync: a project that changes under a definition costs
    the scans it concerns, never the whole source.
    """
    yield from format_problems(definition, project)
    yield from unit_problems(definition, project)
    yield from choice_problems(definition, project)
    if definition.write_back is not None:
        yield from write_back_problems(definition.write_back, project)
    yield from feedback_problems(definition.written_feedback(), project)


def _unknown_fields(definition: SourceDefinition, project: Project) -> Iterator[str]:
    for key, name in _named(definition):
        column = project.column(name)
        if column is not None:
            if column.kind in _VALUELESS:
                yield f"{key}: {name} is a {column.kind} field, which has no value to use"
            continue
        checkbox = project.checkbox(name)
        if checkbox is not None:
            said = "is a checkbox" if name == checkbox.name else "is no column of the checkbox"
            yield f"{key}: {name} {said}; its columns are {listed(checkbox.columns())}"
        elif name in definition.parts:
            yield f'{key}: {name} is a part; write "{{{name}}}" to use it'
        else:
            close = did_you_mean(base_name(name), project.columns())
            yield f"{key}: the project has no field {name}{close}"


def _named(definition: SourceDefinition) -> Iterator[tuple[str, str]]:
    yield from (pair for pair in definition.named_fields() if pair[1] not in PSEUDO_FIELDS)
    feedback = definition.written_feedback()
    for name in definition.written_fields():
        yield "feedback" if name == feedback else "write_back", name


def _unknown_codes(definition: SourceDefinition, project: Project) -> Iterator[str]:
    for key, name, codes in _named_codes(definition):
        known = _codes_of(name, project)
        for code in codes if known else ():
            if code not in known:
                close = did_you_mean(code, known)
                yield f"{key}: {name} has no code {code}; it has {listed(labelled(known))}{close}"
    if project.groups is not None:
        for group in sorted(definition.sites_by_dag.keys() - set(project.groups)):
            close = did_you_mean(group, project.groups)
            yield f"sites_by_dag: the project has no data access group {group}{close}"


def _named_codes(definition: SourceDefinition) -> Iterator[tuple[str, str, Collection[str]]]:
    """Yield key, field and codes, wherever codes are compared with what REDCap sends as it is."""
    for number, condition in enumerate(definition.rows.where):
        yield f"rows.where.{number}", condition.field, condition.codes()
    for number, gate in enumerate(definition.gates):
        yield from ((f"gates.{number}", name, codes) for name, codes in gate.conditions())
    for name, part in definition.parts.items():
        if part.values is not None and not part.transforms:
            yield f"parts.{name}.values", part.field, part.values
    for target, mapping in definition.fields.items():
        if mapping.field is not None and mapping.values is not None and not mapping.transforms:
            yield f"fields.{target}.values", mapping.field, mapping.values
    if definition.protocol is not None and not definition.protocol.transforms:
        yield "protocol.codes", definition.protocol.field, definition.protocol.codes


def _codes_of(name: str, project: Project) -> dict[str, str]:
    if name == "redcap_event_name":
        return dict.fromkeys(project.event_forms or (), "")
    if name == DATA_ACCESS_GROUP:
        return dict.fromkeys(project.groups or (), "")
    column = project.column(name)
    return dict(column.codes) if column is not None else {}


def _misplaced(definition: SourceDefinition, project: Project) -> Iterator[str]:
    """Yield the fields that never stand on the row they are looked for on."""
    own = definition.rows
    for key, name in _named(definition):
        column = project.column(name)
        if column is None or name == definition.record_id_field:
            continue
        number, join = next(
            ((n, join) for n, join in enumerate(definition.joins) if name in join.fields), (0, None)
        )
        if join is not None:
            if join.instrument and column.form != join.instrument and key == f"joins.{number}":
                yield f"{key}: {name} is on the form {column.form}, not on {join.instrument}"
            events = join.events or (own.events if join.pick == "same" else ())
        else:
            if own.instrument and column.form != own.instrument:
                said = f"{name} is on the form {column.form}, not on {own.instrument}"
                yield f"{key}: {said}; take it from there by joins"
            events = own.events
        if project.event_forms and not _is_in(column.form, events, project.event_forms):
            yield f"{key}: {name} is on the form {column.form}, which none of its events has; use joins"
        elif project.event_forms and key in {"write_back", "feedback"}:
            # What is read may be missing in an event; what is to be written has nowhere to go there.
            for event in (each for each in events if each in project.event_forms):
                if column.form not in project.event_forms[event]:
                    yield f"{key}: {name} is on the form {column.form}, which the event {event} does not have"


def _is_in(form: str, events: Collection[str], event_forms: Mapping[str, Collection[str]]) -> bool:
    return any(form in event_forms.get(event, ()) for event in events or event_forms)


def _unknown_events(definition: SourceDefinition, known: Collection[str]) -> Iterator[str]:
    named = [("rows.events", name) for name in definition.rows.events]
    named += [
        (f"joins.{number}.events", name)
        for number, join in enumerate(definition.joins)
        for name in join.events
    ]
    for key, name in named:
        if name not in known:
            yield f"{key}: the project has no event {name}{did_you_mean(name, known)}"
