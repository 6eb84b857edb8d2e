"""The week: how full is each scanner, which bookings overlap, and which lie outside its hours?"""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.rendering import page
from lambdas.api.pages.routes.today import DayOf, Site
from lambdas.api.pages.session import Reader
from lambdas.api.pages.site_reading import chosen_site, read_site, sites_of
from lambdas.api.pages.views.week import monday_of, week_view

router = Router()


@router.get("/week")
def show_week(
    request: Request, who: Reader, services: UseServices, site: Site = "", day: DayOf = ""
) -> Response:
    """Show the week a day lies in: this one, if none is asked for."""
    sites = sites_of(services, who)
    state = read_site(services, chosen_site(services, site, sites))
    monday = monday_of(day or state.today)
    first, last = f"{monday:%Y%m%d}", _after(monday, 6)
    items = services.worklist.of_days(state.site, first, last) if state.site else []
    return page(
        request,
        who,
        "week.html",
        state=state,
        sites=sites,
        week=week_view(monday, items, state.today, state.scanner_hours),
        before=_after(monday, -7),
        after=_after(monday, 7),
    )


def _after(day: datetime, days: int) -> str:
    return f"{day + timedelta(days=days):%Y%m%d}"
