"""Find: why is this person on the scanner's list, or not? A form asks: no name is in an address."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import Request, Response

from lambdas.api import reading
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page
from lambdas.api.pages.session import ActingReader, Reader, Visitor
from lambdas.api.pages.site_reading import chosen_site, performed_of, read_site, shown_by, shown_to, sites_of
from lambdas.api.pages.views.missing import missing_of
from lambdas.api.pages.views.search import FEWEST_LETTERS, admits, is_record
from lambdas.api.pages.views.site import SiteState
from lambdas.api.pages.views.timeline import answer
from lambdas.api.pages.views.words import day_of, person
from lambdas.api.services import Services
from lambdas.store.ownership import StoredItem

router = Router()

DAYS_BACK: Final = 31
DAYS_AHEAD: Final = 92
MOST_FOUND: Final = 20


@router.get("/find")
def ask(request: Request, who: Reader, services: UseServices) -> Response:
    """Show the box."""
    sites = sites_of(services, who)
    return page(
        request, who, "find.html", sites=sites, site=chosen_site(services, "", sites), found=None, typed=""
    )


@router.post("/find")
def find(request: Request, who: ActingReader, form: SentForm, services: UseServices) -> Response:
    """Answer for every exam of a site that fits, the next one first."""
    typed, sites = form.text("who")[:100], sites_of(services, who)
    state = read_site(services, chosen_site(services, form.text("site"), sites))
    first, last = _days(state)
    enough = len(typed) >= FEWEST_LETTERS or typed.isdigit()
    items = services.worklist.of_days(state.site, first, last, admits(typed)) if enough and state.site else []
    items.sort(
        key=lambda each: (each.item.scheduled_start_date < state.today, each.item.scheduled_start_date)
    )
    if items:
        reading.list_read(services.audit, who.by, items[:MOST_FOUND])
    missing = missing_of(state.sources, state.site, services.now()) if enough else []
    return page(
        request,
        who,
        "find.html",
        sites=sites,
        site=state.site,
        typed=typed,
        zone=state.zone_name,
        enough=enough,
        days=f"{day_of(first)} and {day_of(last)}",
        found=_answers(services, who, state, items[:MOST_FOUND]),
        more=len(items) > MOST_FOUND,
        missing=[each for each in missing if is_record(typed, each.record)],
    )


def _answers(services: Services, who: Visitor, state: SiteState, items: list[StoredItem]) -> list[object]:
    performed, shown = performed_of(services, items), shown_to(services, state, items)
    return [
        {
            "item_id": stored.item.id,
            "answer": answer(
                state,
                stored,
                [performed[uid] for uid in stored.progress.steps if uid in performed],
                shown_by(services, state, stored),
                person(stored.item.patient_name, hidden=who.session.hides_names),
                shown.get(stored.item.id, ()),
            ),
        }
        for stored in items
    ]


def _days(state: SiteState) -> tuple[str, str]:
    now = state.local_now
    return f"{now - timedelta(days=DAYS_BACK):%Y%m%d}", f"{now + timedelta(days=DAYS_AHEAD):%Y%m%d}"
