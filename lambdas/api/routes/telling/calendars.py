"""Calendars of scanners: read by programs at a secret address, made and revoked by admins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Response
from pydantic import AwareDatetime, BaseModel

from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.reports.calendar_feed import DAYS_AHEAD, DAYS_BACK, calendar_of
from lambdas.api.schemas import common as schemas
from lambdas.api.services import Services
from lambdas.sources.stored import at_site, zone_name
from lambdas.store.accounts.calendars import Calendar
from shared.dicom.dicom_text import AE
from shared.text.time_zones import time_zone
from shared.worklist_item import SiteName

MEDIA_TYPE = "text/calendar"

router = Router(tags=["calendars"])


class NewCalendar(schemas.Request):
    """Whose exams a calendar has.

    :param site: the site of the scanner.
    :param scanner: the scanner's AE title.
    """

    site: SiteName
    scanner: AE


class CalendarView(BaseModel):
    """A calendar. Its address is not shown: nobody has it but who made it.

    :param calendar_id: names it.
    :param site: the site of the scanner.
    :param scanner: the scanner's AE title.
    :param made_at: when it was made.
    :param made_by: who made it.
    """

    calendar_id: str
    site: str
    scanner: str
    made_at: AwareDatetime
    made_by: str

    @classmethod
    def of(cls, calendar_id: str, calendar: Calendar) -> CalendarView:
        """Return what is shown of a calendar."""
        return cls(calendar_id=calendar_id, **calendar.model_dump(exclude={"salt"}))


class MadeCalendar(CalendarView):
    """A calendar that was just made.

    :param path: its secret address at this server. It is shown this once.
    """

    path: str


@router.get("/calendars", dependencies=[MayAdminister])
def list_calendars(services: UseServices) -> list[CalendarView]:
    """List the calendars that can be read."""
    return [CalendarView.of(name, each) for name, each in services.calendars.all().items()]


@router.post("/calendars", status_code=201, dependencies=[MayAdminister])
def create_calendar(body: NewCalendar, services: UseServices, by: Acting) -> MadeCalendar:
    """Make a calendar of a scanner, with no name and no id of a person in it."""
    secret = services.new_secret()
    calendar_id = services.calendars.make(
        secret, site=body.site, scanner=body.scanner, salt=services.new_secret(), by=by
    )
    view = CalendarView.of(calendar_id, services.calendars.find(secret))
    return MadeCalendar(**view.model_dump(), path=f"/ical/{secret}.ics")


@router.delete("/calendars/{calendar_id}", status_code=204, dependencies=[MayAdminister])
def revoke_calendar(calendar_id: str, services: UseServices, by: Acting) -> None:
    """End a calendar: its address is no good any more."""
    services.calendars.revoke(calendar_id, by=by)


@router.get(
    "/ical/{secret}.ics",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
)
def read_calendar(secret: Annotated[str, Path(max_length=128)], services: UseServices) -> Response:
    """Give a scanner's exams of the last 14 and the next 90 days as iCalendar (RFC 5545)."""
    calendar = services.calendars.find(secret)
    return Response(feed_of(services, calendar), media_type=f"{MEDIA_TYPE}; charset=utf-8")


def feed_of(services: Services, calendar: Calendar) -> bytes:
    """Return what a calendar says now."""
    sources = at_site(services.sources.all(), calendar.site)
    zone = time_zone(zone_name(sources, services.settings.site_time_zone))
    now = datetime.fromtimestamp(services.now(), UTC)
    today = now.astimezone(zone).date()
    first, last = today - timedelta(days=DAYS_BACK), today + timedelta(days=DAYS_AHEAD)
    rows = services.worklist.booked(calendar.site, f"{first:%Y%m%d}", f"{last:%Y%m%d}")
    items = (row.item for row in rows if not row.gone)
    return calendar_of(calendar.scanner, items, salt=calendar.salt, zone=zone, now=now)
