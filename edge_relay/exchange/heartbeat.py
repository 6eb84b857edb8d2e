"""The heartbeat: `heartbeat_once` sends the relay's status and applies the cloud's scanner overrides."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from edge_relay.exchange.loop import Exchange
from edge_relay.health.loop_health import LoopHealth
from edge_relay.health.report import HealthReport, RefusedCaller, ScannerHealth, scanners_of
from edge_relay.health.status import RelayStatus
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_parked import Discarding, discard, note_told, untold
from edge_relay.services.profiles import Profiles
from edge_relay.upper_layer.negotiation import UNKNOWN_CALLING
from shared.errors import MwlError, Unavailable
from shared.relay_health import (
    ADDS_SCANNERS,
    MOST_DISCARDED,
    MOST_PARKED,
    DiscardedEvent,
    HeartbeatAnswer,
    LoopState,
    ParkedEvent,
    RefusedAssociation,
    RelayHealth,
    ScannerActivity,
)
from shared.steps.self_test import ABILITY


class Care(Protocol):
    """What a heartbeat needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        """Tell how the relay is doing; return what is overridden, None if the cloud cannot be asked."""


log = logging.getLogger(__name__)

IDENTITY_SHARED: Final = "a copied state folder is in use on another machine; enrol one of the two anew"


class RelaySide(NamedTuple):
    """What a heartbeat tells and does besides the relay's health and its scanners' profiles.

    :param run: names this run of the relay; by it the cloud notices two machines with one identity.
    :param note_identity: is told what is wrong with the relay's identity, empty if nothing is.
    :param journal: its parked and discarded events are told; what people discard in the cloud is discarded.
    :param now: the time by the cloud's clock, aware.
    """

    run: str
    note_identity: Callable[[str], None]
    journal: Journal
    now: Callable[[], datetime]

    def parked(self) -> tuple[ParkedEvent, ...]:
        """Return the parked events; none if the journal cannot be read, which the status tells."""
        try:
            found = [event for event in self.journal.open_events() if event.state == "parked"]
        except Unavailable:
            return ()
        return tuple(
            ParkedEvent(
                event_id=event.event_id,
                sop_instance_uid=event.sop_instance_uid,
                kind=event.kind,
                received_at=event.received_at,
                reason=event.reason,
            )
            for event in found[:MOST_PARKED]
        )

    def discarded(self) -> tuple[DiscardedEvent, ...]:
        """Return what was discarded here and the cloud has not recorded; none if it cannot be read."""
        try:
            found = untold(self.journal, MOST_DISCARDED)
        except Unavailable:
            return ()
        return tuple(
            DiscardedEvent(
                event_id=event.event_id,
                sop_instance_uid=event.sop_instance_uid,
                kind=event.kind,
                received_at=event.received_at,
                reason=event.refused_because,
                discarded_by=event.discarded_by,
                discarded_at=event.discarded_at,
                because=event.because,
            )
            for event in found
        )

    def take(self, answer: HeartbeatAnswer) -> None:
        """Do what the cloud says."""
        note_told(self.journal, answer.discards_recorded)
        self.note_identity(IDENTITY_SHARED if answer.identity_shared else "")
        for order in answer.discards:
            try:
                discard(self.journal, order.event_id, Discarding(order.by, self.now(), order.because))
            except MwlError as error:  # it is told of again as long as it is parked
                log.warning("an event could not be discarded as the cloud says: %s", error)
        for event_id in answer.retries:
            try:
                self.journal.retry(event_id)
            except MwlError as error:
                log.warning("an event could not be tried again as the cloud says: %s", error)


def heartbeat_exchange(
    care: Care, profiles: Profiles, health: Callable[[], RelayHealth], side: RelaySide | None = None
) -> Exchange:
    """Return the exchange that tells the cloud how this relay is, and takes over its scanners' profiles."""

    def exchange_once() -> bool:
        heartbeat_once(care, profiles, health(), side)
        return False

    return exchange_once


def heartbeat_once(
    care: Care, profiles: Profiles, health: RelayHealth, side: RelaySide | None = None
) -> bool:
    """Tell the cloud how the relay is doing, and take over what it says of scanners and of parked events.

    :param health: how things stand; what is said of the profiles is filled in here.
    :returns: whether the cloud knows heartbeats; one that does not (404) leaves the profiles as they are.
    """
    told: dict[str, Any] = {"profiles_version": profiles.version, "profile_problems": profiles.problems}
    if profiles.may_be_added:
        told["abilities"] = (*health.abilities, ADDS_SCANNERS)
    if side is not None:
        told |= {
            "run": side.run,
            "parked_events": side.parked(),
            "discarded_events": side.discarded(),
        }
    answer = care.heartbeat(RelayHealth.model_validate(dict(health) | told))
    if answer is None:
        return False
    if side is not None:
        side.take(answer)
    profiles.take(answer.scanners, answer.version)
    return True


def health_for_cloud(found: RelayStatus, report: HealthReport, cursor: str = "") -> RelayHealth:
    """Return the status to send; the heartbeat itself adds what it knows of profiles.

    :param cursor: where the relay's last complete pull ended.
    """
    # The cloud takes numbers only: where a file cannot be read, `problems` says so.
    return RelayHealth(
        version=report.version,
        at=found.looked_at,
        pull=_loop(report.pull),
        push=_loop(report.push),
        items=found.items,
        unreadable=found.unreadable or 0,
        outbox=found.outbox or 0,
        outbox_oldest_at=datetime.fromisoformat(found.oldest_event_at) if found.oldest_event_at else None,
        parked=found.parked or 0,
        problems=found.problems,
        cursor=cursor,
        refused=tuple(map(_refused, reversed(report.refused))),
        abilities=(ABILITY,),
        scanners=tuple(_scanner(title, scanner) for title, scanner in scanners_of(report).items()),
    )


def _loop(loop: LoopHealth) -> LoopState:
    return LoopState.model_validate(loop.model_dump())


def _refused(caller: RefusedCaller) -> RefusedAssociation:
    return RefusedAssociation(
        ae_title=caller.ae_title,
        address=caller.address,
        why=caller.why,
        at=caller.last_at,
        count=caller.count,
        unknown=caller.why == UNKNOWN_CALLING.why,
    )


def _scanner(title: str, scanner: ScannerHealth) -> ScannerActivity:
    return ScannerActivity(
        ae_title=title,
        last_echo_at=scanner.echo.at if scanner.echo else None,
        last_query_at=scanner.query.at if scanner.query else None,
        last_answers=scanner.query.answers if scanner.query else 0,
        last_mpps_at=scanner.mpps.at if scanner.mpps else None,
        associations=scanner.associations,
        requests=scanner.requests,
        answers=scanner.answers,
    )
