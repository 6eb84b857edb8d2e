"""Relays that need somebody come first, each with what was last heard of it."""

from __future__ import annotations

from lambdas.api.pages.views.relays import relay_view, relay_views
from tests.rigs.site_state import NOW, a_heartbeat, a_relay


def test_a_relay_that_is_well() -> None:
    view = relay_view(a_relay(), a_heartbeat(), NOW)
    assert (view.state, view.said, view.items, view.waiting) == (
        "well",
        "well: heard of 20 s ago",
        "3",
        "nothing waits",
    )
    assert view.scanners == (("MR1", "40 s ago", "never", 3),)


def test_each_state_has_words() -> None:
    assert relay_view(a_relay(), a_heartbeat(301), NOW).said == "silent: heard of 5 min ago"
    assert relay_view(a_relay(), None, NOW).state == "new"
    assert relay_view(a_relay(), a_heartbeat(problems=("x",)), NOW).state == "trouble"
    assert relay_view(a_relay(revoked_at=NOW), a_heartbeat(), NOW).said == "revoked 0 s ago"


def test_what_waits_and_what_is_parked_is_counted() -> None:
    view = relay_view(a_relay(), a_heartbeat(outbox=4, parked=1), NOW)
    assert view.waiting == (
        "4 reports of scanners wait to be sent; 1 are parked: the cloud refused them for good"
    )


def test_who_needs_somebody_comes_first() -> None:
    relays = [a_relay(relay_id=name, name=name) for name in ("well", "silent", "new")]
    views = relay_views(relays, {"well": a_heartbeat(), "silent": a_heartbeat(900)}, NOW)
    assert [view.name for view in views] == ["silent", "new", "well"]
