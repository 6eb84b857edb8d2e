"""What a participant can plausibly be; what lies outside is held back: a unit or a row is wrong. Pure.

A scanner computes its limits of heating from weight and height, and the person at it compares the birth date:
a value that nobody has is a safety matter, not a value to be left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from lambdas.sources.section import Section
from shared.worklist_item import WorklistItem

_DAYS_A_YEAR: Final = 365.25


def _in_order(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] >= pair[1]:
        raise ValueError("give the smallest and the largest value, in that order")
    return pair


Span = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1000)], Annotated[float, Field(ge=0, le=1000)]],
    AfterValidator(_in_order),
]
"""Smallest and largest value that is believed, both included."""


class Limits(Section):
    """The limits; a source of newborns, or of phantoms, sets its own.

    :param weight_kg: of ``patient_weight_kg``, whatever unit REDCap has it in.
    :param size_m: of ``patient_size_m``.
    :param age_years: on the day of the scan, by ``patient_birth_date``; nobody is scanned before birth.
    """

    weight_kg: Span = (0.5, 350.0)
    size_m: Span = (0.25, 2.5)
    age_years: Span = (0.0, 120.0)

    def broken_by(self, item: WorklistItem) -> Iterator[tuple[str, str]]:
        """Yield worklist field and reason, without the value, for what lies outside."""
        for name, text, (least, most) in (
            ("patient_weight_kg", item.patient_weight_kg, self.weight_kg),
            ("patient_size_m", item.patient_size_m, self.size_m),
        ):
            if text and not Decimal(str(least)) <= Decimal(text) <= Decimal(str(most)):
                span = f"{least:g} to {most:g} {name.rpartition('_')[2]}"
                key = f"limits.{name.removeprefix('patient_')}"
                yield name, f"lies outside {span} ({key}); is it in the unit the definition says?"
        if item.patient_birth_date and (reason := self._age_fault(item)):
            yield "patient_birth_date", reason

    def _age_fault(self, item: WorklistItem) -> str:
        born, scanned = (
            date.fromisoformat(text) for text in (item.patient_birth_date, item.scheduled_start_date)
        )
        if born > scanned:
            return "lies after the day of the scan"
        least, most = self.age_years
        # To the day at both ends: who turns `most` today is not older.
        if not least * _DAYS_A_YEAR - 1 <= (scanned - born) / timedelta(days=1) <= (most + 1) * _DAYS_A_YEAR:
            return (
                f"makes an age outside {least:g} to {most:g} years on the day of the scan (limits.age_years)"
            )
        return ""
