"""What operators are told of relays and write-backs, by site."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.aws.observing.metric import Metric
from lambdas.notices.relay_figures import Figures, relay_figures
from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.store.unfinished_write_backs import ParkedWriteBack
from shared.relay_health import RelayHealth

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def relay(relay_id: str, site: str = "north", **changes: Any) -> Relay:
    return Relay(relay_id=relay_id, site=site, name=relay_id, public_key="", enrolled_at=NOW, **changes)


def heartbeat(minutes_ago: float = 0, **health: Any) -> Heartbeat:
    return Heartbeat(
        seen_at=NOW - timedelta(minutes=minutes_ago), health=RelayHealth(version="1", at=NOW, **health)
    )


def parked(site: str) -> ParkedWriteBack:
    return ParkedWriteBack("2.25.1", site, (), "no right", 8, NOW)


def figures(*beats: Heartbeat) -> Figures:
    relays = [relay(f"r{number}") for number in range(len(beats))]
    return relay_figures(relays, {f"r{number}": each for number, each in enumerate(beats)}, (), NOW)["north"]


def trouble(found: Figures) -> dict[Metric, float]:
    return {metric: each for metric, each in found.items() if each}


def test_a_relay_that_is_well_has_no_trouble() -> None:
    assert trouble(figures(heartbeat())) == {}


@pytest.mark.parametrize(("minutes", "silent"), [(9.9, 0), (10.1, 1)])
def test_a_relay_is_silent_after_ten_minutes(minutes: float, silent: int) -> None:
    assert figures(heartbeat(minutes)).get(Metric.RELAYS_SILENT, 0) == silent


def test_what_a_silent_relay_said_last_counts_no_more() -> None:
    found = figures(heartbeat(60, parked=3, problems=("disk full",), outbox_oldest_at=NOW))
    assert trouble(found) == {Metric.RELAYS_SILENT: 1}


def test_the_oldest_report_of_all_relays_of_a_site_counts() -> None:
    found = figures(
        heartbeat(outbox_oldest_at=NOW - timedelta(minutes=3)),
        heartbeat(outbox_oldest_at=NOW - timedelta(minutes=20)),
        heartbeat(),
    )
    assert trouble(found) == {Metric.RELAY_OUTBOX_AGE: 1200}


def test_parked_reports_and_relays_with_problems_are_counted() -> None:
    found = figures(heartbeat(parked=2), heartbeat(parked=1, problems=("disk full", "no clock")))
    assert trouble(found) == {Metric.RELAY_EVENTS_PARKED: 3, Metric.RELAYS_WITH_PROBLEMS: 1}


def test_a_revoked_relay_and_one_never_heard_of_do_not_count() -> None:
    relays = [relay("gone", revoked_at=NOW), relay("new")]
    assert relay_figures(relays, {"gone": heartbeat(60)}, (), NOW) == {}


def test_sites_are_told_apart() -> None:
    relays = [relay("a"), relay("b", "south")]
    found = relay_figures(relays, {"a": heartbeat(60), "b": heartbeat()}, [parked("south")] * 2, NOW)
    assert trouble(found["north"]) == {Metric.RELAYS_SILENT: 1}
    assert trouble(found["south"]) == {Metric.WRITE_BACKS_PARKED: 2}


def test_a_parked_result_counts_also_at_a_site_without_a_relay() -> None:
    assert relay_figures((), {}, [parked("west")], NOW) == {"west": {Metric.WRITE_BACKS_PARKED: 1}}
