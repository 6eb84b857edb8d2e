"""Whether REDCap's fields can hold what is written back. Pure.

REDCap checks an import as it checks a form: a value that does not follow the validation, or is no choice, is
refused, and with it whatever is imported along with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lambdas.sources.definition import WriteBack
from lambdas.sources.dictionary.fields import Project, ProjectField
from lambdas.sources.dictionary.formats import Format, format_of, kind_of
from lambdas.sources.dictionary.words import labelled, listed
from shared.worklist_item import Status

_NEVER: Final = frozenset({"calc", "checkbox", "sql", "file", "descriptive", "slider"})
_WRITTEN: Final = (Status.SCHEDULED, Status.IN_PROGRESS, Status.COMPLETED, Status.DISCONTINUED)
_FREE: Final = frozenset({Format.ANY})
_COUNTS: Final = frozenset({Format.ANY, Format.WHOLE, Format.NUMBER, Format.COMMA})
_HOLDS: Final = {
    "start": ("a date and a time", frozenset({Format.ANY, Format.DATE_TIME})),
    "end": ("a date and a time", frozenset({Format.ANY, Format.DATE_TIME})),
    "duration": ("whole minutes", _COUNTS),
    "station": ("an AE title", _FREE),
    "discontinuation_reason": ("a code of DICOM's list", _FREE),
    "series_count": ("a whole number", _COUNTS),
    "completed_by": ("a word", _FREE),
}
"""What is told -> what it is, and the formats that can hold it."""


def write_back_problems(config: WriteBack, project: Project) -> Iterator[str]:
    """Yield the fields that cannot hold what they would be told."""
    for key, (told, formats) in _HOLDS.items():
        name = getattr(config, key)
        column = project.column(name) if name else None
        if column is None:
            continue
        if column.kind in _NEVER:
            yield _never(column)
        elif column.kind and (column.codes or format_of(column) not in formats or _has_places(column)):
            held = "a field with choices" if column.codes else kind_of(column)
            yield f"write_back.{key}: {name} is {held}, and is told {told}; {_advice(formats)}"
        elif key in {"start", "end"}:
            yield from _seconds(key, column, config)
    yield from _status(config, project)


def feedback_problems(name: str, project: Project) -> Iterator[str]:
    """Yield why a field cannot hold a sentence.

    :param name: empty if there is none.
    """
    column = project.column(name) if name else None
    if column is None or not column.kind:
        return
    if column.kind in _NEVER:
        yield f"feedback: {name} is a {column.kind} field, which nothing can be written to"
    elif column.codes or format_of(column) is not Format.ANY:
        held = "a field with choices" if column.codes else kind_of(column)
        advice = "map a notes field, or a text field without validation"
        yield f"feedback: {name} is {held}, and is told a sentence; {advice}"


def _status(config: WriteBack, project: Project) -> Iterator[str]:
    column = project.column(config.status) if config.status else None
    if column is None:
        return
    told = [config.status_values.get(state, state.value) for state in _WRITTEN]
    if missed := config.status_values.get(Status.NO_SHOW):
        told.append(missed)
    if column.kind in _NEVER:
        yield _never(column)
    elif column.codes:
        unknown = [text for text in told if text not in column.codes]
        if unknown:
            have = listed(labelled(column.codes))
            yield f"write_back.status_values: {column.name} has no code {listed(unknown)}; it has {have}"
    elif bad := [text for text in told if not _can_be(format_of(column), text)]:
        said = f"{column.name} is {kind_of(column)}, and cannot hold {listed(bad)}"
        yield f"write_back.status_values: {said}; map a text field without validation, or give status_values"


def _can_be(held: Format, text: str) -> bool:
    if held is Format.LETTERS:
        return text.isalpha()
    if held in {Format.WHOLE, Format.NUMBER, Format.COMMA}:
        return text.removeprefix("-").isdecimal()
    return held is Format.ANY


def _never(column: ProjectField) -> str:
    return f"write_back: {column.name} is a {column.kind} field, which nothing can be written to"


def _has_places(column: ProjectField) -> bool:
    """Tell whether a validation wants so and so many decimals, which a whole number has not."""
    return "dp" in column.validation


def _advice(formats: frozenset[Format]) -> str:
    if Format.DATE_TIME in formats:
        return "map a date-time field, or a text field without validation"
    if Format.WHOLE in formats:
        return "map a field validated as integer or number, or a text field without validation"
    return "map a text field without validation"


def _seconds(key: str, column: ProjectField, config: WriteBack) -> Iterator[str]:
    validation = column.validation
    if validation.startswith("datetime_") and validation.startswith("datetime_seconds_") != config.seconds:
        right = "false" if config.seconds else "true"
        said = f"{column.name} is validated as {validation}; set write_back.seconds = {right}"
        yield f"write_back.{key}: {said}"
