"""What a worklist field takes from REDCap: names, dates, times, measures. Pure, and never a time zone.

Dates and times are the wall clock's, on both sides: nothing here converts them, so no change of clocks can
move a scan.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError

from lambdas.sources.field_mapping import UNITS, FieldMapping
from lambdas.sources.typed_values import read_number, read_time
from shared.worklist_item import WorklistItem

NAMES: Final = frozenset(
    {
        "patient_name",
        "referring_physician_name",
        "performing_physician",
        "requesting_physician",
        "names_of_intended_recipients_of_results",
        "other_patient_names",
    }
)
DATES: Final = frozenset(
    {"patient_birth_date", "scheduled_start_date", "scheduled_end_date", "last_menstrual_date"}
)
TIMES: Final = frozenset({"scheduled_start_time", "scheduled_end_time"})
MEASURES: Final = frozenset(UNITS)
_DATE_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T]+(.+)", re.ASCII)
KG_PER_LB: Final = Decimal("0.45359237")  # exactly, by international agreement (1959)
_FACTORS: Final = {
    "kg": Decimal(1),
    "g": Decimal("0.001"),
    "lb": KG_PER_LB,
    "m": Decimal(1),
    "cm": Decimal("0.01"),
    "in": Decimal("0.0254"),
}


def converted(target: str, mapping: FieldMapping, text: str) -> object:
    """Return a refined value as the worklist item takes it; raise `Rejected`."""
    if target in MEASURES:
        number = read_number(text, decimal_comma=mapping.decimal_comma)
        return number * _FACTORS[mapping.unit] if mapping.unit else number
    if target in NAMES and mapping.field is not None:
        return _name(text)
    if target == "pregnancy_status" and text in {"1", "2", "3", "4"}:
        return int(text)
    both = _DATE_TIME.fullmatch(text)
    if target in DATES:
        return both[1] if both else text
    if target in TIMES:
        return read_time(both[2] if both else text)
    return text


def fault_of(target: str, value: object) -> str:
    """Return why a worklist field cannot have a value, without quoting it; empty if it can."""
    try:
        _adapter(target).validate_python(value)
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")
    return ""


@cache
def _adapter(target: str) -> TypeAdapter[Any]:
    info = WorklistItem.model_fields[target]
    kind: Any = Annotated[info.annotation, info]
    return TypeAdapter(kind)


def _name(text: str) -> str:
    """Return a name typed into one field: "Family, Given" is how people write what DICOM writes with a ^."""
    family, comma, given = text.partition(",")
    is_pair = comma and family.strip() and given.strip() and "," not in given and "^" not in text
    return f"{family.strip()}^{given.strip()}" if is_pair else text
