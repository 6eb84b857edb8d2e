"""Section 7.3: every status, taken from the tables that answer with it, and what it means there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from edge_relay.conformance.markdown import table, text
from edge_relay.mpps.check import STATUSES
from edge_relay.services.scp import FIND_FAULTS
from shared.dicom import dimse_status as dimse
from shared.errors import Rejected, Unavailable
from shared.steps.procedure_step import TRANSITIONS, EventKind, Refusal


class Outcome(NamedTuple):
    """A status, and one occasion on which it is answered."""

    status: int
    when: str
    error_id: int | None = None


MEANINGS: Final = {  # PS3.7 Annex C, PS3.4 Tables K.4-1, F.7.2-2 and F.8.2-2
    dimse.SUCCESS: "Success",
    dimse.NOT_ALL_ATTRIBUTES: "Warning: requested optional attributes are not supported",
    dimse.NO_SUCH_ATTRIBUTE: "Failure: no such attribute",
    dimse.INVALID_ATTRIBUTE_VALUE: "Failure: invalid attribute value",
    dimse.PROCESSING_FAILURE: "Failure: processing failure",
    dimse.DUPLICATE_SOP_INSTANCE: "Failure: duplicate SOP instance",
    dimse.NO_SUCH_SOP_INSTANCE: "Failure: no such SOP instance",
    dimse.INVALID_OBJECT_INSTANCE: "Failure: invalid object instance",
    dimse.NO_SUCH_SOP_CLASS: "Failure: no such SOP class",
    dimse.MISSING_ATTRIBUTE: "Failure: missing attribute",
    dimse.MISSING_ATTRIBUTE_VALUE: "Failure: missing attribute value",
    dimse.SOP_CLASS_NOT_SUPPORTED: "Refused: SOP class not supported",
    dimse.UNRECOGNIZED_OPERATION: "Failure: unrecognized operation",
    dimse.RESOURCE_LIMITATION: "Failure: resource limitation",
    dimse.OUT_OF_RESOURCES: "Failure: out of resources",
    dimse.IDENTIFIER_DOES_NOT_MATCH: "Failure: identifier does not match SOP class",
    dimse.UNABLE_TO_PROCESS: "Failure: unable to process",
    dimse.CANCELLED: "Cancel: matching terminated due to cancel request",
    dimse.PENDING: "Pending: matches are continuing",
    dimse.PENDING_INCOMPLETE: "Pending: matches are continuing, one or more optional keys were not supported",
}

_UNREADABLE: Final = "the worklist cannot be read, or has not been received yet"
_FAULTS: Final = {
    Rejected: "the identifier is malformed, asks for nothing, or has a value that cannot be matched on",
    Unavailable: _UNREADABLE,
    sqlite3.Error: _UNREADABLE,
    Exception: "an internal error",
}
_OF_ALL: Final = (Outcome(dimse.UNRECOGNIZED_OPERATION, "an operation that the SOP Class does not have"),)
_OF_C_SERVICES: Final = (
    *_OF_ALL,
    Outcome(dimse.SOP_CLASS_NOT_SUPPORTED, "the Affected SOP Class is not that of the presentation context"),
)
_OF_N_SERVICES: Final = (
    *_OF_ALL,
    Outcome(dimse.NO_SUCH_SOP_CLASS, "the SOP Class is not that of the presentation context"),
)
_STORING: Final = (
    Outcome(dimse.PROCESSING_FAILURE, "the attribute list cannot be decoded, or an internal error"),
    Outcome(dimse.RESOURCE_LIMITATION, "it cannot be stored at the moment; the scanner must send it again"),
)


def section() -> str:
    """Return the section."""
    columns = ("Status", "Error ID", "Meaning", "When")
    return text(
        "### 7.3 Status codes",
        """
        Failures and warnings have an Error Comment (0000,0902) of up to 64 ASCII characters. It names
        attributes, never their values. No status ends the association. The tables list the statuses that the
        relay answers with.
        """,
        "#### 7.3.1 C-ECHO",
        table(columns, _rows((Outcome(dimse.SUCCESS, "always"), *_OF_C_SERVICES))),
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
    yield Outcome(dimse.PENDING, "a match")
    yield Outcome(dimse.PENDING_INCOMPLETE, "a match, and a key is not supported (5.2.1.4)")
    yield Outcome(
        dimse.SUCCESS,
        "all matches have been sent; with an Error Comment if the worklist is older than "
        "relay.max_worklist_age_hours and relay.old_worklist is comment",
    )
    yield Outcome(dimse.CANCELLED, "a C-CANCEL came before the last match had been sent")
    for fault, status, _ in FIND_FAULTS:
        yield Outcome(status, _FAULTS[fault])
    yield from _OF_C_SERVICES


def step_outcomes(kind: EventKind) -> Iterator[Outcome]:
    """Yield what an N-CREATE or N-SET can be answered with."""
    yield Outcome(dimse.SUCCESS, "the message is on the relay's disk")
    for (_, service, _), outcome in TRANSITIONS.items():
        if service is kind and isinstance(outcome, Refusal):
            yield Outcome(outcome.status, outcome.comment, outcome.error_id)
    yield Outcome(dimse.INVALID_ATTRIBUTE_VALUE, "the status is not a defined term")
    yield Outcome(dimse.INVALID_OBJECT_INSTANCE, "the SOP Instance UID is not a UID, or is missing")
    for (service, flaw), status in STATUSES.items():
        if service is kind:
            yield Outcome(status, f"strict: an attribute is {flaw}")
    yield from (*_STORING, *_OF_N_SERVICES)


def get_outcomes() -> Iterator[Outcome]:
    """Yield what an N-GET can be answered with."""
    yield Outcome(dimse.SUCCESS, "all requested attributes are returned")
    yield Outcome(
        dimse.NOT_ALL_ATTRIBUTES, "the relay lacks some of the requested attributes and returns the others"
    )
    yield Outcome(dimse.NO_SUCH_SOP_INSTANCE, "the relay has no such step")
    yield Outcome(dimse.PROCESSING_FAILURE, "an internal error")
    yield Outcome(
        dimse.RESOURCE_LIMITATION,
        "the step cannot be read, too many messages wait, or others fetch very long lists; ask again",
    )
    yield from _OF_N_SERVICES


def _rows(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    found: dict[tuple[int, int | None], dict[str, None]] = {}
    for status, when, error_id in outcomes:
        found.setdefault((status, error_id), {})[when] = None
    for (status, error_id), occasions in found.items():
        shown = f"{error_id:04X}" if error_id is not None else ""
        yield f"{status:04X}", shown, MEANINGS[status], "; ".join(occasions)
