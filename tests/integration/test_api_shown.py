"""Which scanner was shown an item: relays tell, the item's history and the dashboard say it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.access.role import Role
from tests.rigs.api import ApiRig, RelayClient, api, log_lines
from tests.rigs.builders import an_item
from tests.rigs.pages import visitor

FIRST, LAST = "2026-11-18T11:20:00Z", "2026-11-18T11:42:00Z"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(SITE_TIME_ZONE="UTC") as running:
        running.services.worklist.put_if_changed([an_item(scheduled_start_date="20261118")])
        yield running


def tell(relay: RelayClient, times: int = 3, title: str = "PRISMA1", item_id: str = "") -> Any:
    scanner = {"ae_title": title, "first_at": FIRST, "last_at": LAST, "times": times}
    body = {"items": [{"item_id": item_id or an_item().id, "scanners": [scanner]}]}
    return relay.http.post("/relay/shown", json=body)


def shown_records(rig: ApiRig) -> list[Any]:
    records = rig.user(Role.READ).get(f"/worklist/{an_item().id}/history").json()
    return [each for each in records if each["action"] == "shown"]


def test_the_history_of_an_item_says_which_scanner_was_shown_it_and_when(rig: ApiRig) -> None:
    relay = rig.relay()
    assert tell(relay).json() == {"kept": 1}
    (record,) = shown_records(rig)
    assert (record["actor_kind"], record["actor"], record["at"]) == ("relay", relay.relay_id, FIRST)
    assert record["after"] == {"scanner": "PRISMA1", "last_shown_at": "2026-11-18T11:42:00+00:00", "times": 3}
    assert (record["entry"], record["previous"]) == ("", "")


def test_told_twice_is_told_once(rig: ApiRig) -> None:
    relay = rig.relay()
    tell(relay)
    tell(relay, times=5)
    assert [record["after"]["times"] for record in shown_records(rig)] == [5]


def test_two_relays_of_a_site_tell_each_of_their_own_scanners(rig: ApiRig) -> None:
    tell(rig.relay())
    tell(rig.relay(), title="SKYRA")
    assert sorted(record["after"]["scanner"] for record in shown_records(rig)) == ["PRISMA1", "SKYRA"]


def test_an_item_in_a_telling_twice_is_kept_once(rig: ApiRig) -> None:
    scanner = {"ae_title": "MR1", "first_at": FIRST, "last_at": LAST, "times": 1}
    each = {"item_id": an_item().id, "scanners": [scanner]}
    assert rig.relay().http.post("/relay/shown", json={"items": [each, each]}).json() == {"kept": 1}


def test_what_a_relay_of_another_site_tells_is_told_as_such(rig: ApiRig) -> None:
    tell(rig.relay("south"))
    assert [record["site"] for record in shown_records(rig)] == ["south"]


def test_telling_costs_one_write_unit_an_item_and_no_log_line_names_it(rig: ApiRig) -> None:
    relay = rig.relay()
    with log_lines() as lines:
        tell(relay)
    assert not any(an_item().id in str(line) for line in lines)
    (row,) = rig.cloud.tables.account.query(f"SHOWN#{an_item().id}")
    assert len(row.body) + len(row.pk) + len(row.sk) < 1024


def test_today_says_who_has_seen_an_exam_that_is_still_to_come(rig: ApiRig) -> None:
    tell(rig.relay())
    words = visitor(rig, Role.READ).get("/app/today?day=20261118").words
    assert "seen by PRISMA1 11:42" in words


def test_the_way_of_an_exam_says_who_saw_it(rig: ApiRig) -> None:
    tell(rig.relay())
    browser = visitor(rig, Role.READ)
    words = browser.get(f"/app/items/{an_item().id}").words
    assert "PRISMA1 saw it at 11:20, 3 times until 11:42" in words
    browser.get("/app/find")
    assert "PRISMA1 saw it at 11:20" in browser.post("/app/find", {"who": "Núñez", "site": "north"}).words


def test_only_relays_tell(rig: ApiRig) -> None:
    assert rig.user(Role.ADMIN).post("/relay/shown", json={"items": []}).status == 401
