"""Where a worklist field's value comes from, and how it is changed. Pure.

REDCap's value -> transforms, in order -> values (code -> ours) -> default, if nothing is left
               -> unit, or the form DICOM wants
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from lambdas.sources.section import FieldName, Section, field_name
from lambdas.sources.transforms import Transform
from shared.errors import Rejected
from shared.worklist_item import WorklistItem

_OURS: Final = frozenset(
    {
        "id",
        "site",
        "study_instance_uid",
        "accession_number",
        "requested_procedure_id",
        "scheduled_procedure_step_id",
        "performed_procedure_step_status",
    }
)
ITEM_FIELDS: Final = frozenset(
    name for name in WorklistItem.model_fields if name not in _OURS and not name.startswith("source")
)
"""What a definition may fill: what REDCap owns. Identifiers are derived, the status is the scanner's."""

REQUIRED_ITEM_FIELDS: Final = frozenset(
    name for name in ITEM_FIELDS if WorklistItem.model_fields[name].is_required()
)

Unit = Literal["kg", "g", "lb", "m", "cm", "in"]
UNITS: Final[dict[str, frozenset[str]]] = {
    "patient_weight_kg": frozenset({"kg", "g", "lb"}),
    "patient_size_m": frozenset({"m", "cm", "in"}),
}
"""Which units each measure can be given in; no other field takes one."""

ALWAYS_REQUIRED: Final = REQUIRED_ITEM_FIELDS | {"issuer_of_patient_id"}
"""Who is scanned, when, where and what for: a scan without one of these, or with one that cannot be used, is
rejected. An identifier without its issuer would be another participant's."""


class ValueRules(Section):
    """What is done to a value.

    :param transforms: steps, in order; see `lambdas.sources.transforms`.
    :param values: REDCap's code -> our value, looked up after the transforms.
    :param otherwise: our value for a code that ``values`` does not list; without it the row is rejected.
    :param default: what to use when there is nothing: the field is empty, or has a missing-data code.
    """

    transforms: tuple[Transform, ...] = ()
    values: dict[str, str] | None = None
    otherwise: str | None = None
    default: str = ""

    @model_validator(mode="after")
    def _otherwise_than_what(self) -> Self:
        if self.otherwise is not None and self.values is None:
            raise ValueError("otherwise is for codes that values does not list; give values, or use default")
        return self

    def refine(self, text: str) -> str:
        """Return what to use of a value; raise `Rejected` saying why it cannot be, without quoting it."""
        for step in self.transforms:
            text = step.apply(text) if text else ""
        if text and self.values is not None:
            ours = self.values.get(text, self.otherwise)
            if ours is None:
                raise Rejected("holds a code that the source definition's values do not list")
            text = ours
        return text or self.default


class TemplatePart(ValueRules):
    """A REDCap field prepared for use in templates, under a name of its own.

    As a bare string it is just the field.
    """

    field: FieldName

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"field": value} if isinstance(value, str) else value


class FieldMapping(ValueRules):
    """Where one worklist field's value comes from: exactly one of field, template and constant.

    As a bare string it is a REDCap field, or a template if it contains ``{``.

    :param field: a REDCap field.
    :param template: text with ``{redcap_field}`` or ``{part}`` in it, such as ``sub_{study}_ses_{visit}``.
    :param constant: the same text for every item.
    :param unit: what REDCap's number is in; we store kg and m.
    :param decimal_comma: the comma in REDCap's number is the decimal sign, also before three digits.
    """

    field: FieldName | None = None
    template: Annotated[str, Field(min_length=1)] | None = None
    constant: Annotated[str, Field(min_length=1)] | None = None
    unit: Unit | None = None
    decimal_comma: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return {"template" if "{" in value else "field": value}
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [name for name in ("field", "template", "constant") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of field, template and constant")
        self.template_parts()  # a template that cannot be read is an error now, not at the first row
        return self

    def names(self) -> tuple[str, ...]:
        """Return the REDCap fields, pseudo-columns and parts the value is made of, in order, each once."""
        if self.field is not None:
            return (self.field,)
        return tuple(dict.fromkeys(name for _, name in self.template_parts() if name))

    def redcap_fields(self, parts: Mapping[str, TemplatePart]) -> tuple[str, ...]:
        """Return the REDCap fields and pseudo-columns it is made of, in order, each once.

        :param parts: the definition's; a template's ``{name}`` means the part of that name, if there is one.
        """
        if self.field is not None:
            return (self.field,)
        return tuple(dict.fromkeys(parts[name].field if name in parts else name for name in self.names()))

    def template_parts(self) -> list[tuple[str, str]]:
        """Return the template as (text, name) pairs, with an empty name after the last text."""
        if self.template is None:
            return []
        try:
            parts = list(Formatter().parse(self.template))
        except ValueError:
            raise ValueError("a template needs a closing } for every {") from None
        if any(spec or conversion for _, _, spec, conversion in parts):
            raise ValueError("a template takes {redcap_field} or {part} and nothing more inside the braces")
        return [(text, "" if name is None else field_name(name)) for text, name, _, _ in parts]
