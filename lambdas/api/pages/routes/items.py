"""One exam: everything known of it, and changing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from lambdas.api import reading
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes, existing_item
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingWriter, Reader
from lambdas.api.pages.site_reading import performed_of, read_site, shown_by, shown_to
from lambdas.api.pages.views.day import exam_row
from lambdas.api.pages.views.history import history_lines
from lambdas.api.pages.views.item import EDITABLE, done_view, field_views
from lambdas.api.pages.views.timeline import answer
from lambdas.api.pages.views.words import day_of, person
from lambdas.api.routes.history import item_history
from lambdas.store.unfinished_write_backs import completion_of

router = Router(prefix="/items")

ItemId = Annotated[str, Path(max_length=64)]


@router.get("/{item_id}")
def show_item(item_id: ItemId, request: Request, who: Reader, services: UseServices) -> Response:
    """Show an exam: the sentence, the way it went, every field with its owner, what scanners see."""
    stored = existing_item(services, who, item_id)
    reading.item_read(services.audit, who.by, stored)
    state = read_site(services, stored.item.site)
    performed = performed_of(services, [stored])
    views, shown = shown_by(services, state, stored), shown_to(services, state, [stored])
    hidden = who.session.hides_names
    name = person(stored.item.patient_name, hidden=hidden)
    return page(
        request,
        who,
        "item.html",
        stored=stored,
        zone=state.zone_name,
        day=day_of(stored.item.scheduled_start_date),
        row=exam_row(state, stored, performed, hides_names=hidden),
        answer=answer(state, stored, list(performed.values()), views, name, shown.get(item_id, ())),
        views=views,
        fields=field_views(stored, hides_names=hidden),
        hidden=hidden,
        done=done_view(stored, services.steps.write_back_state(completion_of(item_id))),
        person_owns=bool(stored.edited) or stored.status_owner == "person",
    )


@router.get("/{item_id}/history")
def show_history(item_id: ItemId, request: Request, who: Reader, services: UseServices) -> Response:
    """Show what became of an exam, the newest first."""
    stored = existing_item(services, who, item_id)
    state = read_site(services, stored.item.site)
    records = item_history(item_id, services, who.by, who.within)
    lines = history_lines(records, state, hides_names=who.session.hides_names)
    return page(request, who, "history.html", item_id=item_id, lines=lines, zone=state.zone_name)


@router.post("/{item_id}/edit")
def edit(item_id: ItemId, who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Change the fields that were changed in the form, if nobody else changed the exam meanwhile."""
    version = form.required("version", "The version")
    Changes(services, who).edit_item(item_id, dict(form.given(EDITABLE)), version)
    return see(f"/app/items/{item_id}", "edited")


@router.post("/{item_id}/release")
def release(item_id: ItemId, who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Give back to REDCap what people had changed."""
    Changes(services, who).release_item(item_id, form.required("version", "The version"))
    return see(f"/app/items/{item_id}", "released")


@router.post("/{item_id}/complete")
def complete(item_id: ItemId, who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Mark an exam as done that no scanner reports."""
    Changes(services, who).complete_item(item_id, form.required("version", "The version"), done=True)
    return see(f"/app/items/{item_id}", "completed")


@router.post("/{item_id}/reopen")
def reopen(item_id: ItemId, who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Take back that an exam was done."""
    Changes(services, who).complete_item(item_id, form.required("version", "The version"), done=False)
    return see(f"/app/items/{item_id}", "reopened")


@router.post("/{item_id}/restore")
def restore(item_id: ItemId, who: ActingWriter, services: UseServices) -> Response:
    """Bring a removed exam back."""
    Changes(services, who).restore_item(item_id)
    return see(f"/app/items/{item_id}", "restored")


@router.post("/{item_id}/remove")
def remove(item_id: ItemId, who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Take an exam off the list; its source will not bring it back."""
    Changes(services, who).remove_item(item_id, form.required("version", "The version"))
    return see(f"/app/items/{item_id}", "removed")
