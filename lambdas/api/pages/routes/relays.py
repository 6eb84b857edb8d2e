"""Relays: is every scanner served, what waits, enrolling a relay and revoking one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query, Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin
from lambdas.api.pages.site_reading import sites_of
from lambdas.api.pages.views.relays import relay_views, summary_of
from lambdas.store.self_tests.outcome import outcome_of
from shared.dicom.dicom_text import AE
from shared.errors import NotFound
from shared.relay_health import ADDS_SCANNERS

router = Router(prefix="/relays")

RelayId = Annotated[str, Path(max_length=64)]
Title = Annotated[AE, Query()]


@router.get("")
def list_relays(request: Request, who: Admin, services: UseServices) -> Response:
    """Show all relays, those that need somebody first."""
    now = datetime.fromtimestamp(services.now(), UTC)
    relays = services.relays.all()
    views = relay_views(relays, services.relays.heartbeats(), services.self_tests.of_relays(relays), now)
    return page(request, who, "relays.html", relays=views, sites=sites_of(services, who), code=None)


@router.post("/enroll")
def enroll(request: Request, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Show a code that enrols one relay: this once, for it is kept nowhere."""
    code = Changes(services, who).invite_relay(form.text("site"))
    return page(request, who, "enrolled.html", code=code)


@router.post("/{relay_id}/test")
def begin_test(relay_id: RelayId, who: ActingAdmin, services: UseServices) -> Response:
    """Send a test participant, and lead to where its way is shown."""
    Changes(services, who).test_relay(relay_id)
    return see(f"/app/relays/{relay_id}/test")


@router.get("/{relay_id}/test")
def show_test(relay_id: RelayId, request: Request, who: Admin, services: UseServices) -> Response:
    """Show how far a relay's test participant has come."""
    relay = services.relays.find(relay_id)
    test = services.self_tests.find(relay) if relay else None
    if relay is None or test is None:
        raise NotFound("this relay has not been tested", hint="start a test at Relays")
    now = datetime.fromtimestamp(services.now(), UTC)
    outcome = outcome_of(test, now)
    template = "relay_test_part.html" if "hx-request" in request.headers else "relay_test.html"
    return page(request, who, template, relay=relay, outcome=outcome, summary=summary_of(test, now))


@router.get("/{relay_id}/let-in")
def ask_to_let_in(
    relay_id: RelayId, request: Request, who: Admin, services: UseServices, ae_title: Title
) -> Response:
    """Ask what a scanner that was refused may see."""
    relay, heartbeat = services.relays.find(relay_id), services.relays.heartbeat(relay_id)
    if relay is None:
        raise NotFound("no such relay")
    may_add = heartbeat is not None and ADDS_SCANNERS in heartbeat.health.abilities
    return page(request, who, "let_in.html", relay=relay, ae_title=ae_title, may_add=may_add)


@router.post("/{relay_id}/let-in")
def let_in(relay_id: RelayId, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Let a scanner call a relay from now on."""
    own = form.text("shown") == "own"
    Changes(services, who).let_in(relay_id, form.required("ae_title", "The AE title"), own_exams_only=own)
    return see("/app/relays", "let-in")


@router.post("/{relay_id}/parked/{event_id}")
def settle_parked(
    relay_id: RelayId, event_id: RelayId, who: ActingAdmin, form: SentForm, services: UseServices
) -> Response:
    """Have a parked event sent again, or give it up for a reason."""
    if form.text("do") == "again":
        Changes(services, who).retry_parked(relay_id, event_id)
        return see("/app/relays", "again")
    Changes(services, who).give_up_parked(relay_id, event_id, form.required("because", "The reason"))
    return see("/app/relays", "given-up")


@router.post("/{relay_id}/revoke")
def revoke(relay_id: RelayId, who: ActingAdmin, services: UseServices) -> Response:
    """End a relay's access."""
    Changes(services, who).revoke_relay(relay_id)
    return see("/app/relays", "revoked")
