"""Relays as admins see them."""

from __future__ import annotations

from fastapi import APIRouter

from lambdas.api.auth import MayAdminister
from lambdas.api.schemas import EnrollmentCode, Invitation, RelayView
from lambdas.api.services import UseServices

router = APIRouter(prefix="/relays", tags=["relays"], dependencies=[MayAdminister])


@router.get("")
def list_relays(services: UseServices) -> list[RelayView]:
    """List all relays, revoked ones too."""
    return [RelayView.of(relay) for relay in services.relays.all()]


@router.post("/enrollments", status_code=201)
def create_enrollment(services: UseServices, body: Invitation | None = None) -> EnrollmentCode:
    """Make a code that enrols one relay of a site, once, within a quarter of an hour."""
    site = services.site_or_default(body.site if body else "")
    code, expires_at = services.relays.invite(site)
    return EnrollmentCode(code=code, site=site, expires_at=expires_at)


@router.delete("/{relay_id}", status_code=204)
def revoke_relay(relay_id: str, services: UseServices) -> None:
    """Revoke a relay: its next request is refused."""
    services.relays.revoke(relay_id)
