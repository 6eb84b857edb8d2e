"""The figures of "planned and done", each defined once. Pure; docs/reports.md says the same in words.

Every figure is a count, a sum or a percentile over bookings and scans of one group in one period. A share is
two counts: which one it is of is said beside it, so that shares of groups can be added up rightly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Final

from pydantic import BaseModel, ConfigDict

from lambdas.api.reports.exams import Booking, Scan, Unshown
from shared.worklist_item import Status

OVERRUN_AFTER: Final = timedelta(minutes=5)
"""An exam that ended later than that after its planned end has overrun; as on the page Today."""
LATE_CANCELLATION: Final = timedelta(hours=24)
"""A cancellation less than that before the planned start is late: nobody else can use the time."""


@dataclass(frozen=True)
class Rules:
    """What a report is told besides the exams.

    :param today: the site's day.
    :param late: how long before the planned start a cancellation counts as late.
    :param assumed: how long a booking without a planned end is taken to last; None: it has no length.
    """

    today: date
    late: timedelta = LATE_CANCELLATION
    assumed: timedelta | None = None

    def end_of(self, booking: Booking) -> datetime | None:
        """Return when a booking should end; None if that is not known."""
        if booking.planned_end is not None or self.assumed is None:
            return booking.planned_end
        return booking.planned + self.assumed


class Figures(BaseModel):
    """One group's figures. Minutes and seconds are whole ones; a percentile is None over nothing.

    :param bookings: exams planned for a day of the period, cancelled ones too.
    :param booked_minutes: of bookings that kept their time to the end: all but those cancelled early.
    :param without_length: those among them whose planned end is not known: they add nothing to it.
    :param scans: scans that began on a day of the period.
    :param used_minutes: while at least one scan ran on a scanner; scans of unknown length add nothing.
    :param started: bookings of which a scan began, on whatever day.
    :param started_on_its_day: those among them whose first scan began on the planned day.
    :param start_delay_p50: of those, minutes from the planned start to the first scan; negative: early.
    :param start_delay_p95: likewise.
    :param ended: bookings started on their day, with a known planned end, whose scans have all ended.
    :param overrun: those among them that ended more than `OVERRUN_AFTER` after the planned end.
    :param overrun_minutes: the minutes that those took beyond it, together.
    :param due: bookings of days that have passed and that were not cancelled.
    :param no_shows: those among them that nobody came to (NO_SHOW).
    :param cancelled: bookings that were cancelled, or taken off the list before a scan.
    :param cancelled_late: those among them less than `Rules.late` before the planned start, or after it.
    :param elsewhere: started bookings with a scan on another scanner than planned.
    :param without_booking: scans that are of no booking.
    :param saved_known: bookings of which it is known when their plan was saved in REDCap, at the earliest.
    :param saved_exactly: those among them whose save REDCap itself announced (Data Entry Trigger).
    :param saved_to_listed_p50: of all those, seconds from the save until the plan was on the list, at most.
    :param saved_to_listed_p95: likewise.
    :param missing: exams that were not on the list as planned when their time came. Must be 0.
    """

    model_config = ConfigDict(frozen=True)

    bookings: int = 0
    booked_minutes: int = 0
    without_length: int = 0
    scans: int = 0
    used_minutes: int = 0
    started: int = 0
    started_on_its_day: int = 0
    start_delay_p50: int | None = None
    start_delay_p95: int | None = None
    ended: int = 0
    overrun: int = 0
    overrun_minutes: int = 0
    due: int = 0
    no_shows: int = 0
    cancelled: int = 0
    cancelled_late: int = 0
    elsewhere: int = 0
    without_booking: int = 0
    saved_known: int = 0
    saved_exactly: int = 0
    saved_to_listed_p50: int | None = None
    saved_to_listed_p95: int | None = None
    missing: int = 0


def figures(
    bookings: Collection[Booking], scans: Collection[Scan], unshown: Collection[Unshown], rules: Rules
) -> Figures:
    """Return the figures of a group."""
    kept = [each for each in bookings if not each.cancelled or is_late_cancellation(each, rules)]
    ends = [(each.planned, rules.end_of(each)) for each in kept]
    lengths = [end - start for start, end in ends if end is not None]
    on_its_day = [each for each in bookings if started_on_its_day(each)]
    delays = sorted(delay for each in on_its_day if (delay := start_delay(each)) is not None)
    ended = [each for each in on_its_day if each.ended and rules.end_of(each)]
    overruns = [overrun for each in ended if (overrun := _overrun(each, rules)) > OVERRUN_AFTER]
    due = [each for each in bookings if each.day < rules.today and not each.cancelled]
    saved = [each for each in bookings if saved_to_listed(each) is not None]
    waits = sorted(wait for each in saved if (wait := saved_to_listed(each)) is not None)
    return Figures(
        bookings=len(bookings),
        booked_minutes=_minutes(sum(lengths, timedelta())),
        without_length=len(kept) - len(lengths),
        scans=len(scans),
        used_minutes=_minutes(used(scans)),
        started=sum(bool(each.scans) for each in bookings),
        started_on_its_day=len(on_its_day),
        start_delay_p50=percentile(delays, 50),
        start_delay_p95=percentile(delays, 95),
        ended=len(ended),
        overrun=len(overruns),
        overrun_minutes=_minutes(sum(overruns, timedelta())),
        due=len(due),
        no_shows=sum(each.status is Status.NO_SHOW for each in due),
        cancelled=sum(each.cancelled for each in bookings),
        cancelled_late=sum(is_late_cancellation(each, rules) for each in bookings),
        elsewhere=sum(is_elsewhere(each) for each in bookings),
        without_booking=sum(not scan.has_booking for scan in scans),
        saved_known=len(saved),
        saved_exactly=sum(each.saved_exactly for each in saved),
        saved_to_listed_p50=percentile(waits, 50),
        saved_to_listed_p95=percentile(waits, 95),
        missing=sum(map(was_missing, bookings)) + len(unshown),
    )


def started_on_its_day(booking: Booking) -> bool:
    """Tell whether its first scan began on the planned day."""
    return booking.first_scan is not None and booking.first_scan.day == booking.day


def start_delay(booking: Booking) -> int | None:
    """Return the whole minutes, rounded down, from its planned start to its first scan; None: no scan."""
    scan = booking.first_scan
    return None if scan is None else (scan.began - booking.planned) // timedelta(minutes=1)


def is_late_cancellation(booking: Booking, rules: Rules) -> bool:
    """Tell whether it was cancelled too late; one of which nobody knows when it was does not count."""
    return (
        booking.cancelled
        and booking.cancelled_at is not None
        and booking.cancelled_at > booking.planned - rules.late
    )


def is_elsewhere(booking: Booking) -> bool:
    """Tell whether a scan of it was done on another scanner than planned."""
    return any(scan.names and not scan.names & booking.names for scan in booking.scans)


def saved_to_listed(booking: Booking) -> int | None:
    """Return the seconds, rounded up, from its save in REDCap until it was listed as planned."""
    if booking.saved_at is None or booking.listed_at is None:
        return None
    return max(0, ceil((booking.listed_at - booking.saved_at).total_seconds()))


def was_missing(booking: Booking) -> bool:
    """Tell whether it was not on the list as planned when its time came.

    One that was entered in REDCap after its time (a scan noted afterwards, a walk-in) could not be.
    """
    if booking.cancelled or booking.listed_at is None or booking.listed_at <= booking.planned:
        return False
    entered = [moment for moment in (booking.known_at, booking.saved_at) if moment is not None]
    return bool(entered) and min(entered) <= booking.planned


def used(scans: Iterable[Scan]) -> timedelta:
    """Return how long at least one scan ran, scanner by scanner."""
    spans = sorted((scan.scanner, scan.began, scan.ended) for scan in scans if scan.ended is not None)
    return sum(
        (_union([(began, ended) for _, began, ended in own]) for _, own in groupby(spans, lambda s: s[0])),
        timedelta(),
    )


def _union(spans: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """Return how much time spans cover; in order of their begin."""
    total, covered_to = timedelta(), spans[0][0]
    for began, ended in spans:
        if ended > covered_to:
            total += ended - max(began, covered_to)
            covered_to = ended
    return total


def percentile(ordered: Sequence[int], share: int) -> int | None:
    """Return the smallest value that at least ``share`` per cent of the values do not exceed (nearest rank).

    It is SQL's ``percentile_disc``. None if there are no values.
    """
    return ordered[max(1, ceil(len(ordered) * share / 100)) - 1] if ordered else None


def _overrun(booking: Booking, rules: Rules) -> timedelta:
    ended, planned_end = booking.ended, rules.end_of(booking)
    return ended - planned_end if ended and planned_end else timedelta()


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)
