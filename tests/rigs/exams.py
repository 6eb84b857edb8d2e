"""Bookings and scans as reports count them, made from times of one day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from lambdas.api.reports.exams import Booking, Scan

DAY = datetime(2026, 11, 24, tzinfo=UTC)
"""A Tuesday."""


def at(minutes: float, day: int = 0) -> datetime:
    """Return a moment: so many minutes after midnight of the day, or of one so many days later."""
    return DAY + timedelta(days=day, minutes=minutes)


def day_of(moment: datetime) -> date:
    return moment.date()


def a_scan(began: float, ended: float | None = None, *, day: int = 0, **changes: Any) -> Scan:
    start = at(began, day)
    fields: dict[str, Any] = {
        "uid": f"2.25.{began}",
        "scanner": "MR1",
        "study": "study",
        "day": start.date(),
        "began": start,
        "ended": None if ended is None else at(ended, day),
        **changes,
    }
    return Scan(**{"names": frozenset({fields["scanner"]}), **fields})


def a_booking(planned: float = 540, end: float | None = None, *, day: int = 0, **changes: Any) -> Booking:
    """Return a booking of MR1, at 09:00 unless said otherwise."""
    start = at(planned, day)
    fields: dict[str, Any] = {
        "item_id": f"{day}-{planned}",
        "scanner": "MR1",
        "study": "study",
        "day": start.date(),
        "planned": start,
        "planned_end": None if end is None else at(end, day),
        "names": frozenset({"MR1"}),
        **changes,
    }
    return Booking(**fields)
