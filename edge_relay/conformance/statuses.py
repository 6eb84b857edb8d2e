"""Section 7.3: every status, taken from the tables that answer with it, and what it means there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from edge_relay.conformance.markdown import table, text
from edge_relay.mpps.check import STATUSES
from edge_relay.mpps.intake import NO_SUCH_INSTANCE, NOT_ALL_HELD, PROCESSING_FAILURE, RESOURCE_LIMITATION
from edge_relay.services.scp import FIND_FAULTS, PENDING, PENDING_INCOMPLETE, SUCCESS
from edge_relay.upper_layer.operation import CANCELLED
from shared.errors import Rejected, Unavailable
from shared.procedure_step import TRANSITIONS, EventKind, Refusal


class Outcome(NamedTuple):
    """A status, and one occasion on which it is answered."""

    status: int
    when: str
    error_id: int | None = None


MEANINGS: Final = {  # PS3.7 Annex C, PS3.4 Tables K.4-1, F.7.2-2 and F.8.2-2
    SUCCESS: "Success",
    NOT_ALL_HELD: "Warning: requested optional attributes are not supported",
    0x0105: "Failure: no such attribute",
    0x0106: "Failure: invalid attribute value",
    PROCESSING_FAILURE: "Failure: processing failure",
    0x0111: "Failure: duplicate SOP instance",
    NO_SUCH_INSTANCE: "Failure: no such SOP instance",
    0x0117: "Failure: invalid object instance",
    0x0118: "Failure: no such SOP class",
    0x0120: "Failure: missing attribute",
    0x0121: "Failure: missing attribute value",
    0x0122: "Refused: SOP class not supported",
    0x0211: "Failure: unrecognized operation",
    RESOURCE_LIMITATION: "Failure: resource limitation",
    0xA700: "Failure: out of resources",
    0xA900: "Failure: identifier does not match SOP class",
    0xC001: "Failure: unable to process",
    CANCELLED: "Cancel: matching terminated due to cancel request",
    PENDING: "Pending: matches are continuing",
    PENDING_INCOMPLETE: "Pending: matches are continuing, one or more optional keys were not supported",
}

_UNREADABLE: Final = "the worklist cannot be read, or has not been received yet"
_FAULTS: Final = {
    Rejected: "the identifier is malformed, asks for nothing, or has a value that cannot be matched on",
    Unavailable: _UNREADABLE,
    sqlite3.Error: _UNREADABLE,
    Exception: "a fault of the relay",
}
_OF_ALL: Final = (Outcome(0x0211, "an operation the SOP Class does not have"),)
_OF_C_SERVICES: Final = (
    *_OF_ALL,
    Outcome(0x0122, "the Affected SOP Class is not that of the presentation context"),
)
_OF_N_SERVICES: Final = (*_OF_ALL, Outcome(0x0118, "the SOP Class is not that of the presentation context"))
_STORING: Final = (
    Outcome(PROCESSING_FAILURE, "the attribute list cannot be decoded, or a fault of the relay"),
    Outcome(RESOURCE_LIMITATION, "it cannot be stored at the moment; to be sent again"),
)


def section() -> str:
    """Return the section."""
    columns = ("Status", "Error ID", "Meaning", "When")
    return text(
        "### 7.3 Status codes",
        """
        Failures and warnings carry an Error Comment (0000,0902) of up to 64 ASCII characters. It names
        attributes, never their values. An association stands after any of them. These are the statuses the
        relay answers; as SCU it has none to document.
        """,
        "#### 7.3.1 C-ECHO",
        table(columns, _rows((Outcome(SUCCESS, "always"), *_OF_C_SERVICES))),
        "#### 7.3.2 C-FIND, Modality Worklist",
        table(columns, _rows(find_outcomes())),
        "#### 7.3.3 N-CREATE, Modality Performed Procedure Step",
        table(columns, _rows(step_outcomes(EventKind.N_CREATE))),
        "#### 7.3.4 N-SET, Modality Performed Procedure Step",
        table(columns, _rows(step_outcomes(EventKind.N_SET))),
        "#### 7.3.5 N-GET, Modality Performed Procedure Step Retrieve",
        table(columns, _rows(get_outcomes())),
    )


def find_outcomes() -> Iterator[Outcome]:
    """Yield what a C-FIND can be answered with."""
    yield Outcome(PENDING, "a match")
    yield Outcome(PENDING_INCOMPLETE, "a match, and a key is not supported (5.2.1.4)")
    yield Outcome(
        SUCCESS,
        "all matches have been sent; with an Error Comment if the worklist is older than "
        "relay.max_worklist_age_hours and relay.old_worklist is comment",
    )
    yield Outcome(CANCELLED, "a C-CANCEL came before the last match had been sent")
    for fault, status, _ in FIND_FAULTS:
        yield Outcome(status, _FAULTS[fault])
    yield from _OF_C_SERVICES


def step_outcomes(kind: EventKind) -> Iterator[Outcome]:
    """Yield what an N-CREATE or N-SET can be answered with."""
    yield Outcome(SUCCESS, "it is on the relay's disk")
    for (_, service, _), outcome in TRANSITIONS.items():
        if service is kind and isinstance(outcome, Refusal):
            yield Outcome(outcome.status, outcome.comment, outcome.error_id)
    yield Outcome(0x0106, "the status is not a defined term")
    yield Outcome(0x0117, "the SOP Instance UID is not a UID, or is missing")
    for (service, flaw), status in STATUSES.items():
        if service is kind:
            yield Outcome(status, f"strict: an attribute is {flaw}")
    yield from (*_STORING, *_OF_N_SERVICES)


def get_outcomes() -> Iterator[Outcome]:
    """Yield what an N-GET can be answered with."""
    yield Outcome(SUCCESS, "all attributes asked for are returned")
    yield Outcome(NOT_ALL_HELD, "those attributes asked for that are held are returned, others are not")
    yield Outcome(NO_SUCH_INSTANCE, "no such step is held")
    yield Outcome(PROCESSING_FAILURE, "a fault of the relay")
    yield Outcome(RESOURCE_LIMITATION, "the step cannot be read at the moment, or too much is waiting")
    yield from _OF_N_SERVICES


def _rows(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    found: dict[tuple[int, int | None], dict[str, None]] = {}
    for status, when, error_id in outcomes:
        found.setdefault((status, error_id), {})[when] = None
    for (status, error_id), occasions in found.items():
        shown = f"{error_id:04X}" if error_id is not None else ""
        yield f"{status:04X}", shown, MEANINGS[status], "; ".join(occasions)
