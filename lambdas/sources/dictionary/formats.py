"""Which of REDCap's formats can hold a worklist field's value: a table of both. Pure.

What is refused here would reject every row, or put a number where a time belongs. REDCap's own validations
are all listed; one that a site has added, and a field without one, may hold anything, and their values are
judged row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.fields import Project, ProjectField
from lambdas.sources.field_mapping import ITEM_FIELDS, FieldMapping, ValueRules
from lambdas.sources.field_values import DATES, MEASURES, NAMES, TIMES


class Format(Enum):
    """What a REDCap field holds."""

    ANY = "anything"
    LETTERS = "letters"
    DATE = "a date"
    DATE_TIME = "a date and a time"
    TIME = "a time of day"
    STOPWATCH = "minutes and seconds"
    WHOLE = "a whole number"
    NUMBER = "a number"
    DECIMAL = "a number with decimals"
    COMMA = "a number with a decimal comma"
    THREE_AFTER_COMMA = "a number with three digits after a comma"
    NUMBERED = "a number that names somebody"
    CONTACT = "a way to reach somebody"


_DATES: Final = {f"date_{order}": Format.DATE for order in ("dmy", "mdy", "ymd")}
_DATE_TIMES: Final = {
    f"datetime{seconds}_{order}": Format.DATE_TIME
    for seconds in ("", "_seconds")
    for order in ("dmy", "mdy", "ymd")
}
_DECIMALS: Final = {f"number_{places}dp": Format.DECIMAL for places in (1, 2, 3, 4)}
_COMMAS: Final = {f"number_{places}dp_comma_decimal": Format.COMMA for places in (1, 2, 4)}
_CONTACTS: Final = (
    "email",
    "phone",
    "phone_australia",
    "phone_uk",
    "postalcode_australia",
    "postalcode_canada",
    "postalcode_french",
    "postalcode_germany",
    "postalcode_uk",
    "zipcode",
)
_NUMBERED: Final = ("mrn_10d", "mrn_generic", "vmrn", "ssn")

VALIDATIONS: Final[dict[str, Format]] = {
    **_DATES,
    **_DATE_TIMES,
    "time": Format.TIME,
    "time_hh_mm_ss": Format.TIME,
    "time_mm_ss": Format.STOPWATCH,
    "integer": Format.WHOLE,
    "number": Format.NUMBER,
    **_DECIMALS,
    "number_comma_decimal": Format.COMMA,
    **_COMMAS,
    "number_3dp_comma_decimal": Format.THREE_AFTER_COMMA,
    "alpha_only": Format.LETTERS,
    **dict.fromkeys(_NUMBERED, Format.NUMBERED),
    **dict.fromkeys(_CONTACTS, Format.CONTACT),
}
"""REDCap's own validations (``text_validation_type_or_show_slider_number`` of a text field)."""

_NUMBERS: Final = {Format.WHOLE, Format.NUMBER, Format.DECIMAL, Format.COMMA, Format.THREE_AFTER_COMMA}
_WORDS: Final = frozenset({Format.ANY, Format.LETTERS, Format.WHOLE, Format.NUMBER, Format.NUMBERED})

_HOLDS: Final[dict[str, tuple[str, frozenset[Format]]]] = {
    **dict.fromkeys(DATES, ("a date", frozenset({Format.ANY, Format.DATE, Format.DATE_TIME}))),
    **dict.fromkeys(TIMES, ("a time", frozenset({Format.ANY, Format.TIME, Format.DATE_TIME}))),
    **dict.fromkeys(MEASURES, ("a number", frozenset({Format.ANY, *_NUMBERS}))),
    **dict.fromkeys(NAMES, ("a name, or a number instead of one", _WORDS)),
    "patient_id": ("an identifier", _WORDS),
    "issuer_of_patient_id": ("the name of who gives identifiers", _WORDS),
    "patient_sex": ("M, F or O", frozenset({Format.ANY, Format.LETTERS})),
    **dict.fromkeys(
        (
            "requested_procedure_code_value",
            "requested_procedure_code_scheme",
            "reason_code_value",
            "reason_code_scheme",
            "requested_procedure_priority",
            "scheduled_procedure_step_location",
            "ethnic_group",
            "occupation",
        ),
        ("a text of at most 16 characters", _WORDS),
    ),
    "smoking_status": ("YES, NO or UNKNOWN", frozenset({Format.ANY, Format.LETTERS})),
    "pregnancy_status": ("1, 2, 3 or 4", frozenset({Format.ANY, Format.WHOLE, Format.NUMBER})),
    "modality": ("a modality, such as MR", frozenset({Format.ANY, Format.LETTERS})),
    "scheduled_station_aetitle": ("an AE title", _WORDS),
    "station_name": ("the name of a station", _WORDS),
    "hisris_coding_designator": ("the name of a coding scheme", _WORDS),
}
"""Worklist field -> what it must be, and the formats that can be that; any other field takes any text."""

_ADVICE: Final = {
    "a date": "map a field validated as a date or a date-time",
    "a time": "map a field validated as time (HH:MM), or a date-time",
    "a number": "map a field validated as a number",
}
_NO_CLOCK: Final = "minutes and seconds are no time of day"
_TAKES: Final = {"time": frozenset({Format.ANY, Format.TIME, Format.DATE_TIME})}
_TAKES_OF_A_DATE: Final = frozenset({Format.ANY, Format.DATE, Format.DATE_TIME})


def format_of(column: ProjectField) -> Format:
    """Return what a field holds, as far as the metadata tell."""
    if column.kind in {"calc", "slider"}:
        return Format.NUMBER
    return VALIDATIONS.get(column.validation, Format.ANY)


def wanted(target: str) -> str:
    """Return what a worklist field must be, in words."""
    return _HOLDS[target][0] if target in _HOLDS else "text"


def misfit(target: str, column: ProjectField) -> str:
    """Return what a worklist field must be, and what to do, if a REDCap field cannot be that; else empty."""
    if target not in _HOLDS:
        return ""
    must_be, formats = _HOLDS[target]
    held = format_of(column)
    # A calculation may make a date as well as a number, and does not say which.
    if held in formats or (column.kind == "calc" and target not in TIMES):
        return ""
    why = f" ({_NO_CLOCK})" if held is Format.STOPWATCH and target in TIMES else ""
    advice = _ADVICE.get(must_be, "map another field, or give values or transforms that make it one")
    return f"{must_be}{why}; {advice}"


def format_problems(definition: SourceDefinition, project: Project) -> Iterator[str]:
    """Yield the fields whose format says that they can never hold what they are mapped to."""
    for target, mapping in definition.fields.items():
        column = project.column(mapping.field) if mapping.field is not None else None
        if column is None or target not in ITEM_FIELDS:
            continue
        yield from _take_problems(f"fields.{target}", mapping, column)
        if not column.kind or column.codes or mapping.values is not None or mapping.transforms:
            continue
        if must_be := misfit(target, column):
            yield f"fields.{target}: {column.name} is {kind_of(column)}, and this must be {must_be}"
        yield from _comma_problems(target, mapping, column)
    for name, part in definition.parts.items():
        column = project.column(part.field)
        if column is not None:
            yield from _take_problems(f"parts.{name}", part, column)


def _take_problems(key: str, rules: ValueRules, column: ProjectField) -> Iterator[str]:
    part = rules.transforms[0].take if rules.transforms else None
    if part is not None and not column.codes:
        formats = _TAKES.get(part, _TAKES_OF_A_DATE)
        if column.kind != "calc" and format_of(column) not in formats:
            yield f"{key}.transforms: {column.name} is {kind_of(column)}, and has no {part} to take"


def _comma_problems(target: str, mapping: FieldMapping, column: ProjectField) -> Iterator[str]:
    held = format_of(column)
    if target not in MEASURES or column.kind != "text" or held not in _NUMBERS:
        return
    if held is Format.THREE_AFTER_COMMA and not mapping.decimal_comma:
        said = "a comma before three digits may mean thousands; set decimal_comma = true"
        yield f"fields.{target}: {column.name} is {kind_of(column)}: {said}"
    if mapping.decimal_comma and held not in {Format.COMMA, Format.THREE_AFTER_COMMA}:
        said = f"{column.name} is {kind_of(column)}, which has no comma"
        yield f"fields.{target}.decimal_comma: {said}; leave it out"


def kind_of(column: ProjectField) -> str:
    """Return a field's kind in words."""
    return f"validated as {column.validation}" if column.validation else f"a {column.kind} field"
