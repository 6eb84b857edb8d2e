"""Today, and any other day: who comes, where they are, what needs somebody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query, Request, Response

from lambdas.access.role import Role
from lambdas.api import reading
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.origin import shown_mark
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingWriter, Reader
from lambdas.api.pages.site_reading import chosen_site, performed_of, read_site, shown_to, sites_of
from lambdas.api.pages.views.day import MARKS, day_view, to_come
from lambdas.api.pages.views.missing import missing_of
from lambdas.store.ownership import STATUS
from shared.dicom.dicom_text import OptionalDA
from shared.errors import Rejected
from shared.worklist_item import OptionalSiteName

router = Router()

Site = Annotated[OptionalSiteName, Query()]
DayOf = Annotated[OptionalDA, Query()]


@router.get("/today")
def show_today(
    request: Request, who: Reader, services: UseServices, site: Site = "", day: DayOf = ""
) -> Response:
    """Show a day of a site: today's, if none is asked for."""
    sites = sites_of(services, who)
    state = read_site(services, chosen_site(services, site, sites))
    wanted = day or state.today
    items = services.worklist.of_days(state.site, wanted, wanted) if state.site else []
    missing = [each for each in missing_of(state.sources, state.site, services.now()) if each.soon]
    view = day_view(
        state,
        wanted,
        items,
        performed_of(services, items),
        missing if wanted == state.today else (),
        shown_to(services, state, to_come(items)),
        hides_names=who.session.hides_names,
        may_mark=who.may(Role.WRITE),
    )
    seen = shown_mark(who.secret, [each.item.id for each in items])
    # A page that renews itself reads nothing new as long as it shows the same exams.
    if request.query_params.get("seen") != seen:
        reading.list_read(services.audit, who.by, items)
    part = "hx-request" in request.headers
    return page(
        request,
        who,
        "today_part.html" if part else "today.html",
        view=view,
        state=state,
        sites=sites,
        day=wanted,
        before=_moved(wanted, -1),
        after=_moved(wanted, 1),
        seen=seen,
        first_run=not state.sources and who.may(Role.ADMIN),
    )


@router.post("/today/mark")
def mark(who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Mark who arrived, or did not come. The button holds the version that was looked at."""
    status, item_id, version = [*form.text("mark").split("/"), "", "", ""][:3]
    if status not in {each.value for each in MARKS}:
        raise Rejected("there is no such mark")
    Changes(services, who).edit_item(item_id, {STATUS: status}, version)
    address = f"/app/today?site={form.text('site')}&day={form.text('day')}"
    return see(address if _is_plain(address) else "/app/today", "marked")


def _is_plain(address: str) -> bool:
    return all(letter.isalnum() or letter in "/?=&_.-" for letter in address)


def _moved(day: str, by: int) -> str:
    moment = datetime.strptime(day, "%Y%m%d") + timedelta(days=by)  # noqa: DTZ007 - a day has no zone
    return f"{moment:%Y%m%d}"
