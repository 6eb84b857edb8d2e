"""From a REDCap value to a worklist field's: names, dates, times, measures. Pure, and never a time zone.

Dates and times are the wall clock's, on both sides: nothing here converts them, so no change of clocks can
move a scan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError

from lambdas.definition.field_mapping import FieldMapping, TemplatePart
from lambdas.row_values import RowValues
from shared.errors import Rejected
from shared.worklist_item import WorklistItem

_NAMES: Final = frozenset({"patient_name", "referring_physician_name", "performing_physician"})
DATES: Final = frozenset({"patient_birth_date", "scheduled_start_date"})
TIMES: Final = frozenset({"scheduled_start_time"})
_DATE_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)")
_FACTORS: Final = {
    "kg": Decimal(1),
    "g": Decimal("0.001"),
    "lb": Decimal("0.45359237"),  # the international pound, exactly
    "m": Decimal(1),
    "cm": Decimal("0.01"),
    "in": Decimal("0.0254"),
}


class ValueFault(Exception):
    """A value that cannot be used.

    :param target: the worklist field; empty if it is none.
    :param reason: what is wrong, without the value.
    :param fields: the REDCap fields at fault; empty: all that the worklist field is made of.
    """

    def __init__(self, target: str, reason: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.target, self.reason, self.fields = target, reason, fields


def item_value(
    target: str, mapping: FieldMapping, parts: Mapping[str, TemplatePart], values: RowValues
) -> object:
    """Return a worklist field's value, empty text if there is none; raise `ValueFault`."""
    try:
        text = mapping.refine(_origin(target, mapping, parts, values))
        return converted(target, mapping, text) if text else ""
    except Rejected as error:
        raise ValueFault(target, error.what) from None


def converted(target: str, mapping: FieldMapping, text: str) -> object:
    """Return a refined value as the worklist item takes it; raise `Rejected`."""
    if mapping.unit is not None:
        return _in_our_unit(text, mapping.unit)
    if target in _NAMES and mapping.field is not None:
        return _name(text)
    if target == "pregnancy_status" and text in {"1", "2", "3", "4"}:
        return int(text)
    if both := _DATE_TIME.fullmatch(text):
        if target in DATES:
            return both[1]
        if target in TIMES:
            return both[2]
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


def _origin(target: str, mapping: FieldMapping, parts: Mapping[str, TemplatePart], values: RowValues) -> str:
    if mapping.constant is not None:
        return mapping.constant
    if mapping.field is not None:
        return values.of(mapping.field)
    texts = {name: _part(target, name, parts, values) for name in mapping.names()}
    is_name = target in _NAMES
    # Half an identifier would be another participant's; half a name is still a name.
    if texts and not (any if is_name else all)(texts.values()):
        return ""
    if is_name and any(separator in text for text in texts.values() for separator in "^="):
        raise ValueFault(target, "contains ^ or =, which separate the parts of a name in DICOM")
    return "".join(text + texts.get(name, "") for text, name in mapping.template_parts())


def _part(target: str, name: str, parts: Mapping[str, TemplatePart], values: RowValues) -> str:
    part = parts.get(name)
    if part is None:
        return values.of(name)
    try:
        return part.refine(values.of(part.field))
    except Rejected as error:
        raise ValueFault(target, error.what, (part.field,)) from None


def _in_our_unit(text: str, unit: str) -> Decimal:
    try:
        return Decimal(text) * _FACTORS[unit]
    except ArithmeticError:
        raise Rejected("a measure must be a decimal number") from None


def _name(text: str) -> str:
    """Return a name typed into one field: "Family, Given" is how people write what DICOM writes with a ^."""
    family, comma, given = text.partition(",")
    is_pair = comma and family.strip() and given.strip() and "," not in given and "^" not in text
    return f"{family.strip()}^{given.strip()}" if is_pair else text
