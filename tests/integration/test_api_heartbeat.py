"""Heartbeats: how a relay is doing goes up, what is overridden of its scanners comes down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.access.role import Role
from shared.relay_health import RelayHealth, ScannerActivity
from tests.rigs.api import ApiRig, RelayClient, api, log_lines

NOW = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        yield running


def health(**fields: Any) -> dict[str, Any]:
    scanner = ScannerActivity(ae_title="PRISMA1", last_query_at=NOW, requests=3)
    usual = {"version": "0.2.0", "at": NOW, "items": 12, "scanners": [scanner]}
    return RelayHealth.model_validate(usual | fields).model_dump(mode="json")


def beat(relay: RelayClient, **fields: Any) -> Any:
    answer = relay.http.post("/relay/heartbeat", json=health(**fields))
    assert answer.status == 200, answer.text
    return answer.json()


def told(*scanners: dict[str, Any], version: str) -> dict[str, Any]:
    usual = {"identity_shared": False, "discards": [], "retries": [], "discards_recorded": []}
    return {"scanners": list(scanners), "version": version, **usual}


def override(rig: ApiRig, relay: RelayClient, *scanners: dict[str, Any]) -> Any:
    answer = rig.user(Role.ADMIN).put(f"/relays/{relay.relay_id}/scanners", json={"scanners": scanners})
    assert answer.status == 200, answer.text
    return answer.json()


def test_an_admin_sees_when_a_relay_was_last_heard_of_and_how_it_is_doing(rig: ApiRig) -> None:
    relay, admin = rig.relay(), rig.user(Role.ADMIN)
    (shown,) = admin.get("/relays").json()
    assert (shown["last_seen_at"], shown["health"]) == (None, None)
    beat(relay)
    rig.clock.advance(60)
    beat(relay, parked=2, problems=["2 MPPS events are parked"])
    (shown,) = admin.get("/relays").json()
    assert shown["last_seen_at"] == "2026-11-18T11:07:40Z"
    assert (shown["health"]["items"], shown["health"]["parked"]) == (12, 2)
    assert shown["health"]["problems"] == ["2 MPPS events are parked"]
    assert "scanners" not in shown["health"]
    one = admin.get(f"/relays/{relay.relay_id}").json()
    assert [scanner["ae_title"] for scanner in one["health"]["scanners"]] == ["PRISMA1"]
    assert "public_key" not in one


def test_a_relay_nobody_overrides_is_told_so(rig: ApiRig) -> None:
    assert beat(rig.relay()) == told(version="0")


def test_a_relay_is_told_what_an_admin_overrides_exactly_as_it_was_said(rig: ApiRig) -> None:
    relay, other = rig.relay(), rig.relay("south")
    said: dict[str, Any] = {
        "ae_title": "PRISMA1",
        "days_back": None,
        "modalities": [],
        "charset": "ISO_IR 100",
    }
    shown = override(rig, relay, said)
    held = {**said, "charset": ["ISO_IR 100"]}
    assert (shown["scanners"], shown["version"], shown["held_version"]) == ([held], "1", None)
    assert (shown["changed_by"], shown["changed_at"]) == ("admin-person", "2026-11-18T11:06:40Z")
    assert beat(relay) == told(held, version="1")
    assert beat(other) == told(version="0")
    override(rig, relay)
    assert beat(relay) == told(version="2")


def test_an_admin_sees_what_the_relay_has_taken_and_what_not(rig: ApiRig) -> None:
    relay = rig.relay()
    override(rig, relay, {"ae_title": "PRISMA1", "suppressed_attributes": ["PatientID"]})
    reason = "PRISMA1: suppressed_attributes: PatientID must be in every answer"
    beat(relay, profiles_version="1", profile_problems=[reason])
    shown = rig.user(Role.ADMIN).get(f"/relays/{relay.relay_id}/scanners").json()
    assert (shown["held_version"], shown["not_taken"]) == ("1", [reason])


@pytest.mark.parametrize(
    ("scanners", "where"),
    [
        ([{"ae_title": "PRISMA1", "days_back": -1}], "scanners.0.days_back"),
        (
            [{"ae_title": "A"}, {"ae_title": "B", "extra_attributes": ["Wait"]}],
            "scanners.1.extra_attributes.0",
        ),
        ([{"ae_title": "PRISMA1", "addresses": []}], "scanners.0.addresses"),
        ([{"days_back": 1}], "scanners.0.ae_title"),
        ([{"ae_title": "A"}, {"ae_title": "A"}], "scanners"),
        ([{"ae_title": str(number)} for number in range(201)], "scanners"),
        (
            [{"ae_title": str(number), "station_names": ["x" * 16] * 60} for number in range(100)],
            "scanners",
        ),
    ],
)
def test_an_override_that_cannot_be_is_refused_with_its_field(
    rig: ApiRig, scanners: list[dict[str, Any]], where: str
) -> None:
    relay, admin = rig.relay(), rig.user(Role.ADMIN)
    override(rig, relay, {"ae_title": "PRISMA1", "days_back": 1})
    refused = admin.put(f"/relays/{relay.relay_id}/scanners", json={"scanners": scanners})
    assert refused.status == 422
    assert refused.json()["where"] == where
    assert beat(relay)["version"] == "1"


def test_there_is_nothing_to_see_or_to_override_of_a_relay_that_is_none(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    assert admin.get("/relays/none").status == 404
    assert admin.get("/relays/none/scanners").status == 404
    assert admin.put("/relays/none/scanners", json={"scanners": []}).status == 404


def test_a_revoked_relay_is_neither_heard_nor_configured(rig: ApiRig) -> None:
    relay, admin = rig.relay(), rig.user(Role.ADMIN)
    beat(relay, items=1)
    rig.services.relays.revoke(relay.relay_id)
    assert relay.http.post("/relay/heartbeat", json=health(items=2)).status == 403
    assert admin.get("/relays").json()[0]["health"]["items"] == 1
    refused = admin.put(f"/relays/{relay.relay_id}/scanners", json={"scanners": []})
    assert (refused.status, refused.json()["where"]) == (422, "relay_id")


@pytest.mark.parametrize("body", [{}, {"version": "1"}, {"version": "1", "at": "soon"}, []])
def test_a_heartbeat_that_is_none_is_refused(rig: ApiRig, body: Any) -> None:
    assert rig.relay().http.post("/relay/heartbeat", json=body).status == 422


def test_a_newer_relay_is_understood_and_a_talkative_one_is_cut_short(rig: ApiRig) -> None:
    relay = rig.relay()
    told = {**health(), "mood": "good", "problems": ["x" * 10_000] * 100}
    assert relay.http.post("/relay/heartbeat", json=told).status == 200
    (row,) = [row for row in rig.cloud.tables.account.scan() if row.pk == "RELAY_HEALTH"]
    assert len(row.body) < 50_000


def test_a_change_of_profiles_says_who_in_the_log_and_not_what(rig: ApiRig) -> None:
    relay = rig.relay()
    with log_lines() as lines:
        override(rig, relay, {"ae_title": "PRISMA1", "fixed_values": {"InstitutionName": "secret place"}})
    (line,) = [line for line in lines if line["text"] == "scanners overridden"]
    assert (line["by"], line["relay_id"]) == ("admin-person", relay.relay_id)
    assert "secret place" not in str(lines)


def test_what_is_shown_can_be_sent_back(rig: ApiRig) -> None:
    relay = rig.relay()
    shown = override(rig, relay, {"ae_title": "PRISMA1", "statuses": ["READY", "ARRIVED"], "days_back": None})
    assert shown["scanners"][0]["statuses"] == ["ARRIVED", "READY"]
    assert override(rig, relay, *shown["scanners"])["scanners"] == shown["scanners"]


def test_two_machines_with_one_identity_are_noticed_and_told(rig: ApiRig) -> None:
    relay, admin = rig.relay(), rig.user(Role.ADMIN)
    assert not any(beat(relay, run=run)["identity_shared"] for run in ("one", "one", "two", "two"))
    assert admin.get("/relays").json()[0]["identity_shared_at"] is None
    assert beat(relay, run="one")["identity_shared"]
    assert beat(relay, run="two")["identity_shared"]
    assert admin.get("/relays").json()[0]["identity_shared_at"] is not None
    rig.clock.advance(3600)
    assert not beat(relay, run="two")["identity_shared"]


def test_a_relay_too_old_to_name_its_run_is_never_taken_for_two(rig: ApiRig) -> None:
    relay = rig.relay()
    assert not any(beat(relay)["identity_shared"] for _ in range(3))


PARKED = {
    "event_id": "a" * 32,
    "sop_instance_uid": "2.25.7",
    "kind": "N-SET",
    "received_at": "2026-11-18T11:00:00+00:00",
    "reason": "unknown site",
}


def discard(rig: ApiRig, relay: RelayClient, role: Role = Role.ADMIN, because: str = "scanned twice") -> Any:
    path = f"/relays/{relay.relay_id}/parked-events/{PARKED['event_id']}/discard"
    return rig.user(role).post(path, json={"because": because})


def test_a_parked_event_is_sent_again_once_for_each_time_somebody_asks(rig: ApiRig) -> None:
    admin, relay, other = rig.user(Role.ADMIN), rig.relay(), rig.relay()
    beat(relay, parked_events=[PARKED])
    path = f"/relays/{relay.relay_id}/parked-events/{PARKED['event_id']}/retry"
    assert admin.post(path).status == 202
    assert beat(other, parked_events=[PARKED])["retries"] == []
    assert beat(relay, parked_events=[PARKED])["retries"] == [PARKED["event_id"]]
    assert beat(relay, parked_events=[PARKED])["retries"] == []


def test_only_an_admin_has_an_event_sent_again_and_only_one_that_is_parked(rig: ApiRig) -> None:
    relay = rig.relay()
    beat(relay, parked_events=[PARKED])
    path = f"/relays/{relay.relay_id}/parked-events"
    assert rig.user(Role.WRITE).post(f"{path}/{PARKED['event_id']}/retry").status == 403
    assert rig.user(Role.ADMIN).post(f"{path}/none/retry").status == 404


def test_a_parked_event_is_given_up_in_the_cloud_and_the_relay_is_told_until_it_is_gone(rig: ApiRig) -> None:
    relay, other = rig.relay(), rig.relay()
    assert beat(relay, parked_events=[PARKED])["discards"] == []
    shown = rig.user(Role.ADMIN).get(f"/relays/{relay.relay_id}").json()
    assert shown["health"]["parked_events"] == [PARKED]
    assert discard(rig, relay).status == 202
    order = {"event_id": PARKED["event_id"], "by": "admin-person", "because": "scanned twice"}
    assert beat(relay, parked_events=[PARKED])["discards"] == [order]
    assert beat(relay, parked_events=[PARKED])["discards"] == [order]
    assert beat(relay)["discards"] == []
    assert beat(other, parked_events=[PARKED])["discards"] == []


def test_giving_up_a_parked_event_is_in_the_audit_trail_with_the_reason(rig: ApiRig) -> None:
    relay = rig.relay()
    beat(relay, parked_events=[PARKED])
    discard(rig, relay)
    day = datetime.fromtimestamp(rig.clock(), UTC).strftime("%Y%m%d")
    found = [stored.entry for stored in rig.services.audit.of_day(day)]
    (entry,) = [each for each in found if each.subjects[0].kind == "parked-event"]
    assert entry.actor.name == "admin-person"
    assert entry.subjects[0].before["because"] == "scanned twice"


GIVEN_UP = PARKED | {
    "discarded_by": "anna",
    "discarded_at": "2026-11-18T11:00:00.000000+00:00",
    "because": "scanned in the wrong project",
}


def audited_discards(rig: ApiRig) -> list[tuple[str, str, str]]:
    records = rig.user(Role.ADMIN).get("/audit?kind=parked-event").json()
    return [(each["actor_kind"], each["actor"], each["before"]["because"]) for each in records]


def test_what_was_given_up_at_a_relay_is_in_the_audit_trail_once(rig: ApiRig) -> None:
    relay = rig.relay()
    for _ in range(3):
        told = beat(relay, discarded_events=[GIVEN_UP])
        assert told["discards_recorded"] == [PARKED["event_id"]]
    assert audited_discards(rig) == [("relay", relay.relay_id, "scanned in the wrong project")]


def test_what_was_given_up_in_the_cloud_is_not_told_twice(rig: ApiRig) -> None:
    relay = rig.relay()
    beat(relay, parked_events=[PARKED])
    discard(rig, relay)
    told = beat(relay, discarded_events=[GIVEN_UP])
    assert told["discards_recorded"] == [PARKED["event_id"]]
    assert audited_discards(rig) == [("person", "admin-person", "scanned twice")]


def test_each_of_several_given_up_together_is_in_the_audit_trail(rig: ApiRig) -> None:
    relay = rig.relay()
    beat(relay, discarded_events=[GIVEN_UP, GIVEN_UP | {"event_id": "e" * 32}])
    assert len(audited_discards(rig)) == 2


def test_only_an_admin_gives_up_what_a_relay_tells_of_and_with_a_reason(rig: ApiRig) -> None:
    relay = rig.relay()
    assert discard(rig, relay).status == 404
    beat(relay, parked_events=[PARKED])
    assert discard(rig, relay, Role.WRITE).status == 403
    assert discard(rig, relay, because="").status == 422
