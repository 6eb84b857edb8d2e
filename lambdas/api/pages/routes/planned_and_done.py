"""Planned and done: how the scanners were used, as a page and as CSV."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.forms import as_model
from lambdas.api.pages.rendering import page
from lambdas.api.pages.session import Reader, Visitor
from lambdas.api.pages.site_reading import chosen_site, sites_of
from lambdas.api.pages.views.words import with_dashes
from lambdas.api.reports.csv_text import as_csv
from lambdas.api.reports.groups import Grouping
from lambdas.api.reports.page_view import page_view
from lambdas.api.reports.planned_and_done import PlannedAndDone, ReportQuery, make_report
from lambdas.api.services import Services

router = Router()

_FIELDS: Final = ("site", "by", "date_from", "date_to", "late_hours", "assumed_minutes")


@router.get("/planned-and-done")
def show(request: Request, who: Reader, services: UseServices) -> Response:
    """Show a report: of the last four weeks by scanner, if nothing else is asked for."""
    query = _asked(request)
    sites = sites_of(services, who)
    site = chosen_site(services, query.site, sites)
    made = make_report(query, services, site) if site else None
    return page(
        request,
        who,
        "planned_and_done.html",
        site=site,
        sites=sites,
        asked=query,
        groupings=list(Grouping),
        made=made,
        view=page_view(made.report, query.by) if made else None,
        first=with_dashes(made.date_from if made else ""),
        last=with_dashes(made.date_to if made else ""),
        query=_query(made) if made else "",
    )


@router.get("/planned-and-done.csv")
def download(request: Request, who: Reader, services: UseServices) -> Response:
    """Give the same as CSV, with every figure."""
    made = _made(request, who, services)
    disposition = {"Content-Disposition": 'attachment; filename="planned-and-done.csv"'}
    return Response(as_csv(made.report), media_type="text/csv", headers=disposition)


def _made(request: Request, who: Visitor, services: Services) -> PlannedAndDone:
    query = _asked(request)
    return make_report(query, services, chosen_site(services, query.site, sites_of(services, who)))


def _asked(request: Request) -> ReportQuery:
    """Return what the address asks for; a field of the form that was left empty was not filled in."""
    given = {name: request.query_params.get(name, "").strip() for name in _FIELDS}
    return as_model(ReportQuery, {name: text for name, text in given.items() if text})


def _query(made: PlannedAndDone) -> str:
    asked = {
        "site": made.site,
        "by": made.by.value,
        "date_from": made.date_from,
        "date_to": made.date_to,
        "late_hours": made.late_hours,
        "assumed_minutes": made.assumed_minutes or "",
    }
    return urlencode(asked)
