"""One booking, one scan, one missing scan, as the figures of a report count them. Pure.

All moments are aware. Days are those of the site's zone, so that a report's days are those on its walls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, Step
from shared.steps.step_times import began_at, ended_at
from shared.worklist_item import Status

BY_HAND: Final = "by hand"
"""The study of a booking that nobody's REDCap project made."""
NO_BOOKING: Final = "no booking"
"""The study of a scan that is of no booking."""
NOT_KNOWN: Final = "not known"
LONGEST_SCAN: Final = timedelta(hours=12)
"""What is said to have lasted longer was forgotten, not scanned: it has no length."""


@dataclass(frozen=True)
class Scan:
    """One performed procedure step.

    :param scanner: its AE title, else its name.
    :param study: the source of its booking; `NO_BOOKING` if it has none.
    :param began: UTC.
    :param ended: UTC; None: it has not, or took longer than `LONGEST_SCAN`, or ended before it began.
    :param names: the AE title and the name of the scanner, as far as they are known.
    """

    uid: str
    scanner: str
    study: str
    day: date
    began: datetime
    ended: datetime | None
    names: frozenset[str] = frozenset()

    @property
    def has_booking(self) -> bool:
        """Whether it is of a booking."""
        return self.study != NO_BOOKING


@dataclass(frozen=True)
class Booking:
    """One exam that was planned, whatever became of it.

    :param scanner: the planned scanner's AE title; ``names``: that, and the planned station's name.
    :param planned: its planned start; ``planned_end``: None if REDCap has none, or one before the start.
    :param scans: those that are of it, but for those begun because the wrong entry had been selected.
    :param cancelled: whether it is cancelled, or was taken off the list; ``cancelled_at``: None if not known.
    :param listed_at: since when it is on the list as it is planned; None if not known.
    :param saved_at: when that was saved in REDCap, at the earliest; ``saved_exactly``: just then.
    :param known_at: when we first saw its row, on the list or not; None if not known.
    """

    item_id: str
    scanner: str
    study: str
    day: date
    planned: datetime
    planned_end: datetime | None = None
    status: Status = Status.SCHEDULED
    scans: tuple[Scan, ...] = ()
    names: frozenset[str] = frozenset()
    cancelled: bool = False
    cancelled_at: datetime | None = None
    listed_at: datetime | None = None
    saved_at: datetime | None = None
    saved_exactly: bool = False
    known_at: datetime | None = None

    @property
    def first_scan(self) -> Scan | None:
        """The scan of it that began first."""
        return min(self.scans, key=lambda scan: scan.began, default=None)

    @property
    def ended(self) -> datetime | None:
        """When the last of its scans ended; None if one has not."""
        ends = [scan.ended for scan in self.scans]
        return None if None in ends else max(filter(None, ends), default=None)


@dataclass(frozen=True)
class Unshown:
    """A scan of a day that has passed, and whose row is still rejected or held back."""

    study: str
    day: date


def scan_of(step: Step, study: str, zone: tzinfo) -> Scan | None:
    """Return a performed step as a scan; None if it is not known when it began."""
    began = began_at(step, zone)
    if began is None:
        return None
    ended = ended_at(step, zone)
    names = frozenset(filter(None, (step.station_aetitle, step.station_name)))
    return Scan(
        uid=step.sop_instance_uid,
        scanner=step.station_aetitle or step.station_name or NOT_KNOWN,
        study=study,
        day=began.astimezone(zone).date(),
        began=began,
        ended=ended if ended and timedelta() <= ended - began <= LONGEST_SCAN else None,
        names=names,
    )


def booking_of(
    item: Mapping[str, Any], steps: Iterable[Step], zone: tzinfo, **timing: datetime | bool | None
) -> Booking:
    """Return a stored item as a booking.

    :param item: its fields, as they are stored.
    :param steps: its performed steps.
    :param timing: the fields of `Booking` that the item itself does not say.
    """
    study = item.get("source") or BY_HAND
    planned = _local(item["scheduled_start_date"], item["scheduled_start_time"], zone)
    status = Status(item.get("performed_procedure_step_status", Status.SCHEDULED))
    counted = (each for each in steps if each.discontinuation_reason != WRONG_WORKLIST_ENTRY)
    found = (scan_of(step, study, zone) for step in counted)
    given: dict[str, Any] = {"cancelled": status is Status.CANCELLED, **timing}
    return Booking(
        item_id=item["id"],
        scanner=item["scheduled_station_aetitle"],
        study=study,
        day=planned.astimezone(zone).date(),
        planned=planned,
        planned_end=_planned_end(item, planned, zone),
        status=status,
        scans=tuple(scan for scan in found if scan is not None),
        names=frozenset(filter(None, (item["scheduled_station_aetitle"], item.get("station_name", "")))),
        **given,
    )


def _planned_end(item: Mapping[str, Any], planned: datetime, zone: tzinfo) -> datetime | None:
    time = item.get("scheduled_end_time", "")
    if not time:
        return None
    end = _local(item.get("scheduled_end_date") or item["scheduled_start_date"], time, zone)
    return end if end > planned else None


def _local(day: str, time: str, zone: tzinfo) -> datetime:
    """Return a DICOM date and time of the site as a moment (UTC); the first of two that may be meant."""
    digits = (time.split(".", maxsplit=1)[0] + "000000")[:6]
    return datetime.strptime(day + digits, "%Y%m%d%H%M%S").replace(tzinfo=zone).astimezone(UTC)
