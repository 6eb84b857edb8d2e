"""Every error this project raises on purpose, and whether trying again can help.

    MwlError
    +-- Rejected      the input is wrong; the same input will always be wrong      final
    +-- NotFound      what was asked for does not exist                            final
    +-- Forbidden     the caller may not do this (bad token, revoked relay)        final
    +-- AlreadyExists what was to be made is there: a name, a file, a relay        final
    +-- Outdated      what the caller was shown has changed; look, decide again    final
    +-- Conflict      somebody else changed it first; read again, then try again   retryable
    +-- Unavailable   the other side is down, slow, or talks nonsense              retryable

A message says what failed, on what, why, and what to do. It never contains patient data: a value that
was refused is described ("has 17 characters, 16 allowed"), never quoted. What each kind comes to, in the
API's answers (RFC 9457) and as a command's exit code, is the table `OUTCOMES`. Pure.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final


class MwlError(Exception):
    """Base of all deliberate errors.

    :param what: what failed and why, one sentence without patient data.
    :param where: the field, setting, record or address it concerns; empty if ``what`` says so already.
    :param hint: what the reader can do about it; empty if nothing.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located} ({self.hint})" if self.hint else located


class Rejected(MwlError, ValueError):
    """The input itself is wrong. Also a ``ValueError``, so that pydantic reports it with its field."""


class NotFound(MwlError):
    """What was asked for does not exist, or not for this caller."""


class Forbidden(MwlError):
    """The caller is unknown, revoked, or lacks the right."""


class AlreadyExists(MwlError):
    """What was to be made is there already, and stays as it is."""


class Outdated(MwlError):
    """What the caller decided on is no longer what is there; nothing was written.

    :param changed: what changed since, by field, each in words without patient data.
    """

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", changed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.changed: Final = dict(changed or {})


class Conflict(MwlError):
    """A conditional write lost against another writer; nothing was written."""

    retryable = True


class Unavailable(MwlError):
    """The other side could not be reached or did not answer sensibly; nothing is known about the effect."""

    retryable = True


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
    Outdated: ErrorOutcome("precondition-failed", 412, ExitCode.NO),
    Forbidden: ErrorOutcome("forbidden", 403, ExitCode.NO),
    Conflict: ErrorOutcome("conflict", 409, ExitCode.TRY_AGAIN),
    Unavailable: ErrorOutcome("unavailable", 503, ExitCode.TRY_AGAIN),
    MwlError: ErrorOutcome("internal", 500, ExitCode.NO),
}
"""No class here comes after one it derives from: the first that fits counts."""


def outcome_of(error: MwlError) -> ErrorOutcome:
    """Return what an error comes to."""
    return next(outcome for kind, outcome in OUTCOMES.items() if isinstance(error, kind))


def unusable_file(error: OSError) -> Rejected:
    """Return what to say of a file or folder that a command cannot use, or of a full disk.

    :raises OSError: the error itself, if it is about neither.
    """
    if error.filename is None and error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        raise error
    named = error.filename2 or error.filename
    return Rejected(f"cannot be used: {error.strerror}", where="the disk" if named is None else str(named))
