"""Relays: is every scanner served, what waits, enrolling a relay and revoking one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from lambdas.api.dependencies import UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin
from lambdas.api.pages.site_reading import sites_of
from lambdas.api.pages.views.relays import relay_views

router = APIRouter(prefix="/relays")


@router.get("")
def list_relays(request: Request, who: Admin, services: UseServices) -> Response:
    """Show all relays, those that need somebody first."""
    now = datetime.fromtimestamp(services.now(), UTC)
    views = relay_views(services.relays.all(), services.relays.heartbeats(), now)
    return page(request, who, "relays.html", relays=views, sites=sites_of(services, who), code=None)


@router.post("/enroll")
def enroll(request: Request, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Show a code that enrols one relay: this once, for it is kept nowhere."""
    code = Changes(services, who).invite_relay(form.text("site"))
    return page(request, who, "enrolled.html", code=code)


@router.post("/{relay_id}/revoke")
def revoke(
    relay_id: Annotated[str, Path(max_length=64)], who: ActingAdmin, services: UseServices
) -> Response:
    """End a relay's access."""
    Changes(services, who).revoke_relay(relay_id)
    return see("/app/relays", "revoked")
