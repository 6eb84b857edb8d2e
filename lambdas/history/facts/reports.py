"""What heartbeats and reports of syncs say, as facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from pydantic import AwareDatetime

from lambdas.history.facts.fact import HeartbeatFact, ScannerFact, SyncFact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.sources.state import SourceState, SyncReport
from shared.identifiers import RowKey
from shared.relay_health import RelayHealth, ScannerActivity

_FIGURES: Final = (
    "unfinished",
    "written",
    "unchanged",
    "withdrawn",
    "missing_soon",
    "withheld",
    "unseen",
)
_LAST: Final[tuple[tuple[Literal["echo", "find", "mpps"], str], ...]] = (
    ("echo", "last_echo_at"),
    ("find", "last_query_at"),
    ("mpps", "last_mpps_at"),
)


def heartbeat_fact(
    relay: str, site: str, at: AwareDatetime, health: RelayHealth, before: RelayHealth | None
) -> HeartbeatFact:
    """Return what a heartbeat says.

    :param at: when the cloud received it.
    :param before: the one before it; None if it is not known: nothing is then said to have grown.
    """
    waiting = health.outbox_oldest_at
    return HeartbeatFact(
        site=site,
        relay=relay,
        at=at,
        software=health.version,
        items=health.items,
        outbox=health.outbox,
        outbox_seconds=max(0, round((at - waiting).total_seconds())) if waiting else None,
        parked=health.parked,
        problems=len(health.all_problems),
        pull_works=not health.pull.failure,
        pulled_at=health.pull.succeeded_at,
        push_works=not health.push.failure,
        pushed_at=health.push.succeeded_at,
        scanners=tuple(_scanner(each, health, before) for each in health.scanners),
    )


def _scanner(now: ScannerActivity, health: RelayHealth, before: RelayHealth | None) -> ScannerFact:
    if before is None:
        return ScannerFact(scanner=now.ae_title, asked_at=now.last_query_at)
    known = {each.ae_title: each for each in before.scanners}
    was = known.get(now.ae_title, ScannerActivity(ae_title=now.ae_title))
    # A restarted relay counts from nothing.
    start = was if before.run == health.run else ScannerActivity(ae_title=now.ae_title)
    return ScannerFact(
        scanner=now.ae_title,
        requests=max(0, now.requests - start.requests),
        answers=max(0, now.answers - start.answers),
        asked_at=now.last_query_at,
        moved=tuple(
            kind for kind, name in _LAST if getattr(now, name) and getattr(now, name) != getattr(was, name)
        ),
    )


def sync_facts(
    study: str, sites: frozenset[str], report: SyncReport, state: SourceState, names: Pseudonyms
) -> Iterator[SyncFact]:
    """Yield what a sync's report says, for each of the study's sites."""
    unshown = tuple(
        sorted(
            names.exam(RowKey(study, row.record, row.event, row.instrument, row.instance).item_id())
            for row in (*state.rejected, *state.held)
        )
    )
    figures = {"full_read": report.full, **{name: getattr(report, name) for name in _FIGURES}}
    for site in sorted(sites):
        yield SyncFact(
            site=site,
            first=site == min(sites),
            study=study,
            at=report.finished_at,
            outcome=report.outcome,
            figures={**figures, "rejected": state.rejected_count, "held": state.held_count},
            unshown=unshown,
        )
