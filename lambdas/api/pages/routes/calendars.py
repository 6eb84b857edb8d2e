"""Calendars: which scanners' exams other programs may read, and ending that."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin, Visitor
from lambdas.api.pages.site_reading import sites_of
from lambdas.api.pages.views.words import at
from lambdas.api.routes.telling.calendars import list_calendars
from lambdas.api.services import Services
from shared.text.time_zones import time_zone

router = Router(prefix="/calendars")


@router.get("")
def show(request: Request, who: Admin, services: UseServices) -> Response:
    """Show the calendars that can be read."""
    return _page(request, who, services)


@router.post("/new")
def make(request: Request, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Make a calendar, and show its address: this once, for it is kept nowhere."""
    made = Changes(services, who).make_calendar(form.text("site"), form.text("scanner"))
    address = f"{request.url.scheme}://{request.headers.get('host', '')}{made.path}"
    return _page(request, who, services, address)


@router.post("/revoke")
def revoke(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """End a calendar."""
    Changes(services, who).revoke_calendar(form.required("calendar", "The calendar"))
    return see("/app/calendars", "calendar-revoked")


def _page(request: Request, who: Visitor, services: Services, address: str = "") -> Response:
    now = datetime.fromtimestamp(services.now(), UTC)
    zone = time_zone(services.settings.site_time_zone)
    found = sorted(list_calendars(services), key=lambda each: (each.site, each.scanner, each.made_at))
    return page(
        request,
        who,
        "calendars.html",
        calendars=[(each, at(each.made_at, now, zone)) for each in found],
        sites=sites_of(services, who),
        zone=services.settings.site_time_zone,
        made=address,
    )
