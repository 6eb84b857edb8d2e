"""What is wrong with an MPPS message: checked against the table of `edge_relay.mpps.requirements`. Pure.

Every flaw has a kind, and every kind the DIMSE status a strict scanner is refused with (PS3.7 10.1.3.1.9
N-SET, 10.1.5.1.6 N-CREATE, Annex C.5). A lenient scanner's flaws become warnings of the event.

    kind          N-CREATE  N-SET
    not allowed   -         0105   the attribute may be created, and not set
    missing       0120      0121   PS3.7 knows no 0120 for N-SET
    empty         0121      0121
    invalid       0106      0106

Not checked: that an attribute set had been created (Table F.7.2-1, note 5). A scanner that gives a reason for
stopping without having announced one breaks it, and to refuse that would lose the stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from edge_relay.mpps.requirements import ATTRIBUTES, Requirement
from shared.dicom.dicom_text import parse_date, parse_date_time
from shared.dicom.dimse_status import (
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_ATTRIBUTE,
)
from shared.errors import Rejected
from shared.steps.procedure_step import DataSetJson, EventKind, Refusal
from shared.steps.step_dataset import DICOM_STATUS, STATUS, text


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
_MOMENTS: Final = (
    ("PerformedProcedureStepStartDate", "00400244", "00400245"),
    ("PerformedProcedureStepEndDate", "00400250", "00400251"),
)


def flaws_of(kind: EventKind, attributes: DataSetJson) -> tuple[Flaw, ...]:
    """Return what is wrong with a message by itself."""
    column: Callable[[Requirement], str] = (
        (lambda row: row.create) if kind is EventKind.N_CREATE else (lambda row: row.set)
    )
    return tuple(dict.fromkeys((*_walk(ATTRIBUTES, attributes, column), *_invalid(attributes))))


def flaws_at_end(attributes: DataSetJson) -> tuple[Flaw, ...]:
    """Return what a step that ends still lacks (Table F.7.2-1, final state).

    :param attributes: of its N-CREATE and all its N-SET together.
    """
    return tuple(dict.fromkeys(_walk(ATTRIBUTES, attributes, lambda row: row.final)))


def refusal_for(kind: EventKind, flaws: Iterable[Flaw]) -> Refusal | None:
    """Return what a strict scanner is answered, None if there is no flaw."""
    words = in_words(flaws)
    return Refusal(STATUSES[kind, next(iter(words))], next(iter(words.values()))) if words else None


def in_words(flaws: Iterable[Flaw]) -> dict[Kind, str]:
    """Return one sentence for each kind of flaw there is, in the order of `Kind`; without any value."""
    found = list(flaws)
    named = {kind: [flaw.attribute for flaw in found if flaw.kind is kind] for kind in Kind}
    return {kind: f"{kind}: {', '.join(names)}" for kind, names in named.items() if names}


def _walk(
    rows: Iterable[Requirement],
    attributes: DataSetJson,
    column: Callable[[Requirement], str],
    within: str = "",
) -> Iterator[Flaw]:
    for row in rows:
        element, user = attributes.get(row.tag), column(row).partition("/")[0]
        values = element.get("Value", []) if element else []
        if user == "-":
            if element is not None:
                yield Flaw(Kind.NOT_ALLOWED, within + row.keyword)
            continue
        if user in {"1", "2"} and element is None:
            yield Flaw(Kind.MISSING, within + row.keyword)
        elif user == "1" and not any(map(_says_something, values)):
            yield Flaw(Kind.EMPTY, within + row.keyword)
        for item in values if row.children else ():
            if isinstance(item, dict):
                yield from _walk(row.children, item, column, f"{within}{row.keyword}>")
            else:  # written with the VR of something else
                yield Flaw(Kind.INVALID, within + row.keyword)


def _invalid(attributes: DataSetJson) -> Iterator[Flaw]:
    status = text(attributes, STATUS)
    if status and status not in DICOM_STATUS:
        yield Flaw(Kind.INVALID, "PerformedProcedureStepStatus")
    for keyword, day, clock in _MOMENTS:
        if not _legal_moment(text(attributes, day), text(attributes, clock)):
            yield Flaw(Kind.INVALID, f"{keyword} or Time")


def _says_something(value: Any) -> bool:
    return value not in (None, "", {})


def _legal_moment(day: str, clock: str) -> bool:
    try:
        if clock:
            parse_date_time(day or "20000101", clock)
        if day:
            parse_date(day)
    except Rejected:
        return False
    return True
