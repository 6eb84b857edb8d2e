"""Relays that need somebody come first, each with what was last heard of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from lambdas.api.pages.views.relays import relay_view, relay_views, summary_of
from lambdas.store.self_tests.outcome import SelfTest
from shared.steps.self_test import ABILITY, Hop, HopResult, id_of
from tests.rigs.site_state import NOW, a_heartbeat, a_relay


def test_a_relay_that_is_well() -> None:
    view = relay_view(a_relay(), a_heartbeat(), None, NOW)
    assert (view.state, view.said, view.items, view.waiting) == (
        "well",
        "well: heard of 20 s ago",
        "3",
        "nothing waits",
    )
    assert view.scanners == (("MR1", "40 s ago", "never", 3),)


def test_each_state_has_words() -> None:
    assert relay_view(a_relay(), a_heartbeat(301), None, NOW).said == "silent: heard of 5 min ago"
    assert relay_view(a_relay(), None, None, NOW).state == "new"
    assert relay_view(a_relay(), a_heartbeat(problems=("x",)), None, NOW).state == "trouble"
    assert relay_view(a_relay(revoked_at=NOW), a_heartbeat(), None, NOW).said == "revoked 0 s ago"


def test_what_waits_and_what_is_parked_is_counted() -> None:
    view = relay_view(a_relay(), a_heartbeat(outbox=4, parked=1), None, NOW)
    assert view.waiting == ("4 reports of scanners wait to be sent; 1 is parked: refused for good")


def test_who_needs_somebody_comes_first() -> None:
    relays = [a_relay(relay_id=name, name=name) for name in ("well", "silent", "new")]
    views = relay_views(relays, {"well": a_heartbeat(), "silent": a_heartbeat(900)}, {}, NOW)
    assert [view.name for view in views] == ["silent", "new", "well"]


TEST = SelfTest(test_id=id_of(UUID(int=1)), relay_id="r", site="north", begun_at=NOW, by="ingrid")


def having(*hops: Hop, failure: str = "") -> SelfTest:
    results = [HopResult(hop=hop, at=NOW + timedelta(seconds=2.5)) for hop in hops]
    if failure:
        results.append(HopResult(hop=Hop.FOUND, at=NOW, failure=failure))
    return TEST.having(*results, over=bool(failure) or len(hops) == len(Hop))


def test_the_last_test_participant_is_told_of_in_a_line() -> None:
    assert summary_of(having(*Hop), NOW) == "came all the way in 2.5 s, 0 s ago"
    assert summary_of(having(Hop.SAVED), NOW) == "on its way: 1 of 8 hops reached"
    failed = having(Hop.SAVED, Hop.FETCHED, failure="no answer")
    assert summary_of(failed, NOW).startswith(
        "did not come through, 0 s ago: Shown when the relay asks itself"
    )


def test_a_relay_that_cannot_be_tested_says_why() -> None:
    view = relay_view(a_relay(), a_heartbeat(), None, NOW)
    assert view.test.refused.startswith("This relay is too old for the test participant: it runs version")
    assert relay_view(a_relay(), a_heartbeat(abilities=(ABILITY,)), TEST, NOW).test[::2] == ("running", "")
