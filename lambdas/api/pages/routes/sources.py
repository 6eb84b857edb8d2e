"""Sources: is REDCap read well, what is not on the list and why, trying a definition, applying it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin, Reader
from lambdas.api.pages.views.sources import Place, draft_of, exam_counts, source_view, text_of
from lambdas.api.services import Services
from lambdas.redcap.form_address import form_address
from lambdas.redcap.project import RedcapProject
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.stored import StoredSource
from lambdas.sync.preview import Preview
from shared.errors import NotFound, Rejected

router = Router()

SourceId = Annotated[str, Path(max_length=64)]


@router.get("/sources")
def list_sources(request: Request, who: Admin, services: UseServices) -> Response:
    """List the sources, with how each is read."""
    now = services.now()
    return page(
        request, who, "sources.html", sources=[source_view(each, now) for each in services.sources.all()]
    )


@router.get("/sources/new")
def new_source(request: Request, who: Admin) -> Response:
    """Show an empty draft."""
    return page(request, who, "source_draft.html", source_id="", draft="", preview=None, problem="")


@router.post("/sources/draft")
def try_draft(request: Request, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Show what a draft would do, or apply it, as the button says; or what is wrong with it."""
    draft = form.text("draft")
    try:
        source_id, definition = draft_of(draft)
        if form.text("do") == "apply":
            Changes(services, who).store_source(source_id, definition)
            return see(f"/app/sources/{source_id}", "stored")
        found = Preview.model_validate_json(Changes(services, who).preview_source(source_id, definition))
    except Rejected as error:
        return page(
            request,
            who,
            "source_draft.html",
            status=422,
            source_id="",
            draft=draft,
            preview=None,
            problem=str(error),
        )
    return page(
        request,
        who,
        "source_draft.html",
        source_id=source_id,
        draft=draft,
        preview=found,
        counts=exam_counts(found.counts.items()),
        problem="",
    )


@router.get("/sources/{source_id}")
def show_source(source_id: SourceId, request: Request, who: Admin, services: UseServices) -> Response:
    """Show a source, its rejected and held rows, and its definition."""
    source = services.sources.find(source_id)
    return page(
        request,
        who,
        "source.html",
        source=source_view(source, services.now()),
        draft=text_of(source.definition) if source.definition else "",
    )


@router.post("/sources/{source_id}/sync")
def sync(source_id: SourceId, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Read REDCap now; with ``confirm`` let go what waits for that."""
    confirmed = form.text("confirm") == "yes"
    Changes(services, who).sync_source(source_id, confirm_withdrawals=confirmed)
    return see(f"/app/sources/{source_id}", "confirmed" if confirmed else "asked")


@router.get("/sources/{source_id}/form/{row}")
def open_form(source_id: SourceId, row: str, who: Reader, services: UseServices) -> Response:
    """Lead to a row's form in REDCap, whose address holds the record: ours does not."""
    source = services.sources.find(source_id)
    place, site = _place_of(services, source, row)
    sites = {site} if site or source.definition is None else source.definition.sites()
    if not any(map(who.within.admits, sites)):
        raise _no_row()
    found = _address(services, source, place)
    return Response(status_code=303, headers={"Location": found, "Referrer-Policy": "no-referrer"})


def _place_of(services: Services, source: StoredSource, row: str) -> tuple[Place, str]:
    """Return where in REDCap a row is, and the site of its scan, empty if that is not known."""
    shown = source_view(source, services.now()).row(row)
    if shown is not None:
        return shown.place, shown.site
    stored = services.worklist.find(row)
    if stored is None or stored.item.source != source.source_id:
        raise _no_row()
    item = stored.item
    return (item.source_record, item.source_event, item.source_instrument, item.source_instance), item.site


def _no_row() -> NotFound:
    return NotFound("There is no such row any more", hint="go back and load the page again")


def _address(services: Services, source: StoredSource, place: Place) -> str:
    definition = services.sources.get(source.source_id)
    redcap = services.connect(definition)
    try:
        record, event, instrument, instance = place
        return form_address(
            definition.url,
            redcap.version(),
            str(redcap.project_info().get("project_id", "")),
            record=record,
            event_id=redcap.event_ids().get(event, "") if event else "",
            instrument=instrument or _form_of(definition, redcap),
            instance=instance,
        )
    finally:
        redcap.close()


def _form_of(definition: SourceDefinition, redcap: RedcapProject) -> str:
    """Return the form that says that there is a scan, for rows that name none; empty if nothing says so."""
    forms = {each["field_name"]: each["form_name"] for each in redcap.metadata()}
    return next((forms[name] for name in definition.rows.required if name in forms), "")
