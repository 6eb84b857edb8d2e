"""Which rows are scans, which other rows their values come from, and which gates hold them back. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lambdas.sources.section import FieldName, Section

Codes = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class Filter(Section):
    """A condition on a value: exactly one of ``values`` and ``not_values``.

    :param values: the field has one of these; never true of an empty field.
    :param not_values: the field is empty, or has something else.
    """

    field: FieldName
    values: Codes | None = None
    not_values: Codes | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.values is None) == (self.not_values is None):
            raise ValueError("give exactly one of values and not_values")
        return self

    def holds(self, text: str) -> bool:
        """Tell whether it is true of a value."""
        if self.values is not None:
            return text in self.values
        return text not in (self.not_values or ())

    def codes(self) -> tuple[str, ...]:
        """Return the codes it names."""
        return self.values or self.not_values or ()


class ScanRows(Section):
    """Which of a record's rows are scans.

    :param instrument: the repeating instrument whose rows are scans; empty: rows without one (the base row
        of a classic project, an event, a repeating event).
    :param events: in a longitudinal project, the unique names of the events scans are in; empty: any.
    :param required: a row in which one of these fields is empty is no scan (yet, or any more).
    :param where: a row is a scan only if all of these are true; the fields may come by joins.
    """

    instrument: FieldName | Literal[""] = ""
    events: tuple[str, ...] = ()
    required: Annotated[tuple[FieldName, ...], Field(min_length=1)]
    where: tuple[Filter, ...] = ()


class Join(Section):
    """Fields that do not sit on the scan's own row but on another one of the same record.

    :param fields: the REDCap fields to take from there.
    :param instrument: that row's repeating instrument; empty: the base row, or the event's.
    :param events: that row's event: one of the scan's own arm, if the record has one; else the first of
        these it has; empty: any.
    :param pick: which of its repeats. ``same``: the one of the scan's own event, with the scan's own instance
        number if it repeats.
    """

    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)]
    instrument: FieldName | Literal[""] = ""
    events: tuple[str, ...] = ()
    pick: Literal["first", "last", "same"] = "first"

    @model_validator(mode="after")
    def _same_has_no_other(self) -> Self:
        if self.pick == "same" and self.events:
            raise ValueError('pick = "same" means the scan\'s own event; leave out events')
        return self


class Exemption(Section):
    """A value with which a gate stands open."""

    field: FieldName
    values: Codes


class Gate(Section):
    """A scan is held back until a field says it may go ahead. What is empty or unknown holds it back.

    :param field: a REDCap field, on the scan's row or joined.
    :param values: the codes that open the gate.
    :param reason: what is still to be done, for the people who look for the scan.
    :param unless: the gate does not apply to scans for which this is true, such as a pregnancy test for men.
    """

    field: FieldName
    values: Codes
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    unless: Exemption | None = None

    def conditions(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the fields it looks at, each with the codes it knows of it."""
        own = ((self.field, self.values),)
        return own if self.unless is None else (*own, (self.unless.field, self.unless.values))
