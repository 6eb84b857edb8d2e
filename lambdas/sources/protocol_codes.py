"""The protocol of a scan, chosen by visit, by arm, or by a field. Pure."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.sources.section import FieldName, Section
from lambdas.sources.transforms import Transform
from shared.errors import Rejected


class ProtocolCode(Section):
    """One protocol, as the worklist shows it.

    :param protocol_name: the protocol's code (up to 16 characters), or its name.
    :param hisris_coding_designator: the coding scheme the code is from; ``99...`` is one of your own.
    :param procedure_description: the procedure in words.
    """

    protocol_name: Annotated[str, Field(min_length=1)]
    hisris_coding_designator: Annotated[str, Field(min_length=1)] | None = None
    procedure_description: Annotated[str, Field(min_length=1)] | None = None

    def item_fields(self) -> dict[str, str]:
        """Return worklist field -> value."""
        return self.model_dump(exclude_none=True)


class ProtocolCodes(Section):
    """The protocol of each scan, chosen by one value of its row.

    :param field: a REDCap field, ``redcap_event_name``, or another pseudo-column.
    :param transforms: steps on its value; ``after_last = "_arm_"`` makes an arm's number of an event's name.
    :param codes: value -> protocol. All give the same keys.
    :param default: the protocol where the value is empty or not listed; without it that row is rejected.
    """

    field: FieldName
    transforms: tuple[Transform, ...] = ()
    codes: Annotated[dict[str, ProtocolCode], Field(min_length=1)]
    default: ProtocolCode | None = None

    @model_validator(mode="after")
    def _alike(self) -> Self:
        kinds = {frozenset(code.item_fields()) for code in self.all()}
        if len(kinds) > 1:
            raise ValueError("every protocol must give the same keys")
        return self

    def all(self) -> tuple[ProtocolCode, ...]:
        """Return every protocol there is."""
        return (*self.codes.values(), *([self.default] if self.default else []))

    def item_fields(self) -> frozenset[str]:
        """Return the worklist fields it fills."""
        return frozenset(self.all()[0].item_fields())

    def choose(self, text: str) -> ProtocolCode:
        """Return the protocol for a value; raise `Rejected` if there is none."""
        for step in self.transforms:
            text = step.apply(text) if text else ""
        chosen = self.codes.get(text, self.default)
        if chosen is None:
            raise Rejected("holds a code that protocol.codes does not list" if text else "is empty")
        return chosen
