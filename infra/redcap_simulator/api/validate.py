"""Whether an imported value is acceptable, and the form in which it is stored.

Stored dates are `YYYY-MM-DD` whatever `dateFormat` they arrive in. A missing-data code is acceptable
anywhere. What a person saves by hand is not checked here: stored values need not conform, in REDCap
neither.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time

from infra.redcap_simulator.project.project import COMPLETE_LABELS, Field, Shape

FORMAT_PROBLEM = (
    "The value you provided could not be validated because it does not follow the expected format."
    " Please try again."
)
_PATTERNS = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "datetime": re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}"),
    "datetime_seconds": re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}"),
    "time": re.compile(r"\d{2}:\d{2}"),
    "time_hh_mm_ss": re.compile(r"\d{2}:\d{2}:\d{2}"),
    "time_mm_ss": re.compile(r"[0-5]\d:[0-5]\d"),
    "integer": re.compile(r"-?\d+"),
    "alpha_only": re.compile(r"[A-Za-z]+"),
    "number_comma_decimal": re.compile(r"-?(\d+(,\d*)?|,\d+)"),
    **{f"number_{n}dp": re.compile(rf"-?\d+\.\d{{{n}}}") for n in (1, 2, 3, 4)},
    **{f"number_{n}dp_comma_decimal": re.compile(rf"-?\d+,\d{{{n}}}") for n in (1, 2, 3, 4)},
    "number": re.compile(r"-?(\d+(\.\d*)?|\.\d+)"),
}
_PARSERS = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "datetime_seconds": datetime.fromisoformat,
    "time": time.fromisoformat,
}
_FOREIGN_DATE = {
    "MDY": (re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(.*)"), (2, 0, 1)),
    "DMY": (re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(.*)"), (2, 1, 0)),
}


def kind_of(item: Field) -> str:
    """The validation without its display order: `date_dmy` is stored as any other date."""
    return re.sub(r"_(ymd|mdy|dmy)$", "", item.validation)


def normalised(item: Field | None, value: str, date_format: str) -> str:
    """The value as REDCap stores it."""
    if item is None or date_format not in _FOREIGN_DATE or not kind_of(item).startswith("date"):
        return value
    pattern, (year, month, day) = _FOREIGN_DATE[date_format]
    match = pattern.fullmatch(value)
    if match is None:
        return value
    parts = match.groups()
    return f"{parts[year]}-{int(parts[month]):02}-{int(parts[day]):02}{parts[3]}"


def problem(shape: Shape, column: str, value: str) -> str | None:
    """Why the value cannot be imported, or None."""
    if value == "" or value in shape.missing_codes:
        return None
    item = shape.field_of_column.get(column)
    name = item.name if item else column
    allowed = _categories(item)
    if allowed is not None:
        return None if value in allowed else f"The value is not a valid category for {name}"
    return None if item is None or _conforms(kind_of(item), value) else FORMAT_PROBLEM


def _categories(item: Field | None) -> set[str] | None:
    if item is None:
        return set(COMPLETE_LABELS)
    if item.kind in {"checkbox", "yesno", "truefalse"}:
        return {"0", "1"}
    return set(item.choices) if item.kind in {"radio", "dropdown"} else None


def _conforms(kind: str, value: str) -> bool:
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return True
    if not pattern.fullmatch(value):
        return False
    if kind in _PARSERS:
        try:
            _PARSERS[kind](value)
        except ValueError:
            return False
    return True
