"""Text that is legal DICOM: one parser for each value representation we send.

Each ``parse_*`` takes what a person, REDCap or a program wrote, and returns the one form we store and send,
or raises `Rejected` saying what is wrong without quoting the value. What does not fit is refused at the
source, never cut in silence. Sources: DICOM PS3.5 section 6.2 (value representations), 6.2.1 (person
names), 9 (UIDs).

The ``Annotated`` types at the end (`DA`, `TM`, `PN`, ...) are the same parsers as pydantic fields.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import BeforeValidator

from shared.errors import Rejected

DICOM_ROOT: Final = "1.2.840.10008"
"""The standard's own UID root (PS3.5 section 9): no instance of ours or a scanner's may lie below it."""

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?")
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_CODE_STRING = re.compile(r"[A-Z0-9 _]+")
_MIDNIGHT_AT_THE_END: Final = "240000"
_LONGEST_TEXT: Final = 1024
_MAX_GROUPS, _MAX_COMPONENTS, _MAX_GROUP_LENGTH = 3, 5, 64


def _stripped(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise Rejected(f"{name} must be text, not {type(value).__name__}")
    return unicodedata.normalize("NFC", value).strip()


def _plain(text: str, name: str, longest: int) -> str:
    """Check what all short text has in common: length, no control characters, no value separator."""
    if len(text) > longest:
        raise Rejected(f"{name} has {len(text)} characters, at most {longest} are allowed")
    if "\\" in text:
        raise Rejected(f"{name} contains a backslash, which DICOM uses to separate values")
    # Printable text has neither; only of what is not, each character's category has to be looked up.
    if not text.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise Rejected(f"{name} contains a control character")
    return text


def parse_date(value: object) -> str:
    """Return a DA, ``YYYYMMDD``, from ``YYYYMMDD``, ``YYYY-MM-DD`` or a `datetime.date`."""
    if isinstance(value, date):
        return value.strftime("%Y%m%d").zfill(8)
    match = _DATE.fullmatch(_stripped(value, "a date"))
    if match is None:
        raise Rejected("a date must look like 20261122 or 2026-11-22")
    try:
        return date(*map(int, match.groups())).isoformat().replace("-", "")
    except ValueError:
        raise Rejected("a date must exist in the calendar") from None


def parse_time(value: object) -> str:
    """Return a TM of whole seconds, ``HHMMSS``, from ``HHMM``, ``HH:MM``, ``HHMMSS`` or ``HH:MM:SS[.f]``."""
    if isinstance(value, time):
        return value.strftime("%H%M%S")
    match = _TIME.fullmatch(_stripped(value, "a time"))
    if match is None:
        raise Rejected("a time must look like 0930, 09:30 or 093000")
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    try:
        return time(hour, minute, second).strftime("%H%M%S")
    except ValueError:
        raise Rejected("a time must lie between 00:00:00 and 23:59:59") from None


def parse_person_name(value: object) -> str:
    """Return a PN: up to three ``=`` groups of up to five ``^`` components, 64 characters a group."""
    text = _stripped(value, "a person name")
    groups = text.split("=")
    if len(groups) > _MAX_GROUPS:
        raise Rejected(f"a person name has at most {_MAX_GROUPS} groups separated by '='")
    kept: list[str] = []
    for group in groups:
        _plain(group, "a person name's group", _MAX_GROUP_LENGTH)
        components = [component.strip() for component in group.split("^")]
        if len(components) > _MAX_COMPONENTS:
            raise Rejected(f"a person name has at most {_MAX_COMPONENTS} components separated by '^'")
        kept.append("^".join(components).rstrip("^"))
    return "=".join(kept).rstrip("=")


def parse_long_string(value: object) -> str:
    """Return an LO: at most 64 characters on one line."""
    return _plain(_stripped(value, "text"), "text", 64)


def parse_text(value: object) -> str:
    """Return an LT or ST of at most 1024 characters, lines separated by CR LF (PS3.5 6.2); tabs are spaces.

    An LT may have 10240. No console shows as much, and every byte would travel with every answer.
    """
    lines = _stripped(value, "text").replace("\t", " ").splitlines()
    text = "\r\n".join(line.rstrip() for line in lines)
    if len(text) > _LONGEST_TEXT:
        raise Rejected(f"text has {len(text)} characters, at most {_LONGEST_TEXT} are allowed")
    for line in lines:
        _plain(line, "text", _LONGEST_TEXT)
    return text


def parse_short_string(value: object) -> str:
    """Return an SH: at most 16 characters on one line."""
    return _plain(_stripped(value, "an identifier"), "an identifier", 16)


def parse_ae_title(value: object) -> str:
    """Return an AE title: 1 to 16 printable ASCII characters, no backslash."""
    text = _plain(_stripped(value, "an AE title"), "an AE title", 16)
    if not text or not text.isascii():
        raise Rejected("an AE title must be 1 to 16 ASCII characters")
    return text


def parse_code_string(value: object) -> str:
    """Return a CS: 1 to 16 of A-Z, 0-9, space and underscore; lower case is raised."""
    text = _plain(_stripped(value, "a code").upper(), "a code", 16)
    if not _CODE_STRING.fullmatch(text):
        raise Rejected("a code may contain only A-Z, 0-9, space and underscore")
    return text


def parse_uid(value: object) -> str:
    """Return a UI of ours or the scanner's: at most 64 characters, never under the standard's own root."""
    text = parse_uid_in_use(value)
    if text == DICOM_ROOT or text.startswith(DICOM_ROOT + "."):
        raise Rejected(f"a UID may not lie under {DICOM_ROOT}, the DICOM standard's own root")
    return text


def parse_uid_in_use(value: object) -> str:
    """Return a UI that another system gave out: images may bear it already, so its root is not judged."""
    text = _stripped(value, "a UID")
    if len(text) > 64 or not _UID.fullmatch(text):
        raise Rejected("a UID must be numbers without leading zeros, joined by dots, at most 64 characters")
    return text


def parse_decimal(value: object) -> str:
    """Return a positive DS (weight in kg, size in m): plain decimal, at most 16 characters."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise Rejected("a measure must be a decimal number") from None
    if not number.is_finite() or number <= 0:
        raise Rejected("a measure must be greater than zero")
    if number >= 10**9:
        raise Rejected("a measure must be smaller than 1000000000")
    text = f"{number.quantize(Decimal('0.001')):f}"
    text = text.rstrip("0").rstrip(".")
    if text == "0":
        raise Rejected("a measure must be at least 0.001")
    return text


def parse_date_time(day: str, clock: str) -> datetime:
    """Return the naive local `datetime` that a DA and a TM (with or without fraction, PS3.5 6.2) name."""
    padded = clock.partition(".")[0].ljust(6, "0")
    if len(day) == 8 and len(padded) == 6 and (digits := day + padded).isascii() and digits.isdigit():
        with suppress(ValueError):  # below it is told what of it is wrong
            return _moment(day, padded)
    if padded == _MIDNIGHT_AT_THE_END:  # ISO 8601 has it, PS3.5 does not; scanners send it all the same
        padded = "235959"
    # Not strptime, which takes ten times as long: every report of a scanner has two of them.
    return _moment(parse_date(day), parse_time(padded))


def _moment(day: str, clock: str) -> datetime:
    return datetime(  # noqa: DTZ001
        int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]), int(clock[4:])
    )


def _or_empty(parse: Callable[[object], str]) -> BeforeValidator:
    return BeforeValidator(lambda value: "" if value is None or value == "" else parse(value))


DA = Annotated[str, BeforeValidator(parse_date)]
OptionalDA = Annotated[str, _or_empty(parse_date)]
TM = Annotated[str, BeforeValidator(parse_time)]
OptionalTM = Annotated[str, _or_empty(parse_time)]
PN = Annotated[str, BeforeValidator(parse_person_name)]
LO = Annotated[str, BeforeValidator(parse_long_string)]
LT = Annotated[str, BeforeValidator(parse_text)]
ST = LT
SH = Annotated[str, BeforeValidator(parse_short_string)]
AE = Annotated[str, BeforeValidator(parse_ae_title)]
CS = Annotated[str, BeforeValidator(parse_code_string)]
UI = Annotated[str, BeforeValidator(parse_uid)]
UIInUse = Annotated[str, BeforeValidator(parse_uid_in_use)]
OptionalDS = Annotated[str, _or_empty(parse_decimal)]
