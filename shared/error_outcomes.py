"""What each kind of error comes to: one table for the API's answers and for both commands. Pure.

    error           problem, status            exit code
    Rejected        rejected 422               2
    NotFound        not-found 404              2
    AlreadyExists   conflict 409               2
    Forbidden       forbidden 403              1
    Conflict        conflict 409               3
    Unavailable     unavailable 503            3
    any other       internal 500               1

The last part of a problem's type is the word; RFC 9457 has the document it stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from shared.errors import AlreadyExists, Conflict, Forbidden, MwlError, NotFound, Rejected, Unavailable


class ExitCode(IntEnum):
    """How ``mwl-relay`` and ``mwl-cloud`` end."""

    DONE = 0
    NO = 1
    WRONG_USE = 2
    TRY_AGAIN = 3


EXIT_CODES: Final = {
    ExitCode.DONE: "done",
    ExitCode.NO: "the answer is no: refused, or something needs attention",
    ExitCode.WRONG_USE: "wrong use or settings: a file, name or id that is not there, or is there already",
    ExitCode.TRY_AGAIN: "try again: not reachable, not running, or somebody else was quicker",
}
"""What each exit code says; docs/relay.md and docs/cloud.md hold the same table."""

EXIT_CODES_HELP: Final = (
    "Exit codes: 0 done, 1 the answer is no, 2 wrong use or settings, 3 not reachable or not running."
)
"""In one line, for ``--help``."""


@dataclass(frozen=True)
class ErrorOutcome:
    """What an error comes to.

    :param problem: the last part of the problem document's type.
    :param status: of the HTTP answer (RFC 9110).
    :param exit_code: of the command.
    """

    problem: str
    status: int
    exit_code: ExitCode


OUTCOMES: Final[dict[type[MwlError], ErrorOutcome]] = {
    Rejected: ErrorOutcome("rejected", 422, ExitCode.WRONG_USE),
    NotFound: ErrorOutcome("not-found", 404, ExitCode.WRONG_USE),
    AlreadyExists: ErrorOutcome("conflict", 409, ExitCode.WRONG_USE),
    Forbidden: ErrorOutcome("forbidden", 403, ExitCode.NO),
    Conflict: ErrorOutcome("conflict", 409, ExitCode.TRY_AGAIN),
    Unavailable: ErrorOutcome("unavailable", 503, ExitCode.TRY_AGAIN),
    MwlError: ErrorOutcome("internal", 500, ExitCode.NO),
}
"""No class here comes after one it derives from: the first that fits counts."""


def outcome_of(error: MwlError) -> ErrorOutcome:
    """Return what an error comes to."""
    return next(outcome for kind, outcome in OUTCOMES.items() if isinstance(error, kind))
