"""Relays at the dashboard: who is let in, what was refused for good, and the test participant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.access.role import Role
from shared.relay_health import ADDS_SCANNERS, RelayHealth
from shared.steps.self_test import ABILITY
from tests.rigs.api import ApiRig, api
from tests.rigs.pages import Visitor, visitor

PARKED = {
    "event_id": "e" * 32,
    "sop_instance_uid": "2.25.1",
    "kind": "N-SET",
    "received_at": "2026-11-18T11:06:40+00:00",
    "reason": "0112H: no such performed procedure step",
}


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as rig:
        yield rig


@pytest.fixture(scope="module")
def browser(rig: ApiRig) -> Visitor:
    return visitor(rig, Role.ADMIN)


def a_relay(rig: ApiRig, **health: Any) -> str:
    relay_id = rig.relay().relay_id
    at = datetime.fromtimestamp(rig.clock(), UTC)
    rig.services.relays.heard(relay_id, RelayHealth.model_validate({"version": "1", "at": at, **health}))
    return relay_id


def refused(rig: ApiRig, title: str, *, unknown: bool = True) -> dict[str, Any]:
    at = datetime.fromtimestamp(rig.clock(), UTC)
    why = "the calling AE title is not known" if unknown else "too many associations are open"
    return {"ae_title": title, "address": "10.0.0.7", "why": why, "at": at, "unknown": unknown}


def overrides(rig: ApiRig, relay_id: str) -> list[str]:
    configuration, _ = rig.services.relays.configuration(relay_id)
    return [each.ae_title for each in configuration.overrides.scanners]


def test_a_refused_caller_is_let_in_with_two_clicks(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig, refused=[refused(rig, "SKYRA2")], abilities=[ADDS_SCANNERS])
    page = browser.get("/app/relays")
    assert "SKYRA2 Let in as SKYRA2 10.0.0.7 0 s ago the calling AE title is not known" in page.words
    address = f"/app/relays/{relay_id}/let-in"
    assert f'href="{address}?ae_title=SKYRA2"' in page.html
    asked = browser.get(f"{address}?ae_title=SKYRA2")
    assert "What it is shown" in asked.words
    answer = browser.follow(browser.post(address, {"ae_title": "SKYRA2", "shown": "own"}))
    assert "The scanner is let in as soon as the relay hears of it" in answer.words
    configuration, _ = rig.services.relays.configuration(relay_id)
    (override,) = configuration.overrides.scanners
    assert (override.ae_title, override.restrict_to_station) == ("SKYRA2", True)


def test_letting_one_in_leaves_what_is_overridden_of_others(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig, abilities=[ADDS_SCANNERS])
    for title in ("A", "B", "A"):
        browser.get(f"/app/relays/{relay_id}/let-in?ae_title={title}")
        browser.post(f"/app/relays/{relay_id}/let-in", {"ae_title": title, "shown": "all"})
    assert sorted(overrides(rig, relay_id)) == ["A", "B"]


def test_who_was_refused_for_another_reason_cannot_be_let_in(rig: ApiRig, browser: Visitor) -> None:
    a_relay(rig, refused=[refused(rig, "BUSY", unknown=False)])
    words = browser.get("/app/relays").words
    assert "BUSY 10.0.0.7 0 s ago too many associations are open" in words
    assert "Let in as BUSY" not in words


def test_a_relay_whose_file_forbids_it_says_what_to_write_there(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig, refused=[refused(rig, "SKYRA3")])
    page = browser.get(f"/app/relays/{relay_id}/let-in?ae_title=SKYRA3")
    assert "add these lines to relay.toml" in page.words
    assert page.buttons("shown") == []


@pytest.mark.parametrize("title", ["", "a%5Cb", "x" * 17])
def test_what_is_no_ae_title_is_not_let_in(rig: ApiRig, browser: Visitor, title: str) -> None:
    relay_id = a_relay(rig, abilities=[ADDS_SCANNERS])
    assert browser.get(f"/app/relays/{relay_id}/let-in?ae_title={title}").status == 404
    browser.get("/app/relays")
    answer = browser.post(f"/app/relays/{relay_id}/let-in", {"ae_title": title.replace("%5C", chr(92))})
    assert (answer.status, overrides(rig, relay_id)) == (422, [])


def test_a_caller_whose_name_is_a_script_is_text(rig: ApiRig, browser: Visitor) -> None:
    a_relay(rig, refused=[refused(rig, "<b>&x=1")], abilities=[ADDS_SCANNERS])
    page = browser.get("/app/relays")
    assert "<b>&" not in page.html
    assert "ae_title=%3Cb%3E%26x%3D1" in page.html


def test_a_parked_report_is_tried_again_with_one_click(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig, parked=1, parked_events=[PARKED])
    words = browser.get("/app/relays").words
    assert "end or change, received 2026-11-18 11:06 UTC: 0112H: no such performed procedure step" in words
    answer = browser.post(f"/app/relays/{relay_id}/parked/{PARKED['event_id']}", {"do": "again"})
    assert "sends the report again within a minute" in browser.follow(answer).words
    health = RelayHealth.model_validate(
        {"version": "1", "at": datetime.fromtimestamp(rig.clock(), UTC), "parked_events": [PARKED]}
    )
    assert rig.services.relays.take_retries(relay_id, health) == (PARKED["event_id"],)


def test_a_parked_report_is_given_up_only_for_a_reason(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig, parked=1, parked_events=[PARKED])
    path = f"/app/relays/{relay_id}/parked/{PARKED['event_id']}"
    browser.get("/app/relays")
    assert browser.post(path, {"do": "give-up", "because": " "}).status == 422
    answer = browser.post(path, {"do": "give-up", "because": "a phantom"})
    assert "Given up." in browser.follow(answer).words
    day = datetime.fromtimestamp(rig.clock(), UTC).strftime("%Y%m%d")
    told = [each.entry.subjects[0] for each in rig.services.audit.of_day(day)]
    assert [each.before["because"] for each in told if each.action == "removed"] == ["a phantom"]


def test_a_test_participant_is_one_click_and_its_way_a_page(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig, abilities=[ABILITY])
    browser.get("/app/relays")
    page = browser.follow(browser.post(f"/app/relays/{relay_id}/test"))
    assert "on its way: 1 of 8 hops reached" in page.words
    assert "Fetched by the relay waiting" in page.words
    part = browser.get(f"/app/relays/{relay_id}/test", {"HX-Request": "true"})
    assert "<html" not in part.html


def test_a_relay_that_is_too_old_says_so_in_the_place_of_the_button(rig: ApiRig, browser: Visitor) -> None:
    relay_id = a_relay(rig)
    words = browser.get("/app/relays").words
    assert "This relay is too old for the test participant: it runs version 1." in words
    assert browser.post(f"/app/relays/{relay_id}/test").status == 422
    assert browser.get(f"/app/relays/{relay_id}/test").status == 404
