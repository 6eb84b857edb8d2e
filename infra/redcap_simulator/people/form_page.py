"""What a person sees who opens a form by its address: `redcap_vX/DataEntry/index.php?pid=1&id=7&page=mri`.

As strict as REDCap, or stricter: an address that does not lead to one form is refused with the reason, so
that a test of an address finds what is wrong with it. Nothing can be typed here: `control` saves forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from infra.redcap_simulator.project.project import Event, Project, Shape
from infra.redcap_simulator.project.records import Record, Row, RowKey


class FormPage(NamedTuple):
    """An answer: status and HTML."""

    status: int
    html: str


class Wrong(LookupError):
    """An address that leads nowhere, and why."""


def record_home(project: Project, asked: Mapping[str, str]) -> FormPage:
    """Return a record's home page: which forms it has."""
    try:
        name, record = _record(project, asked)
    except Wrong as wrong:
        return _refused(wrong)
    rows = "".join(f"<li>{escape(_place(project.shape, key))}</li>" for key in record.rows)
    return _page(project, f"Record Home Page: {name}", f"<ul>{rows}</ul>")


def form(project: Project, asked: Mapping[str, str]) -> FormPage:
    """Return a form with what is typed into it.

    :param asked: ``id``, ``page``, and if need be ``event_id`` and ``instance``.
    """
    try:
        name, record = _record(project, asked)
        event = _event(project.shape, asked.get("event_id", ""))
        instrument, instance = _instrument(event, asked.get("page", "")), asked.get("instance", "1")
        row = _row(record, event, instrument, instance)
    except Wrong as wrong:
        return _refused(wrong)
    shape, own = project.shape, [item for item in project.shape.fields if item.form == instrument]
    typed = "".join(
        f"<tr><th>{escape(item.name)}</th><td>{escape(row.get(item.name, ''))}</td></tr>" for item in own
    )
    where = f"{shape.forms[instrument]}, {event.unique or 'the only event'}, instance {instance}"
    return _page(project, f"Record {name}", f"<h2>{escape(where)}</h2><table>{typed}</table>")


def _record(project: Project, asked: Mapping[str, str]) -> tuple[str, Record]:
    name = asked.get("id", "")
    record = project.records.get(name) if name in project.records else None
    if record is None:
        raise Wrong("id: there is no such record")
    return name, record


def _event(shape: Shape, number: str) -> Event:
    if not number and not shape.longitudinal:
        return shape.events[0]
    known = {str(number): shape.events_by_name[unique] for unique, number in shape.event_ids.items()}
    if number not in known:
        raise Wrong("event_id: there is no such event in this project")
    return known[number]


def _instrument(event: Event, name: str) -> str:
    if name not in event.forms:
        raise Wrong(f"page: {name!r} is no form of this event")
    return name


def _row(record: Record, event: Event, instrument: str, instance: str) -> Row:
    if not instance.isdecimal() or int(instance) < 1:
        raise Wrong("instance: is not a number from 1")
    repeats = event.repeating or instrument in event.repeating_forms
    if not repeats and instance != "1":
        raise Wrong("instance: this form does not repeat")
    key = RowKey(event.unique)
    if repeats:
        key = RowKey(event.unique, "" if event.repeating else instrument, int(instance))
    return record.rows.get(key, {})  # a form that nobody has filled in is shown empty


def _place(shape: Shape, key: RowKey) -> str:
    event = shape.events_by_name[key.event].name
    form = shape.forms.get(key.instrument, "")
    return ", ".join(filter(None, (event, form, f"instance {key.instance}" if key.instance else "")))


def _page(project: Project, heading: str, body: str) -> FormPage:
    title = escape(project.shape.title)
    return FormPage(
        200,
        f"<!DOCTYPE html><html lang='en'><head><title>{title} | REDCap simulator</title></head>"
        f"<body><p>{title}</p><h1>{escape(heading)}</h1>{body}</body></html>",
    )


def _refused(wrong: Wrong) -> FormPage:
    return FormPage(
        404,
        "<!DOCTYPE html><html lang='en'><head><title>REDCap simulator</title></head>"
        f"<body><h1>ERROR</h1><p>{escape(str(wrong))}</p></body></html>",
    )
