"""The test participant as the API handles it: who may ask, which relay hears of it, and when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.access.role import Role
from shared.feed import FeedPage
from shared.relay_health import RelayHealth
from shared.steps.self_test import ABILITY, SECONDS, Hop, HopResult, SelfTestReport
from tests.rigs.api import ApiRig, RelayClient, api


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as rig:
        yield rig


def beat(rig: ApiRig, relay: RelayClient, *abilities: str) -> None:
    at = datetime.fromtimestamp(rig.clock(), UTC)
    health = RelayHealth(version="0.9", at=at, abilities=abilities)
    assert relay.http.post("/relay/heartbeat", json=health.model_dump(mode="json")).status == 200


def a_relay(rig: ApiRig) -> RelayClient:
    relay = rig.relay()
    beat(rig, relay, ABILITY)
    return relay


def begin(rig: ApiRig, relay: RelayClient, role: Role = Role.ADMIN) -> Any:
    return rig.user(role).post(f"/relays/{relay.relay_id}/test")


def shown(rig: ApiRig, relay: RelayClient) -> dict[str, Any]:
    answer = rig.user(Role.ADMIN).get(f"/relays/{relay.relay_id}/test")
    assert answer.status == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


def pulled(relay: RelayClient) -> FeedPage:
    return FeedPage.model_validate(relay.http.get("/relay/worklist").json())


def report(relay: RelayClient, test_id: str, *hops: HopResult, over: bool = False) -> int:
    body = SelfTestReport(hops=hops, over=over).model_dump(mode="json")
    return relay.http.post(f"/relay/self-tests/{test_id}", json=body).status


def test_it_comes_to_its_relay_and_to_no_other_of_the_site(rig: ApiRig) -> None:
    relay, other = a_relay(rig), a_relay(rig)
    test_id = begin(rig, relay).json()["test_id"]
    assert [each.item.id for each in pulled(relay).self_tests] == [test_id]
    assert pulled(other).self_tests == ()
    assert test_id not in relay.http.get("/relay/worklist").text.partition("self_tests")[0]


@pytest.mark.parametrize("role", [Role.READ, Role.WRITE])
def test_only_admins_may_ask_for_it(rig: ApiRig, role: Role) -> None:
    assert begin(rig, a_relay(rig), role).status == 403


def test_asked_for_twice_it_is_the_same_one(rig: ApiRig) -> None:
    relay = a_relay(rig)
    assert begin(rig, relay).json()["test_id"] == begin(rig, relay).json()["test_id"]


def test_a_relay_that_is_too_old_is_said_to_be(rig: ApiRig) -> None:
    relay = rig.relay()
    beat(rig, relay)
    answer = begin(rig, relay)
    assert answer.status == 422
    assert "too old for the test participant: it runs version 0.9" in answer.text
    assert pulled(relay).self_tests == ()


def test_a_relay_that_was_never_heard_of_is_said_to_be(rig: ApiRig) -> None:
    assert "not been heard of yet" in begin(rig, rig.relay()).text


def test_a_revoked_relay_is_not_tested(rig: ApiRig) -> None:
    relay = a_relay(rig)
    rig.services.relays.revoke(relay.relay_id)
    assert "revoked" in begin(rig, relay).text


def test_a_relay_that_was_not_tested_has_nothing_to_show(rig: ApiRig) -> None:
    assert rig.user(Role.ADMIN).get(f"/relays/{a_relay(rig).relay_id}/test").status == 404


def test_a_failure_that_the_relay_tells_of_ends_it_everywhere(rig: ApiRig) -> None:
    relay = a_relay(rig)
    test_id = begin(rig, relay).json()["test_id"]
    at = datetime.fromtimestamp(rig.clock(), UTC)
    hops = HopResult(hop=Hop.FETCHED, at=at), HopResult(hop=Hop.FOUND, at=at, failure="no answer")
    assert report(relay, test_id, *hops, over=True) == 204
    found = shown(rig, relay)
    assert [each["state"] for each in found["hops"]][:4] == ["green", "green", "red", "off"]
    assert found["hops"][2]["said"].startswith("No answer. ")
    page = pulled(relay)
    assert (page.self_tests, test_id in {stone.id for stone in page.tombstones}) == ((), True)


def test_a_relay_cannot_say_what_only_the_cloud_can_know(rig: ApiRig) -> None:
    relay = a_relay(rig)
    test_id = begin(rig, relay).json()["test_id"]
    at = datetime.fromtimestamp(rig.clock(), UTC)
    report(relay, test_id, *(HopResult(hop=hop, at=at) for hop in Hop))
    states = {each["hop"]: each["state"] for each in shown(rig, relay)["hops"]}
    assert states["BEGUN_TOLD"] != "green"


def test_a_report_of_another_relays_test_changes_nothing(rig: ApiRig) -> None:
    relay, other = a_relay(rig), a_relay(rig)
    test_id = begin(rig, relay).json()["test_id"]
    begin(rig, other)
    assert report(other, test_id, over=True) == 204
    assert shown(rig, relay)["state"] == "running"
    assert shown(rig, other)["state"] == "running"


def test_what_takes_too_long_has_failed_and_is_gone(rig: ApiRig) -> None:
    relay = a_relay(rig)
    begin(rig, relay)
    rig.clock.advance(SECONDS)
    found = shown(rig, relay)
    assert (found["state"], found["hops"][1]["state"]) == ("red", "red")
    assert "did not fetch its list in time" in found["hops"][1]["said"]
    assert pulled(relay).self_tests == ()
