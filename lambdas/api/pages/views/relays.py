"""Relays and their scanners, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lambdas.api.pages.views.words import SILENT_SECONDS, ago
from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.store.self_tests.outcome import SelfTest, outcome_of
from lambdas.store.self_tests.self_tests import refusal
from shared.relay_health import ParkedEvent, RelayHealth, ScannerActivity
from shared.text.quantity import quantity

_REFUSALS_SHOWN: Final = timedelta(days=1)


class ScannerRow(NamedTuple):
    """A scanner behind a relay; ``answers``: how many exams its last query was answered with."""

    ae_title: str
    last_query: str
    last_report: str
    answers: int


class RefusedRow(NamedTuple):
    """Who called a relay and was refused; ``unknown``: it could be let in."""

    ae_title: str
    address: str
    why: str
    last: str
    unknown: bool


class ParkedRow(NamedTuple):
    """A scanner's report that the cloud refused for good."""

    event_id: str
    kind: str
    received_at: str
    reason: str


class LastTest(NamedTuple):
    """The last test participant of a relay.

    :param state: ``running``, ``green`` or ``red``; empty if there was none.
    :param refused: why there can be none.
    """

    state: str
    said: str
    refused: str


@dataclass(frozen=True)
class RelayView:
    """A relay as its page shows it.

    :param state: ``well``, ``trouble``, ``silent``, ``new`` or ``revoked``.
    """

    relay_id: str
    name: str
    site: str
    state: str
    said: str
    version: str
    items: str
    waiting: str
    problems: tuple[str, ...]
    scanners: tuple[ScannerRow, ...]
    test: LastTest
    refused: tuple[RefusedRow, ...]
    parked: tuple[ParkedRow, ...]


def relay_views(
    relays: Sequence[Relay], heartbeats: Mapping[str, Heartbeat], tests: Mapping[str, SelfTest], now: datetime
) -> tuple[RelayView, ...]:
    """Return the relays, those that need somebody first.

    :param now: aware.
    """
    order = {"silent": 0, "trouble": 1, "new": 2, "well": 3, "revoked": 4}
    views = [
        relay_view(relay, heartbeats.get(relay.relay_id), tests.get(relay.relay_id), now) for relay in relays
    ]
    return tuple(sorted(views, key=lambda view: (order[view.state], view.site, view.name)))


def relay_view(relay: Relay, heartbeat: Heartbeat | None, test: SelfTest | None, now: datetime) -> RelayView:
    """Return a relay."""
    state, said = _state(relay, heartbeat, now)
    health = heartbeat.health if heartbeat else None
    return RelayView(
        relay_id=relay.relay_id,
        name=relay.name,
        site=relay.site,
        state=state,
        said=said,
        version=health.version if health else "",
        items="" if health is None or health.items is None else str(health.items),
        waiting=_waiting(heartbeat),
        problems=health.all_problems if health else (),
        scanners=tuple(_scanner(each, now) for each in health.scanners) if health else (),
        test=_test(relay, heartbeat, test, now),
        refused=tuple(_refused(health, now)) if health else (),
        parked=tuple(map(_parked, health.parked_events)) if health else (),
    )


def summary_of(test: SelfTest, now: datetime) -> str:
    """Return how a test stands, in a line."""
    outcome = outcome_of(test, now)
    reached = [each for each in outcome.hops if each.state == "green"]
    if outcome.state == "running":
        return f"on its way: {len(reached)} of {len(outcome.hops)} hops reached"
    begun = ago(test.begun_at, now)
    if outcome.state == "green":
        seconds = max(each.seconds or 0.0 for each in reached)
        return f"came all the way in {seconds:.1f} s, {begun}"
    failed = next(each for each in outcome.hops if each.state == "red")
    return f"did not come through, {begun}: {failed.label}"


def _test(relay: Relay, heartbeat: Heartbeat | None, test: SelfTest | None, now: datetime) -> LastTest:
    refused = refusal(relay, heartbeat)
    return LastTest(
        state=outcome_of(test, now).state if test else "",
        said=summary_of(test, now) if test else "",
        refused=f"{refused.what[0].upper()}{refused.what[1:]}" if refused else "",
    )


def _state(relay: Relay, heartbeat: Heartbeat | None, now: datetime) -> tuple[str, str]:
    if relay.revoked_at is not None:
        return "revoked", f"revoked {ago(relay.revoked_at, now)}"
    if heartbeat is None:
        return "new", "enrolled, and not heard of yet: is it running?"
    heard = f"heard of {ago(heartbeat.seen_at, now)}"
    if (now - heartbeat.seen_at).total_seconds() > SILENT_SECONDS:
        return "silent", f"silent: {heard}"
    return (
        ("trouble", f"needs attention: {heard}")
        if heartbeat.health.all_problems
        else ("well", f"well: {heard}")
    )


def _waiting(heartbeat: Heartbeat | None) -> str:
    if heartbeat is None:
        return ""
    health = heartbeat.health
    waits = quantity(health.outbox, "report of a scanner waits", "reports of scanners wait")
    said = [f"{waits} to be sent"] if health.outbox else []
    if health.parked:
        said.append(f"{quantity(health.parked, 'is', 'are')} parked: refused for good")
    return "; ".join(said) or "nothing waits"


def _refused(health: RelayHealth, now: datetime) -> Iterator[RefusedRow]:
    """Yield who was refused in the last day, and is no scanner of the relay's by now."""
    known = {each.ae_title for each in health.scanners}
    for each in health.refused:
        if now - each.at < _REFUSALS_SHOWN and each.ae_title not in known:
            name = each.ae_title or "no name"
            yield RefusedRow(name, each.address, each.why, ago(each.at, now), each.unknown)


def _parked(event: ParkedEvent) -> ParkedRow:
    kind = {"N-CREATE": "start", "N-SET": "end or change"}.get(event.kind, event.kind)
    return ParkedRow(event.event_id, kind, event.received_at[:16].replace("T", " "), event.reason)


def _scanner(activity: ScannerActivity, now: datetime) -> ScannerRow:
    return ScannerRow(
        activity.ae_title,
        ago(activity.last_query_at, now) if activity.last_query_at else "never",
        ago(activity.last_mpps_at, now) if activity.last_mpps_at else "never",
        activity.last_answers,
    )
