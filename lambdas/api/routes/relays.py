"""Relays as admins see them."""

from __future__ import annotations

from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.guard import logger
from lambdas.api.schemas.common import (
    DiscardReason,
    EnrollmentCode,
    Invitation,
    RelayDetail,
    RelayView,
    ScannersView,
)
from lambdas.api.schemas.self_tests import SelfTestView
from lambdas.api.services import Services
from lambdas.store.accounts.relays import Relay
from lambdas.store.audit.entry import moment
from shared.errors import NotFound
from shared.relay_health import DiscardOrder
from shared.scanners.scanner_profile import ScannerOverrides

router = Router(prefix="/relays", tags=["relays"], dependencies=[MayAdminister])


@router.get("")
def list_relays(services: UseServices) -> list[RelayView]:
    """List all relays, revoked ones too, with the last heartbeat of each."""
    heartbeats = services.relays.heartbeats()
    return [RelayView.of(relay, heartbeats.get(relay.relay_id)) for relay in services.relays.all()]


@router.post("/enrollments", status_code=201)
def create_enrollment(services: UseServices, by: Acting, body: Invitation | None = None) -> EnrollmentCode:
    """Make a code that enrols one relay of a site, once, within a quarter of an hour."""
    site = services.site_or_default(body.site if body else "")
    code, expires_at = services.relays.invite(site, by=by)
    return EnrollmentCode(code=code, site=site, expires_at=expires_at)


@router.get("/{relay_id}")
def show_relay(relay_id: str, services: UseServices) -> RelayDetail:
    """Show a relay, with when each of its scanners was last heard of."""
    relay = _existing(services, relay_id)
    return RelayDetail.of(relay, services.relays.heartbeat(relay_id))


@router.get("/{relay_id}/scanners")
def show_scanners(relay_id: str, services: UseServices) -> ScannersView:
    """Show what is overridden of a relay's scanners, and whether the relay has taken it."""
    _existing(services, relay_id)
    configuration, version = services.relays.configuration(relay_id)
    return ScannersView.of(configuration, version, services.relays.heartbeat(relay_id))


@router.put("/{relay_id}/scanners")
def override_scanners(
    relay_id: str, body: ScannerOverrides, services: UseServices, by: Acting
) -> ScannersView:
    """Override profiles of a relay's scanners; what was overridden before and is not here no longer is.

    A value that is not given is as in the relay's own configuration; `null` is the default, whatever that
    says. The relay hears of it with its next heartbeat, and tells what it could not take with the one after.
    """
    services.relays.configure(relay_id, body, by=by)
    logger.info("scanners overridden", extra={"relay_id": relay_id, "by": by.name})
    return show_scanners(relay_id, services)


@router.post("/{relay_id}/parked-events/{event_id}/discard", status_code=202)
def discard_parked_event(
    relay_id: str, event_id: str, body: DiscardReason, services: UseServices, by: Acting
) -> None:
    """Give up an MPPS event that the cloud refused for good. The relay does so with its next heartbeat, and
    keeps the event with who, when and why. `GET /relays/{id}` lists the parked events."""
    order = DiscardOrder(event_id=event_id, by=by.name, because=body.because)
    services.relays.discard(relay_id, order, by=by)


@router.post("/{relay_id}/parked-events/{event_id}/retry", status_code=202)
def retry_parked_event(relay_id: str, event_id: str, services: UseServices, by: Acting) -> None:
    """Send an MPPS event again that the cloud refused for good, once its cause is repaired. The relay does so
    with its next heartbeat; what is refused again is listed again."""
    services.relays.retry(relay_id, event_id, by=by)


@router.post("/{relay_id}/test", status_code=202)
def begin_test(relay_id: str, services: UseServices, by: Acting) -> SelfTestView:
    """Send a test participant through the API, the feed, the relay, its DICOM port and back.

    It is in no list, count or report, and REDCap is not told of it. One that is under way goes on.
    """
    heartbeat = services.relays.heartbeat(relay_id)
    test = services.self_tests.begin(_existing(services, relay_id), heartbeat, by=by)
    return SelfTestView.of(test, moment(services.now()))


@router.get("/{relay_id}/test")
def show_test(relay_id: str, services: UseServices) -> SelfTestView:
    """Show how the relay's last test went, or how far it has come: poll it until `state` is not `running`."""
    test = services.self_tests.find(_existing(services, relay_id))
    if test is None:
        raise NotFound("this relay has not been tested yet")
    return SelfTestView.of(test, moment(services.now()))


@router.delete("/{relay_id}", status_code=204)
def revoke_relay(relay_id: str, services: UseServices, by: Acting) -> None:
    """Revoke a relay: its next request is refused."""
    services.relays.revoke(relay_id, by=by)


def _existing(services: Services, relay_id: str) -> Relay:
    relay = services.relays.find(relay_id)
    if relay is None:
        raise NotFound("no such relay")
    return relay
