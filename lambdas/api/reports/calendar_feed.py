"""A scanner's exams as a calendar (RFC 5545), without anything of a person.

An event says the study, and what is to be done. That is text that a study team wrote, and a definition may
have put a name into it; so it is left out if anything that names the participant is in it. Times are in UTC,
which every calendar program shows in its reader's own zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from lambdas.api.reports.exams import booking_of
from shared.worklist_item import Status

if TYPE_CHECKING:
    from icalendar import Event

DAYS_BACK: Final = 14
DAYS_AHEAD: Final = 90
WITHOUT_END: Final = timedelta(hours=1)
"""How long an exam is shown whose planned end is not known."""
REFRESH: Final = timedelta(minutes=15)
_NOT_SHOWN: Final = frozenset({Status.CANCELLED.value, Status.NO_SHOW.value})
_NAMING: Final = (
    "patient_name",
    "patient_id",
    "source_record",
    "other_patient_ids",
    "other_patient_names",
    "clinical_trial_subject_id",
    "patient_birth_date",
    "accession_number",
)


def calendar_of(
    scanner: str, items: Iterable[Mapping[str, Any]], *, salt: str, zone: tzinfo, now: datetime
) -> bytes:
    """Return the calendar of a scanner.

    :param items: exams of its site, as they are stored; those of other scanners are left out.
    :param salt: random and secret: makes the events' UIDs.
    :param zone: of the site.
    :param now: aware; when the calendar is made.
    """
    from icalendar import Calendar  # noqa: PLC0415 - takes a while to load, and few requests are for a calendar

    calendar = Calendar()
    calendar.add("prodid", "-//mwl-relay//calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", scanner)
    calendar.add("x-wr-calname", scanner)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for item in items:
        is_shown = item.get("performed_procedure_step_status", "SCHEDULED") not in _NOT_SHOWN
        if item["scheduled_station_aetitle"] == scanner and is_shown:
            calendar.add_component(_event(item, salt, zone, now))
    return bytes(calendar.to_ical())


def summary_of(item: Mapping[str, Any]) -> str:
    """Return what an event says: the study, and what is to be done if that names nobody."""
    study = item.get("source", "")
    said = item.get("protocol_name") or item.get("procedure_description") or ""
    return ": ".join(filter(None, (study, said if not names_somebody(said, item) else ""))) or "Exam"


def names_somebody(text: str, item: Mapping[str, Any]) -> bool:
    """Tell whether anything that names an exam's participant is in a text, whole or in part."""
    plain = _plain(text)
    parts = {part for name in _NAMING for part in _parts(str(item.get(name, "")))}
    return any(part in plain for part in parts)


def _parts(value: str) -> set[str]:
    """Return what of a value would name somebody: the whole of it, and each word of two letters or more."""
    words = {_plain(word) for word in re.split(r"[\W_]+", value)}
    return {part for part in (_plain(value), *words) if len(part) > 1}


def _plain(text: str) -> str:
    return "".join(text.casefold().split())


def _event(item: Mapping[str, Any], salt: str, zone: tzinfo, now: datetime) -> Event:
    booking = booking_of(item, (), zone)
    from icalendar import Event  # noqa: PLC0415 - likewise

    event = Event()
    event.add("uid", f"{sha256(f'{salt}/{booking.item_id}'.encode()).hexdigest()[:32]}@mwl-relay")
    event.add("dtstamp", now)
    event.add("dtstart", booking.planned)
    event.add("dtend", booking.planned_end or booking.planned + WITHOUT_END)
    event.add("summary", summary_of(item))
    event.add("location", booking.scanner)
    event.add("status", "CONFIRMED")
    event.add("class", "PRIVATE")
    return event
