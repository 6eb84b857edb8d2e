"""Times and numbers as people type them, read only if they can mean one thing. Pure.

    time      09:30  9:30  09.30  9h30  0930  09:30:15, and with AM or PM: 9:30 AM, 12.30pm
    number    70  70.5  70,5

What may mean two things is refused, saying which two: ``930`` (a digit was left out, but which?), ``9.5``,
``1,234`` (a thousand, or one and a bit).
"""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Final

from shared.errors import Rejected

_HALF: Final = r"(?:\s*(?P<half>[ap])\.?\s?m\.?)?"
_TIME: Final = re.compile(
    r"(?P<hour>\d{1,2})\s?[:.h]\s?(?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:\.\d{1,6})?)?" + _HALF,
    re.ASCII | re.IGNORECASE,
)
_DIGITS: Final = re.compile(
    r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?" + _HALF, re.ASCII | re.IGNORECASE
)
_THREE_DIGITS: Final = re.compile(r"\d{3}" + _HALF, re.ASCII | re.IGNORECASE)
_ONE_DIGIT_MINUTE: Final = re.compile(r"\d{1,2}\s?[:.h]\s?\d" + _HALF, re.ASCII | re.IGNORECASE)
_HOUR_ALONE: Final = re.compile(r"\d{1,2}(?:\s?[:.h])?(?:\s*uhr)?" + _HALF, re.ASCII | re.IGNORECASE)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)", re.ASCII)
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


def read_time(text: str) -> str:
    """Return a time of day as ``HH:MM:SS``; raise `Rejected` saying why it is none, without quoting it."""
    match = _TIME.fullmatch(text) or _DIGITS.fullmatch(text)
    if match is None:
        raise Rejected(_why_no_time(text))
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    if half := (match["half"] or "").lower():
        if not 1 <= hour <= 12:
            raise Rejected("a time with AM or PM has an hour from 1 to 12")
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, minute, second).isoformat()
    except ValueError:
        raise Rejected("a time must lie between 00:00:00 and 23:59:59") from None


def _why_no_time(text: str) -> str:
    if _THREE_DIGITS.fullmatch(text):
        return "three digits are no sure time: write 0930 or 9:30"
    if _ONE_DIGIT_MINUTE.fullmatch(text):
        return "one digit of minutes may mean 9:05 or 9:50: write both digits"
    if _HOUR_ALONE.fullmatch(text):
        return "an hour alone is no sure time: write the minutes too, such as 09:30"
    return "a time must look like 09:30, 9:30, 09.30, 0930 or 9:30 AM"


def read_number(text: str, *, decimal_comma: bool = False) -> Decimal:
    """Return a decimal number; raise `Rejected` saying why it is none, without quoting it.

    :param decimal_comma: a comma is the decimal sign for certain, three digits after it or not.
    """
    if _THOUSANDS.fullmatch(text) and not decimal_comma:
        raise Rejected(
            "a comma before three digits may mean thousands or decimals: write a point, "
            "or set decimal_comma = true in the definition"
        )
    if not _DECIMAL.fullmatch(text):
        raise Rejected("a measure must be a decimal number, without its unit")
    if decimal_comma and "." in text:
        raise Rejected("the definition says that the comma is the decimal sign, and there is a point")
    return Decimal(text.replace(",", "."))
