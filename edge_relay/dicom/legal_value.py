"""Is a value of an MPPS what its value representation allows? PS3.5 Table 6.2-1. Pure.

Stricter than what we read ourselves: dates and times in the form of the standard only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from shared.dicom.dicom_text import parse_uid_in_use
from shared.errors import Rejected

_LONGEST: Final = {"AE": 16, "CS": 16, "SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
_CODE_STRING: Final = re.compile(r"[A-Z0-9 _]*")
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)? *|240000(\.0{1,6})?")
_LONGEST_GROUP, _MOST_GROUPS = 64, 3


def is_legal(vr: str, value: Any) -> bool:
    """Tell whether one value, as the DICOM JSON model has it, is one of a value representation.

    Representations that are not text are always legal here: they could not have been decoded otherwise.
    """
    if vr == "PN":
        groups = value.values() if isinstance(value, Mapping) else str(value).split("=")
        return len(groups) <= _MOST_GROUPS and all(len(str(each)) <= _LONGEST_GROUP for each in groups)
    if not isinstance(value, str):
        return True
    return len(value) <= _LONGEST.get(vr, len(value)) and (vr not in _FORMS or _FORMS[vr](value))


def _is_date(text: str) -> bool:
    if not (len(text) == 8 and text.isascii() and text.isdigit()):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _is_uid(text: str) -> bool:
    try:
        parse_uid_in_use(text)
    except Rejected:
        return False
    return True


_FORMS: Final[Mapping[str, Callable[[str], bool]]] = {
    "CS": lambda text: _CODE_STRING.fullmatch(text) is not None,
    "DA": lambda text: _is_date(text.rstrip(" ")),
    "TM": lambda text: _TIME.fullmatch(text) is not None,
    "UI": _is_uid,
}
