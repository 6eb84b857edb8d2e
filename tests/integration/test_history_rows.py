"""What happens to exams, and what the history says of it: the real stores on moto."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from lambdas.history.facts.fact import EntryFact
from lambdas.history.facts.reports import sync_facts
from lambdas.history.rows.fold import fold
from lambdas.history.rows.state import SiteState
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow
from lambdas.store.models import AuditRow
from shared.relay_health import LoopState, RelayHealth, ScannerActivity
from tests.rigs.builders import an_item
from tests.rigs.cloud import cloud
from tests.rigs.history import MINUTE, NAMES, Happening, a_study


@pytest.fixture
def site() -> Iterator[Happening]:
    with cloud() as rig:
        yield Happening(rig)


def test_a_new_exam_has_its_first_version(site: Happening) -> None:
    item = site.put("001", scheduled_end_time="101500")
    exam = site.exam(item)
    planned = datetime(2026, 11, 22, 9, 30)
    assert exam["exam"] == NAMES.exam(item.id)
    assert (exam["version"], exam["because"], exam["done_by"]) == (1, "created", "source")
    assert (exam["study"], exam["site"], exam["scanner"]) == ("study", "north", "MR1")
    assert exam["participant"] == NAMES.participant("study", "001", item.patient_id)
    assert (exam["status"], exam["removed"]) == ("SCHEDULED", False)
    assert (exam["planned_local"], exam["planned_minutes"]) == (planned, 45)
    assert exam["known_at"] == exam["first_seen_at"] == exam["status_since_at"] == site.at()
    assert (exam["steps"], exam["started_at"], exam["reschedules"]) == (0, None, 0)


def test_a_plan_is_an_instant_in_the_zone_of_its_study(site: Happening) -> None:
    site.sources.put(a_study(time_zone="Europe/Oslo"))
    assert site.exam(site.put())["planned_at"] == datetime(2026, 11, 22, 8, 30)


def test_a_new_plan_is_a_reschedule_and_the_first_plan_is_kept(site: Happening) -> None:
    item = site.put()
    site.put(scheduled_start_date="20261124")
    site.put(scheduled_start_date="20261124", protocol_name="T2")
    exam = site.exam(item)
    assert (exam["version"], exam["reschedules"], exam["protocol"]) == (3, 1, "T2")
    assert exam["first_planned_local"] == datetime(2026, 11, 22, 9, 30)
    assert exam["planned_local"] == datetime(2026, 11, 24, 9, 30)


def test_planned_and_actual_stand_side_by_side(site: Happening) -> None:
    item = site.put()
    site.begin(item)
    assert (site.exam(item)["status"], site.exam(item)["ended_at"]) == ("IN_PROGRESS", None)
    site.end()
    exam = site.exam(item)
    assert (exam["status"], exam["status_owner"], exam["done_by"]) == ("COMPLETED", "mpps", "relay")
    assert (exam["started_at"], exam["actual_scanner"]) == (datetime(2026, 11, 22, 9, 31), "MR1")
    assert exam["ended_at"] == datetime(2026, 11, 22, 10, 15)
    assert exam["planned_local"] == datetime(2026, 11, 22, 9, 30)


def test_a_removed_exam_says_since_when(site: Happening) -> None:
    item = site.put()
    site.remove(item)
    removed_at = site.at()
    exam = site.exam(item)
    assert (exam["removed"], exam["because"], exam["done_by"]) == (True, "removed", "person")
    assert exam["status_since_at"] == removed_at
    site.restore(item)
    assert (site.exam(item)["removed"], site.exam(item)["because"]) == (False, "restored")


def test_a_withdrawn_exam_comes_back_with_its_row(site: Happening) -> None:
    item = site.put()
    site.withdraw(item)
    assert site.exam(item)["removed"]
    site.put()
    assert not site.exam(item)["removed"]
    assert site.exam(item)["version"] == 3


def test_a_missed_exam_is_a_no_show_of_the_clock(site: Happening) -> None:
    item = site.put()
    site.missed(item)
    assert (site.exam(item)["status"], site.exam(item)["status_owner"]) == ("NO_SHOW", "clock")


def test_an_exam_made_by_hand_is_of_no_study(site: Happening) -> None:
    item = site.by_hand()
    exam = site.exam(item)
    assert (exam["study"], exam["done_by"]) == ("", "person")
    assert exam["participant"] == NAMES.participant("", "", item.patient_id)


def test_a_changed_field_says_who_owns_it_since(site: Happening) -> None:
    item = site.put()
    site.edit(item, protocol_name="T2")
    site.put(patient_weight_kg="70")
    changes = {row["field"]: row for row in site.rows()["changes"]}
    assert (changes["protocol_name"]["owner"], changes["protocol_name"]["done_by"]) == ("person", "person")
    assert (changes["protocol_name"]["before_hash"], changes["protocol_name"]["version"]) == ("", 2)
    assert (changes["patient_weight_kg"]["owner"], changes["patient_weight_kg"]["done_by"]) == (
        "source",
        "source",
    )


def test_a_value_that_comes_back_has_its_hash_again(site: Happening) -> None:
    site.put()
    site.put(patient_name="B^B")
    site.put()
    first, second = (row for row in site.rows()["changes"] if row["field"] == "patient_name")
    assert (first["before_hash"], first["after_hash"]) == (second["after_hash"], second["before_hash"])


def test_a_step_tells_its_exam_and_when_redcap_was_told(site: Happening) -> None:
    item = site.put()
    site.begin(item)
    site.end()
    site.told()
    versions = site.rows()["steps"]
    assert [row["because"] for row in versions] == ["reported", "reported", "told"]
    assert [row["told_at"] for row in versions] == [None, None, site.at()]
    assert versions[-1]["exam"] == NAMES.exam(item.id)
    assert versions[-1]["status"] == "COMPLETED"


def test_a_scan_without_booking_gets_its_exam_when_a_person_links_it(site: Happening) -> None:
    item = site.put()
    site.begin(None)
    site.link("2.25.77", item)
    site.unlink("2.25.77", item)
    first, linked, unlinked = site.rows()["steps"]
    assert (first["exam"], first["exams"], first["study"]) == ("", 0, "")
    assert (linked["exam"], linked["because"], linked["study"]) == (NAMES.exam(item.id), "linked", "study")
    assert (unlinked["exam"], unlinked["because"]) == ("", "unlinked")
    assert site.exam(item, 1)["steps"] == 1
    assert site.exam(item)["steps"] == 0


def test_the_minutes_a_row_was_held_are_known_when_it_is_an_exam(site: Happening) -> None:
    item = an_item()
    held = HeldRow(record="001", field="consent", reason="is missing")
    report = SyncReport(outcome="ok", finished_at=f"{site.at()}+00:00")
    [told] = sync_facts("study", frozenset({"north"}), report, SourceState(held=(held,), held_count=1), NAMES)
    assert told.unshown == (NAMES.exam(item.id),)
    site.cloud.clock.advance(540)
    site.put()
    rows = fold("north", SiteState(), [*site.facts()["north"], told], {}).rows
    assert rows["exams"][0]["unshown_minutes"] == 10
    assert (rows["syncs"][0]["held"], rows["syncs"][0]["outcome"]) == (1, "ok")


def test_an_exam_was_shown_when_its_scanner_asked_a_relay_that_had_it(site: Happening) -> None:
    item = site.put()
    at = datetime.fromisoformat(f"{site.at()}+00:00")
    code, _ = site.relays.invite("north")
    relay = site.relays.enroll(code, public_key="k", name="r")
    site.cloud.clock.advance(120)
    health = RelayHealth(
        version="1",
        at=at,
        pull=LoopState(succeeded_at=at + MINUTE / 2),
        scanners=(
            ScannerActivity(ae_title="MR2", last_query_at=at + MINUTE),
            ScannerActivity(ae_title="MR1", last_query_at=at + 1.5 * MINUTE, requests=4),
        ),
    )
    site.relays.heard(relay.relay_id, health)
    site.begin(item)
    assert site.exam(item)["first_shown_at"] == (at + 1.5 * MINUTE).replace(tzinfo=None)
    [minute] = site.rows()["relay_minutes"]
    assert (minute["relay"], minute["pull_seconds"], minute["outbox"]) == (relay.relay_id, 90, 0)


def test_an_exam_that_was_there_before_the_audit_trail_is_found(site: Happening) -> None:
    item = site.put()
    site.put(protocol_name="T2")
    facts = site.facts()["north"]
    forget_the_beginning(site)
    first, second = site.rows()["exams"]
    assert (first["because"], first["version"], first["first_seen_at"]) == ("found", 1, None)
    assert (first["protocol"], second["protocol"]) == ("", "T2")
    assert first["participant"] == NAMES.participant("study", "001", item.patient_id)
    assert any(isinstance(each, EntryFact) for each in facts)


def forget_the_beginning(site: Happening) -> None:
    """Make the table as an earlier build left it, which had no audit trail when the item came."""
    model: type[AuditRow] = site.cloud.tables.audit
    rows = sorted(model.scan(model.pk.startswith("AUDIT#")), key=lambda row: (row.pk, row.sk))
    body = str(rows[1].body).replace('"number":2', '"number":1')
    rows[1].update(actions=[model.body.set(body)])
    rows[0].delete()
