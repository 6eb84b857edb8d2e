"""What a report reads: a site's bookings and scans of some days, in as few requests as the days allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Final

from lambdas.api.reports.exams import (
    BY_HAND,
    NO_BOOKING,
    NOT_KNOWN,
    Booking,
    Unshown,
    booking_of,
    scan_of,
)
from lambdas.api.reports.groups import Exams
from lambdas.api.services import Services
from lambdas.sources.missing_scans import by_day
from lambdas.sources.stored import StoredSource
from lambdas.store.listing import BookedRow
from shared.batches import batches
from shared.errors import Rejected
from shared.identifiers import RowKey
from shared.steps.procedure_step import Step

MOST_EXAMS: Final = 30_000
"""Bookings of one report: more take longer than anybody waits."""

_BATCH_GET: Final = 100
_ONE_DAY: Final = timedelta(days=1)


def read_exams(
    services: Services, site: str, first: date, last: date, zone: tzinfo, sources: Iterable[StoredSource]
) -> Exams:
    """Return everything of a site from the first to the last day, both included.

    :param sources: those that write to the site.
    :raises Rejected: there are more than `MOST_EXAMS`.
    """
    sources = tuple(sources)
    held_back = {RowKey(*key).item_id() for source in sources for key in _keys(source)}
    booked = services.worklist.booked(site, _day(first), _day(last))
    # What a gate holds back, or what has become unreadable, is off the list, and was not cancelled.
    there = (row for row in booked if not (row.gone and row.item["id"] in held_back))
    rows = list(islice(there, MOST_EXAMS + 1))
    if len(rows) > MOST_EXAMS:
        raise Rejected(f"more than {MOST_EXAMS} exams", where="date_from", hint="ask for fewer days")
    # A step whose begin is not known is listed by its day in UTC: one day more on both sides has it too.
    near = services.step_links.steps_between(site, _day(first - _ONE_DAY), _day(last + _ONE_DAY))
    steps = {step.sop_instance_uid: step for step in near}
    known = steps | _further_steps(services, rows, steps)
    studies = {row.item["id"]: row.item.get("source") or BY_HAND for row in rows}
    studies |= _further_studies(services, site, steps.values(), studies)
    scans = (scan_of(step, _study(step, studies), zone) for step in steps.values())
    yesterday = datetime.fromtimestamp(services.now(), UTC).astimezone(zone).date() - _ONE_DAY
    return Exams(
        bookings=[_booking(row, known, zone) for row in rows],
        scans=[scan for scan in scans if scan is not None and first <= scan.day <= last],
        unshown=list(_unshown(sources, site, _day(first), _day(min(last, yesterday)))),
    )


def _further_steps(
    services: Services, rows: Iterable[BookedRow], there: Mapping[str, Step]
) -> dict[str, Step]:
    """Return the steps of bookings that were done on quite another day."""
    lacking = sorted({uid for row in rows for uid in row.steps} - there.keys())
    return {
        uid: performed.step
        for some in batches(lacking, _BATCH_GET)
        for uid, performed in services.steps.performed(some).items()
    }


def _further_studies(
    services: Services, site: str, steps: Iterable[Step], there: Mapping[str, str]
) -> dict[str, str]:
    """Return the studies of bookings that were planned for quite another day than their scan."""
    lacking = sorted({item_id for step in steps for item_id in step.item_ids[:1]} - there.keys())
    return {
        item_id: stored.item.source or BY_HAND
        for some in batches(lacking, _BATCH_GET)
        for item_id, stored in services.worklist.writer.read(site, some).items()
    }


def _study(step: Step, studies: Mapping[str, str]) -> str:
    return studies.get(step.item_ids[0], NOT_KNOWN) if step.item_ids else NO_BOOKING


def _booking(row: BookedRow, steps: Mapping[str, Step], zone: tzinfo) -> Booking:
    item_id, timing = row.item["id"], row.timing
    own = [steps[uid] for uid in row.steps if uid in steps and item_id in steps[uid].item_ids]
    given = {"cancelled": True} if row.gone else {}
    return booking_of(
        row.item,
        own,
        zone,
        cancelled_at=timing.cancelled_at,
        listed_at=timing.listed_at,
        saved_at=timing.saved_at,
        saved_exactly=timing.saved_exactly,
        known_at=timing.known_at,
        **given,
    )


def _keys(source: StoredSource) -> Iterator[tuple[str, str, str, str, int]]:
    for _, row in by_day(source.state):
        yield source.source_id, row.record, row.event, row.instrument, row.instance


def _unshown(sources: Iterable[StoredSource], site: str, first: str, last: str) -> Iterator[Unshown]:
    """Yield the rows of days that have passed that are still rejected or held back."""
    for source in sources:
        sites: Collection[str] = source.definition.sites() if source.definition else ()
        for _, row in by_day(source.state):
            here = row.site == site or (not row.site and set(sites) == {site})
            if here and first <= row.day <= last:
                day = datetime.strptime(row.day, "%Y%m%d").replace(tzinfo=UTC).date()
                yield Unshown(source.source_id, day)


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"
