"""Scans without a booking, or of the wrong one: linked in two clicks, undone in one."""

from __future__ import annotations

from fastapi import Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page
from lambdas.api.pages.session import ActingReader, ActingWriter, Reader, Visitor
from lambdas.api.pages.site_reading import sites_of
from lambdas.api.pages.views.navigation import NOTICES
from lambdas.api.pages.views.unmatched import candidate_rows, doubted_row, step_row
from lambdas.api.routes.procedure_steps import StepQuery, list_steps, show_step
from lambdas.api.services import Services
from lambdas.store.linking.doubted_exams import DoubtedExam, doubted_exams

router = Router(prefix="/unmatched")


@router.get("")
def list_unmatched(request: Request, who: Reader, services: UseServices) -> Response:
    """List the scans of the last seven days that need a person, and bookings with another's images."""
    hidden = who.session.hides_names
    found = list_steps(StepQuery(problem=[]), services, who.by, who.within)
    return page(
        request,
        who,
        "unmatched.html",
        steps=[step_row(each, hides_names=hidden) for each in found],
        doubted=[doubted_row(each) for each in _doubted(services, who)],
    )


@router.post("/candidates")
def show_candidates(request: Request, who: ActingReader, form: SentForm, services: UseServices) -> Response:
    """Show which bookings a scan may be of."""
    return _candidates(request, who, services, form.required("step", "The scan"))


@router.post("/link")
def link(request: Request, who: ActingWriter, form: SentForm, services: UseServices) -> Response:
    """Link a scan to a booking, or take the link back, as the button says; then offer to undo it."""
    uid, linked = form.required("step", "The scan"), bool(form.text("link"))
    item_id = form.text("link") or form.required("unlink", "The booking")
    Changes(services, who).link_step(uid, item_id, linked=linked)
    return _candidates(request, who, services, uid, notice="linked" if linked else "unlinked")


def _doubted(services: Services, who: Visitor) -> list[DoubtedExam]:
    today = services.local_now().date()
    return [
        exam
        for site in sites_of(services, who)
        for exam in doubted_exams(services.worklist, services.doubted_images, site, today)
    ]


def _candidates(request: Request, who: Visitor, services: Services, uid: str, notice: str = "") -> Response:
    found, hidden = show_step(uid, services, who.by, who.within), who.session.hides_names
    linked = [stored for stored in map(services.worklist.find, found.step.items) if stored is not None]
    return page(
        request,
        who,
        "candidates.html",
        notice=NOTICES.get(notice, ""),
        step=step_row(found.step, hides_names=hidden),
        candidates=candidate_rows(found, linked, hides_names=hidden),
    )
