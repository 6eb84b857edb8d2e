"""When a scanner may be booked, by the clock on its wall. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

EVERY_SCANNER: Final = "all"
"""In the place of an AE title: the hours of every scanner without hours of its own."""
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT: Final = time()


class ScannerHours(BaseModel):
    """From when to when on which days; local times, without a zone.

    :param closes: 00:00 is the midnight at the end of the day.
    :param days: the days it is open on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    opens: time
    closes: time
    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)
    ] = _WEEKDAYS

    @model_validator(mode="after")
    def _closes_later(self) -> Self:
        if self.opens.tzinfo is not None or self.closes.tzinfo is not None:
            raise ValueError("opens and closes are local times, without a zone")
        if self.closes != _MIDNIGHT and self.closes <= self.opens:
            raise ValueError("closes must be later than opens")
        return self

    def on(self, day: date) -> timedelta:
        """Return how long it is open on a day."""
        if _WEEKDAYS[day.weekday()] not in self.days:
            return timedelta()
        opens, closes = self._of(day)
        return closes - opens

    def cover(self, start: datetime, end: datetime) -> bool:
        """Tell whether a booking lies within them; local times, ``end`` not before ``start``."""
        opens, closes = self._of(start.date())
        return bool(self.on(start.date())) and opens <= start < closes and end <= closes

    def _of(self, day: date) -> tuple[datetime, datetime]:
        last = day + timedelta(days=1) if self.closes == _MIDNIGHT else day
        return datetime.combine(day, self.opens), datetime.combine(last, self.closes)


def hours_of(scanner: str, given: Mapping[str, ScannerHours]) -> ScannerHours | None:
    """Return a scanner's hours: its own, else those of every scanner; None: nobody said any.

    :param given: by AE title, or `EVERY_SCANNER`.
    """
    return given.get(scanner) or given.get(EVERY_SCANNER)
