"""One field of a scan, by its mapping: from a constant, a REDCap field, or a template. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.mapping.hidden_characters import IDENTIFIERS, check_identifier, visible
from lambdas.mapping.row_values import RowValues
from lambdas.sources.field_mapping import FieldMapping, TemplatePart
from lambdas.sources.field_values import NAMES, converted
from shared.errors import Rejected


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
        if target in IDENTIFIERS:
            check_identifier(text)
        return converted(target, mapping, text) if text else ""
    except Rejected as error:
        raise ValueFault(target, error.what) from None


def _origin(target: str, mapping: FieldMapping, parts: Mapping[str, TemplatePart], values: RowValues) -> str:
    if mapping.constant is not None:
        return mapping.constant
    if mapping.field is not None:
        return _text(target, mapping.field, values)
    texts = {name: _part(target, name, parts, values) for name in mapping.names()}
    is_name = target in NAMES
    # Half an identifier would be another participant's; half a name is still a name.
    if texts and not (any if is_name else all)(texts.values()):
        return ""
    if is_name and any(separator in text for text in texts.values() for separator in "^="):
        raise ValueFault(target, "contains ^ or =, which separate the parts of a name in DICOM")
    return "".join(text + texts.get(name, "") for text, name in mapping.template_parts())


def _part(target: str, name: str, parts: Mapping[str, TemplatePart], values: RowValues) -> str:
    part = parts.get(name)
    if part is None:
        return _text(target, name, values)
    try:
        return part.refine(_text(target, part.field, values))
    except Rejected as error:
        raise ValueFault(target, error.what, (part.field,)) from None


def _text(target: str, name: str, values: RowValues) -> str:
    text = values.of(name)
    # An identifier is never put right: who typed it has to say which one was meant.
    return text if target in IDENTIFIERS else visible(text)
