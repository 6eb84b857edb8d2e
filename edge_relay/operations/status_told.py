"""A relay's status as the heartbeat tells it to the cloud."""

from __future__ import annotations

from datetime import datetime

from edge_relay.operations.health import HealthReport, LoopHealth, ScannerHealth
from edge_relay.operations.status import RelayStatus
from edge_relay.operations.status_table import scanners_of
from shared.relay_health import LoopState, RelayHealth, ScannerActivity


def told(found: RelayStatus, report: HealthReport) -> RelayHealth:
    """Return what the cloud is told; the heartbeat itself fills in what it knows of profiles."""
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
