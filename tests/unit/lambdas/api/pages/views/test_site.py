"""What is wrong with a site as a whole is said on top, in sentences."""

from __future__ import annotations

from datetime import timedelta

from lambdas.api.pages.views.site import scanners_heard, site_state, summary, troubles
from lambdas.sources.state import SyncReport, Withheld
from tests.rigs.site_state import NOW, a_heartbeat, a_relay, a_site, a_source

FAILED = SyncReport(outcome="failed", finished_at=NOW, error="no answer")


def test_a_site_that_is_well_has_no_trouble() -> None:
    assert troubles(a_site()) == ()


def test_it_says_when_redcap_was_read() -> None:
    assert summary(a_site()) == "REDCap was read 12 s ago."
    assert summary(a_site(sources=(a_source(report=None),))) == "REDCap has not been read yet."
    assert summary(a_site(sources=())) == "No REDCap project is set up for this site yet."


def test_a_silent_relay_says_how_old_its_list_may_be() -> None:
    [said] = troubles(a_site(relays=((a_relay(), a_heartbeat(3900)),)))
    assert said.startswith(
        "The relay cellar is silent since 08:55: its scanners may show a list as of 08:55."
    )


def test_a_silent_relay_that_never_took_a_list_has_none() -> None:
    [said] = troubles(a_site(relays=((a_relay(), a_heartbeat(3900, pull={})),)))
    assert "its scanners may have no list" in said


def test_a_relay_that_was_never_heard_of_is_a_trouble() -> None:
    [said] = troubles(a_site(relays=((a_relay(), None),)))
    assert "has not been heard of yet" in said


def test_the_problems_of_a_relay_are_shown() -> None:
    relays = ((a_relay(), a_heartbeat(problems=("the disk is full",))),)
    assert troubles(a_site(relays=relays)) == ("Relay cellar: the disk is full",)


def test_a_source_that_fails_says_as_of_when_the_list_is() -> None:
    source = a_source(report=FAILED, watermark=NOW - timedelta(minutes=50))
    assert troubles(a_site(sources=(source,))) == (
        "This list is as of 09:10: study cannot be read from REDCap just now. Scanners go on.",
    )


def test_withdrawals_that_wait_say_who_can_let_them_go() -> None:
    source = a_source(withheld=Withheld(count=30, total=100))
    [said] = troubles(a_site(sources=(source,)))
    assert said.startswith("30 exams have vanished from study in REDCap.")
    assert "an admin confirms" in said


def test_a_site_has_its_own_relays_and_sources_and_the_zone_of_its_source() -> None:
    relays = [
        a_relay(),
        a_relay(relay_id="r2", site="south"),
        a_relay(relay_id="r3", revoked_at=NOW),
    ]
    found = site_state("north", NOW.timestamp(), relays, {"r1": a_heartbeat()}, [a_source()], "UTC")
    assert [relay.relay_id for relay, _ in found.relays] == ["r1"]
    assert found.zone_name == "Europe/Oslo"
    assert f"{found.local_now:%H:%M}" == "10:00"
    elsewhere = site_state("south", NOW.timestamp(), relays, {}, [a_source()], "UTC")
    assert (elsewhere.sources, elsewhere.zone_name) == ((), "UTC")


def test_the_last_query_of_a_scanner_is_the_latest_that_any_relay_told() -> None:
    state = a_site()
    assert state.last_query("MR1") == NOW - timedelta(seconds=40)
    assert state.last_query("MR2") is None
    assert scanners_heard(state) == ["MR1"]
