"""Every error this project raises on purpose, and whether trying again can help.

    MwlError
    +-- Rejected      the input is wrong; the same input will always be wrong      final
    +-- NotFound      what was asked for does not exist                            final
    +-- Forbidden     the caller may not do this (bad token, revoked relay)        final
    +-- AlreadyExists what was to be made is there: a name, a file, a relay        final
    +-- Conflict      somebody else changed it first; read again, then try again   retryable
    +-- Unavailable   the other side is down, slow, or talks nonsense              retryable

A message says what failed, on what, why, and what to do. It never contains patient data: a value that
was refused is described ("has 17 characters, 16 allowed"), never quoted.
"""

from __future__ import annotations

from typing import ClassVar


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


class Conflict(MwlError):
    """A conditional write lost against another writer; nothing was written."""

    retryable = True


class Unavailable(MwlError):
    """The other side could not be reached or did not answer sensibly; nothing is known about the effect."""

    retryable = True
