"""The heartbeat: `heartbeat_once` sends the relay's status and applies the cloud's scanner overrides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from edge_relay.exchange.loop import Exchange
from edge_relay.health.loop_health import LoopHealth
from edge_relay.health.report import HealthReport, ScannerHealth, scanners_of
from edge_relay.health.status import RelayStatus
from edge_relay.services.profiles import Profiles
from shared.relay_health import HeartbeatAnswer, LoopState, RelayHealth, ScannerActivity


class Care(Protocol):
    """What a heartbeat needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        """Tell how the relay is doing; return what is overridden, None if the cloud cannot be asked."""


IDENTITY_SHARED: Final = "a copied state folder is in use on another machine; enrol one of the two anew"


def heartbeat_exchange(
    care: Care,
    profiles: Profiles,
    health: Callable[[], RelayHealth],
    note_identity: Callable[[str], None] = lambda _: None,
    run: str = "",
) -> Exchange:
    """Return the exchange that tells the cloud how this relay is, and takes over its scanners' profiles.

    :param note_identity: is told what is wrong with the relay's identity, empty if nothing is.
    :param run: names this run of the relay; by it the cloud notices two machines with one identity.
    """

    def exchange_once() -> bool:
        heartbeat_once(care, profiles, health().model_copy(update={"run": run}), note_identity)
        return False

    return exchange_once


def heartbeat_once(
    care: Care,
    profiles: Profiles,
    health: RelayHealth,
    note_identity: Callable[[str], None] = lambda _: None,
) -> bool:
    """Tell the cloud how the relay is doing, and take over what it says of scanners.

    :param health: how things stand; what is said of the profiles is filled in here.
    :returns: whether the cloud knows heartbeats; one that does not (404) leaves the profiles as they are.
    """
    of_profiles = {"profiles_version": profiles.version, "profile_problems": profiles.problems}
    answer = care.heartbeat(RelayHealth.model_validate(dict(health) | of_profiles))
    if answer is None:
        return False
    note_identity(IDENTITY_SHARED if answer.identity_shared else "")
    profiles.take(answer.scanners, answer.version)
    return True


def health_for_cloud(found: RelayStatus, report: HealthReport, cursor: str = "") -> RelayHealth:
    """Return the status to send; the heartbeat itself adds what it knows of profiles.

    :param cursor: where the relay's last complete pull ended.
    """
    return RelayHealth(
        version=report.version,
        at=found.looked_at,
        pull=_loop(report.pull),
        push=_loop(report.push),
        items=found.items,
        unreadable=found.unreadable,
        outbox=found.outbox,
        outbox_oldest_at=datetime.fromisoformat(found.oldest_event_at) if found.oldest_event_at else None,
        parked=found.parked,
        problems=found.problems,
        cursor=cursor,
        scanners=tuple(_scanner(title, scanner) for title, scanner in scanners_of(report).items()),
    )


def _loop(loop: LoopHealth) -> LoopState:
    return LoopState.model_validate(loop.model_dump())


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
