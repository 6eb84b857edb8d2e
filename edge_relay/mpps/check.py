"""What is wrong with an MPPS message: checked against `edge_relay.dicom.step_requirements`. Pure.

Every flaw has a kind, and every kind the DIMSE status a strict scanner is refused with (PS3.7 10.1.3.1.9
N-SET, 10.1.5.1.6 N-CREATE, Annex C.5). A lenient scanner's flaws become warnings of the event.

    kind          N-CREATE  N-SET
    not allowed   -         0105   the attribute may be created, and not set
    missing       0120      0121   PS3.7 knows no 0120 for N-SET
    empty         0121      0121
    invalid       0106      0106

Values are checked against their value representation, and type 1C attributes where the condition is in the
message itself: those of codes, and Specific Character Set.

Not checked: that an attribute set had been created (Table F.7.2-1, note 5). A scanner that gives a reason for
stopping without having announced one breaks it, and to refuse that would lose the stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag

from edge_relay.dicom.legal_value import is_legal
from edge_relay.dicom.step_requirements import ATTRIBUTES, Requirement
from shared.dicom.dimse_status import (
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_ATTRIBUTE,
)
from shared.steps.procedure_step import DataSetJson, EventKind, Refusal
from shared.steps.step_dataset import CHARACTER_SET, DICOM_STATUS, STATUS, text


class Kind(StrEnum):
    """What can be wrong with an attribute; refused in this order."""

    NOT_ALLOWED = "not allowed"
    MISSING = "missing"
    EMPTY = "empty"
    INVALID = "invalid"


class Flaw(NamedTuple):
    """One attribute that is not as the standard wants it; sequences are written ``Sequence>Attribute``."""

    kind: Kind
    attribute: str


STATUSES: Final = {
    (EventKind.N_CREATE, Kind.MISSING): MISSING_ATTRIBUTE,
    (EventKind.N_CREATE, Kind.EMPTY): MISSING_ATTRIBUTE_VALUE,
    (EventKind.N_CREATE, Kind.INVALID): INVALID_ATTRIBUTE_VALUE,
    (EventKind.N_SET, Kind.NOT_ALLOWED): NO_SUCH_ATTRIBUTE,
    (EventKind.N_SET, Kind.MISSING): MISSING_ATTRIBUTE_VALUE,
    (EventKind.N_SET, Kind.EMPTY): MISSING_ATTRIBUTE_VALUE,
    (EventKind.N_SET, Kind.INVALID): INVALID_ATTRIBUTE_VALUE,
}
Column = Literal["create", "set", "final"]
_MAY_BE_REQUIRED: Final = frozenset({"1", "1C"})
_COLUMNS: Final[dict[tuple[int, Column], tuple[tuple[str, str, Requirement], ...]]] = {}
"""What `_column` returned, by the rows' identity: they are constants, and never go."""

_CODE_VALUE, _LONG_CODE_VALUE, _URN_CODE_VALUE = "00080100", "00080119", "00080120"


def flaws_of(kind: EventKind, attributes: DataSetJson) -> tuple[Flaw, ...]:
    """Return what is wrong with a message by itself."""
    column: Column = "create" if kind is EventKind.N_CREATE else "set"
    found = (*_walk(ATTRIBUTES, attributes, column), *_undeclared(attributes), *_invalid(attributes))
    return tuple(dict.fromkeys((*found, *_malformed(attributes))))


def flaws_at_end(attributes: DataSetJson) -> tuple[Flaw, ...]:
    """Return what a step that ends still lacks (Table F.7.2-1, final state).

    :param attributes: of its N-CREATE and all its N-SET together.
    """
    return tuple(dict.fromkeys(_walk(ATTRIBUTES, attributes, "final")))


def refusal_for(kind: EventKind, flaws: Iterable[Flaw]) -> Refusal | None:
    """Return what a strict scanner is answered, None if there is no flaw."""
    words = in_words(flaws)
    return Refusal(STATUSES[kind, next(iter(words))], next(iter(words.values()))) if words else None


def in_words(flaws: Iterable[Flaw]) -> dict[Kind, str]:
    """Return one sentence for each kind of flaw there is, in the order of `Kind`; without any value."""
    found = list(flaws)
    named = {kind: [flaw.attribute for flaw in found if flaw.kind is kind] for kind in Kind}
    return {kind: f"{kind}: {', '.join(names)}" for kind, names in named.items() if names}


def _column(rows: tuple[Requirement, ...], column: Column) -> tuple[tuple[str, str, Requirement], ...]:
    """Return tag and the SCU's requirement type of each row."""
    key = id(rows), column  # hashing a table's rows, with all below them, would take longer than reading them
    if key not in _COLUMNS:
        _COLUMNS[key] = tuple((row.tag, getattr(row, column).partition("/")[0], row) for row in rows)
    return _COLUMNS[key]


def _walk(
    rows: tuple[Requirement, ...], attributes: DataSetJson, column: Column, within: str = ""
) -> Iterator[Flaw]:
    for tag, user, row in _column(rows, column):
        element = attributes.get(tag)
        if user == "-":
            if element is not None:
                yield Flaw(Kind.NOT_ALLOWED, within + row.keyword)
            continue
        if element is None:
            if user in {"1", "2"} or (user == "1C" and _needed(row.keyword, attributes)):
                yield Flaw(Kind.MISSING, within + row.keyword)
            continue
        if row.children or user in _MAY_BE_REQUIRED:
            yield from _walk_value(row, user, element.get("Value", []), attributes, column, within)


def _walk_value(
    row: Requirement, user: str, values: list[Any], attributes: DataSetJson, column: Column, within: str
) -> Iterator[Flaw]:
    required = user == "1" or (user == "1C" and _needed(row.keyword, attributes))
    if required and not any(map(_says_something, values)):
        yield Flaw(Kind.EMPTY, within + row.keyword)
    for item in values if row.children else ():
        if isinstance(item, dict):
            yield from _walk(row.children, item, column, f"{within}{row.keyword}>")
        else:  # written with the VR of something else
            yield Flaw(Kind.INVALID, within + row.keyword)


def _needed(keyword: str, item: DataSetJson) -> bool:
    """Tell whether a conditional attribute of a code must be there (PS3.3 Table 8.8-1)."""
    if keyword == "CodeValue":
        return not any(map(_has_value, (item.get(tag) for tag in (_LONG_CODE_VALUE, _URN_CODE_VALUE))))
    if keyword == "CodingSchemeDesignator":
        return any(map(_has_value, (item.get(tag) for tag in (_CODE_VALUE, _LONG_CODE_VALUE))))
    return False


def _has_value(element: Mapping[str, Any] | None) -> bool:
    return element is not None and any(map(_says_something, element.get("Value", [])))


def _undeclared(attributes: DataSetJson) -> Iterator[Flaw]:
    """Yield Specific Character Set if it is not there and text needs it (PS3.3 C.12.1.1.2)."""
    if not _has_value(attributes.get(CHARACTER_SET)) and any(
        not text.isascii() for text in _texts(attributes)
    ):
        yield Flaw(Kind.MISSING, "SpecificCharacterSet")


def _texts(attributes: DataSetJson) -> Iterator[str]:
    for element in attributes.values():
        for value in element.get("Value", []):
            if isinstance(value, str):
                yield value
            elif element["vr"] == "SQ" and isinstance(value, dict):
                yield from _texts(value)
            elif isinstance(value, dict):  # the groups of a person name
                yield from map(str, value.values())


def _malformed(attributes: DataSetJson, within: str = "") -> Iterator[Flaw]:
    """Yield the attributes whose value is none of their value representation."""
    for tag, element in attributes.items():
        for value in element.get("Value", []):
            if element["vr"] == "SQ" and isinstance(value, dict):
                yield from _malformed(value, f"{within}{_keyword(tag)}>")
            elif _says_something(value) and not is_legal(_vr(tag, element["vr"]), value):
                yield Flaw(Kind.INVALID, within + _keyword(tag))


@lru_cache(maxsize=4096)
def _keyword(tag: str) -> str:
    return keyword_for_tag(int(tag, 16)) or f"({tag[:4]},{tag[4:]})"


@lru_cache(maxsize=4096)
def _vr(tag: str, written: str) -> str:
    """Return the value representation an attribute has, whatever it was written with."""
    number = int(tag, 16)
    return dictionary_VR(number) if dictionary_has_tag(number) else written


def _invalid(attributes: DataSetJson) -> Iterator[Flaw]:
    status = text(attributes, STATUS)
    if status and status not in DICOM_STATUS:
        yield Flaw(Kind.INVALID, "PerformedProcedureStepStatus")


def _says_something(value: Any) -> bool:
    return value not in (None, "", {})
