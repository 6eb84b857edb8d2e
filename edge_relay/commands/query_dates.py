"""Dates as people type them, for a worklist query. Pure."""

from __future__ import annotations

import re
from typing import Final

from shared.dicom.dicom_text import parse_date
from shared.errors import Rejected

_DAY: Final = r"\d{8}|\d{4}-\d\d-\d\d"
_RANGE: Final = re.compile(rf"\s*(?P<first>{_DAY})?\s*(?P<to>-|\.\.|/)?\s*(?P<last>{_DAY})?\s*", re.ASCII)


def query_dates(text: str) -> str:
    """Return a DICOM date or range, ``20261120-20261122``, from what somebody typed; empty stays empty.

    Days are ``YYYYMMDD`` or ``YYYY-MM-DD``. A range has a hyphen, two dots or a slash between its days, and
    may be open at one end.

    :raises Rejected: it is none.
    """
    if not text.strip():
        return ""
    match = _RANGE.fullmatch(text)
    first, to, last = match.group("first", "to", "last") if match else (None, None, None)
    if not (first or last) or (last and not to):
        raise Rejected("write a day as 2026-11-27 or 20261127, a range as 2026-11-20..2026-11-22")
    days = [parse_date(day) if day else "" for day in (first, last)]
    return "-".join(days) if to else days[0]
