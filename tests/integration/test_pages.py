"""What people do at the dashboard, as forms without JavaScript: each task in the clicks it may take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport, Withheld
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.relay_health import RelayHealth, ScannerActivity
from shared.steps.procedure_step import EventKind
from shared.worklist_item import Status, WorklistItem
from tests.rigs.api import PASSWORD, ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.pages import Page, Visitor, visitor
from tests.rigs.site_state import DEFINITION, NOW

EVIL = "<img src='x' onerror='alert(1)'>\"&amp;"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        running.clock.seconds = NOW.timestamp()
        yield running


def now(rig: ApiRig) -> datetime:
    return datetime.fromtimestamp(rig.clock(), UTC)


def today(rig: ApiRig, days: int = 0) -> str:
    return f"{now(rig) + timedelta(days=days):%Y%m%d}"


def book(rig: ApiRig, name: str = "001", **changes: Any) -> WorklistItem:
    item = an_item(name, **{"scheduled_start_date": today(rig), "scheduled_start_time": "1500", **changes})
    rig.services.worklist.put_if_changed([item])
    return item


def add_source(rig: ApiRig, **state: Any) -> None:
    definition = definition_from(DEFINITION)
    rig.services.sources.put(definition)
    report = SyncReport(outcome="ok", finished_at=now(rig))
    rig.services.sources.acquire("study", "tests", now=rig.clock(), seconds=60)
    rig.services.sources.save_state(
        "study", "tests", SourceState.model_validate({"report": report, "watermark": now(rig), **state})
    )
    rig.services.sources.release("study", "tests")


def add_relay(rig: ApiRig, **health: Any) -> str:
    relay_id = rig.relay().relay_id
    scanner = ScannerActivity(ae_title="MR1", last_query_at=now(rig) - timedelta(seconds=40))
    fields = {"version": "1", "at": now(rig), "pull": {"succeeded_at": now(rig)}, "scanners": (scanner,)}
    rig.services.relays.heard(relay_id, RelayHealth.model_validate({**fields, **health}))
    return relay_id


def scan(rig: ApiRig, item: WorklistItem, *, ended: bool) -> None:
    for kind, status in ((EventKind.N_CREATE, "IN PROGRESS"), (EventKind.N_SET, "COMPLETED")):
        if ended or kind is EventKind.N_CREATE:
            event = an_event(item, f"2.25.{int(item.id[:8], 16)}", kind, status)
            result = rig.services.steps.record_event(event, site=item.site, relay_id="r")
            assert result.outcome == "recorded", result


def held(rig: ApiRig, record: str = "17", reason: str = "must be yes") -> HeldRow:
    return HeldRow(
        record=record, instrument="mri", field="consent", reason=reason, day=today(rig), site="north"
    )


# ------------------------------------------------------------------ Today


def test_a_new_system_says_what_to_do_first(rig: ApiRig) -> None:
    shown = visitor(rig, Role.ADMIN).get("/app/today")
    assert shown.status == 200
    assert "See the first steps" in shown.words
    assert "No scan is booked for today." in shown.words


def test_a_coordinator_sees_who_is_where(rig: ApiRig) -> None:
    add_source(rig)
    add_relay(rig)
    book(rig, "1", patient_name="García Márquez^Renée")
    scan(rig, book(rig, "2", patient_name="Núñez^Zoë", scheduled_start_time="0926"), ended=False)
    scan(rig, book(rig, "3", patient_name="Smith^José", scheduled_start_time="0930"), ended=True)
    words = visitor(rig, Role.READ).get("/app/today").words
    assert "REDCap was read 0 s ago." in words
    assert "MR1 Asked for its list 40 s ago" in words
    assert "Renée García Márquez sub-1, Brain MRI Next booked" in words
    assert "Zoë Núñez sub-2, Brain MRI on the scanner" in words
    assert "started 09:31 (+5 min)" in words
    assert "José Smith sub-3, Brain MRI done 09:31-10:15 started 09:31 (+1 min) REDCap is being told" in words
    assert "Mark" not in words


def test_who_is_not_on_the_list_comes_first_with_the_way_to_the_form(rig: ApiRig) -> None:
    later = RejectedRow(record="9", field="mri_time", reason="must be a time", day=today(rig, 30))
    add_source(rig, held=(held(rig),), held_count=1, rejected=(later,), rejected_count=1)
    shown = visitor(rig, Role.READ).get("/app/today")
    assert "1 scan is not on the scanner's list Record 17, mri #1, on" in shown.words
    assert "held back: consent must be yes" in shown.words
    assert "/app/sources/study/form/" in shown.html
    assert "Record 9" not in shown.words


def test_other_days_and_the_next_are_one_click_away(rig: ApiRig) -> None:
    book(rig, "1", scheduled_start_date=today(rig, 1), patient_name="Tomorrow^Tim")
    browser = visitor(rig, Role.READ)
    assert "Tim Tomorrow" not in browser.get("/app/today").words
    assert "Tim Tomorrow" in browser.get(f"/app/today?day={today(rig, 1)}").words


@pytest.mark.parametrize("query", ["day=27.11.2026", "day=99999999", "site=a/b", "site=elsewhere"])
def test_an_address_that_makes_no_sense_gives_a_page_that_says_so(rig: ApiRig, query: str) -> None:
    answer = visitor(rig, Role.READ).get(f"/app/today?{query}")
    assert answer.status in {404, 422}
    assert "Begin again at Today" in answer.words


def test_a_technologist_marks_who_arrived_in_one_click(rig: ApiRig) -> None:
    item = book(rig)
    browser = visitor(rig, Role.WRITE)
    arrived, no_show = browser.get("/app/today").buttons("mark")
    assert no_show.startswith("NO_SHOW/")
    fields = {"mark": arrived, "site": "north", "day": today(rig)}
    shown = browser.follow(browser.post("/app/today/mark", fields))
    assert "Saved." in shown.words
    assert "arrived" in shown.words
    stored = rig.services.worklist.find(item.id)
    assert stored is not None
    assert stored.item.performed_procedure_step_status is Status.ARRIVED


def test_a_mark_never_overwrites_what_a_scanner_reported_meanwhile(rig: ApiRig) -> None:
    item = book(rig)
    browser = visitor(rig, Role.WRITE)
    marks = browser.get("/app/today").buttons("mark")
    scan(rig, item, ended=False)
    for mark in marks:
        refused = browser.post("/app/today/mark", {"mark": mark})
        assert refused.status == 412
        assert "Somebody else changed this first Nothing was saved" in refused.words
    stored = rig.services.worklist.find(item.id)
    assert stored is not None
    assert stored.item.performed_procedure_step_status is Status.IN_PROGRESS


@pytest.mark.parametrize("mark", ["", "COMPLETED/{id}/1-x", "ARRIVED", "ARRIVED/none/1-x", "ARRIVED/{id}/"])
def test_a_mark_that_no_page_has_changes_nothing(rig: ApiRig, mark: str) -> None:
    item = book(rig)
    browser = visitor(rig, Role.WRITE)
    browser.get("/app/today")
    assert browser.post("/app/today/mark", {"mark": mark.format(id=item.id)}).status in {404, 412, 422}
    stored = rig.services.worklist.find(item.id)
    assert stored is not None
    assert stored.item.performed_procedure_step_status is Status.SCHEDULED


def test_a_silent_relay_is_on_top_for_everybody(rig: ApiRig) -> None:
    add_relay(rig)
    rig.clock.advance(3600)
    words = visitor(rig, Role.READ).get("/app/today").words
    assert "Needs somebody The relay relay of the tests is silent since" in words


def test_hidden_names_are_on_no_page(rig: ApiRig) -> None:
    item = book(rig, patient_name="Núñez^Zoë")
    browser = visitor(rig, Role.WRITE)
    browser.get("/app/today")
    browser.post("/app/names", {"hide": "yes"})
    browser.get("/app/today")
    pages = [browser.get("/app/today"), browser.get(f"/app/items/{item.id}")]
    pages.append(browser.post("/app/find", {"who": "Zoë", "site": "north"}))
    for page in pages:
        assert "Z. N." in page.words
        assert "Núñez" not in page.html
        assert "sub-001" not in page.html


# ------------------------------------------------------------ Find, Week, Item


def test_why_somebody_is_on_the_list_is_one_answer(rig: ApiRig) -> None:
    add_source(rig)
    add_relay(rig)
    book(rig, patient_name="Núñez^Zoë")
    browser = visitor(rig, Role.READ)
    browser.get("/app/find")
    words = browser.post("/app/find", {"who": "nunez", "site": "north"}).words
    assert "Zoë Núñez is booked for today at 15:00 on MR1, and is on the list of MR1." in words
    assert "The relay has it: relay of the tests took the list at" in words


def test_why_somebody_is_not_on_the_list_is_one_answer_too(rig: ApiRig) -> None:
    add_source(rig, held=(held(rig),), held_count=1)
    book(rig)
    browser = visitor(rig, Role.READ)
    browser.get("/app/find")
    words = browser.post("/app/find", {"who": "17", "site": "north"}).words
    assert "Record 17, mri #1" in words
    assert "not on the list It is held back: consent must be yes" in words
    nobody = browser.post("/app/find", {"who": "Hildegard", "site": "north"}).words
    assert "Nobody like that has a scan at north between" in nobody
    assert "Type two letters or more" in browser.post("/app/find", {"who": "x", "site": "north"}).words


def test_the_week_says_how_full_scanners_are_and_what_is_wrong(rig: ApiRig) -> None:
    hours = {"all": {"opens": "08:00", "closes": "14:30"}}
    rig.services.sources.put(definition_from({**DEFINITION, "scanner_hours": hours}))
    book(rig, "1", scheduled_end_time="1600")
    book(rig, "2")
    words = visitor(rig, Role.READ).get("/app/week").words
    said = "2 15:00-15:00 1 h of 6.5 h booked, 1 without an end overlaps at 15:00 outside its hours: 15:00"
    assert said in words
    assert "times are those of Europe/Oslo" in words


def item_page(rig: ApiRig, browser: Visitor) -> tuple[str, Page]:
    url = f"/app/items/{book(rig).id}"
    return url, browser.get(url)


def test_an_edited_field_is_the_persons_and_the_rest_stays_redcaps(rig: ApiRig) -> None:
    browser = visitor(rig, Role.WRITE)
    url, page = item_page(rig, browser)
    names = ("patient_name", "patient_id", "scheduled_start_time", "patient_weight_kg", "allergies")
    fields = {name: page.field(name) for name in names}
    sent = {**fields, "patient_name": "Nunez^Zoe", "version": page.field("version")}
    shown = browser.follow(browser.post(f"{url}/edit", sent))
    assert "The fields you changed are yours now" in shown.words
    stored = rig.services.worklist.find(url.rpartition("/")[2])
    assert stored is not None
    assert (stored.item.patient_name, stored.edited) == ("Nunez^Zoe", ("patient_name",))


def test_an_edit_of_what_somebody_else_changed_is_refused(rig: ApiRig) -> None:
    browser = visitor(rig, Role.WRITE)
    url, page = item_page(rig, browser)
    rig.services.worklist.edit(url.rpartition("/")[2], {"patient_name": "Other^Name"})
    sent = {"patient_name": "Nunez^Zoe", "version": page.field("version")}
    assert browser.post(f"{url}/edit", sent).status == 412
    assert browser.post(f"{url}/remove", {"version": page.field("version")}).status == 412
    assert browser.post(f"{url}/remove").status == 422


def test_a_value_that_cannot_be_is_refused_without_being_quoted(rig: ApiRig) -> None:
    browser = visitor(rig, Role.WRITE)
    url, page = item_page(rig, browser)
    sent = {"patient_birth_date": "yesterday", "version": page.field("version")}
    answer = browser.post(f"{url}/edit", sent)
    assert answer.status == 422
    assert "Patient_birth_date" in answer.words
    assert "yesterday" not in answer.html


def test_an_exam_that_is_removed_is_restored_in_one_click(rig: ApiRig) -> None:
    browser = visitor(rig, Role.WRITE)
    url, page = item_page(rig, browser)
    gone = browser.follow(browser.post(f"{url}/remove", {"version": page.field("version")}))
    assert "This exam is not on the list any more A person removed it" in gone.words
    assert "No scan is booked" in browser.get("/app/today").words
    browser.get(url)
    back = browser.follow(browser.post(f"{url}/restore"))
    assert "Restored." in back.words
    assert "Zoë Núñez" in browser.get("/app/today").words


def test_what_a_person_changed_is_given_back_in_one_click(rig: ApiRig) -> None:
    browser = visitor(rig, Role.WRITE)
    url, page = item_page(rig, browser)
    assert "Give back to REDCap" not in page.words
    browser.post(f"{url}/edit", {"patient_name": "Nunez^Zoe", "version": page.field("version")})
    edited = browser.get(url)
    assert "Give back to REDCap" in edited.words
    back = browser.follow(browser.post(f"{url}/release", {"version": edited.field("version")}))
    assert "REDCap decides on all of it again" in back.words
    stored = rig.services.worklist.find(url.rpartition("/")[2])
    assert stored is not None
    assert stored.edited == ()
    assert [each.get("record") for each in rig.cloud.received(rig.cloud.sync_queue_url)] == ["001"]


def test_the_history_says_who_changed_what(rig: ApiRig) -> None:
    browser = visitor(rig, Role.WRITE, "tec")
    url, page = item_page(rig, browser)
    browser.post(f"{url}/edit", {"patient_name": "Nunez^Zoe", "version": page.field("version")})
    words = browser.get(f"{url}/history").words
    assert "tec item changed Name: Núñez^Zoë → Nunez^Zoe" in words
    assert "REDCap (study) item created" in words


# ---------------------------------------------------------------- Unmatched


def unmatched(rig: ApiRig) -> str:
    event = an_event(None, "2.25.4711")
    assert rig.services.steps.record_event(event, site="north", relay_id="r").outcome == "recorded"
    return event.sop_instance_uid


def test_a_scan_without_a_booking_is_linked_in_two_clicks_and_undone_in_one(rig: ApiRig) -> None:
    uid, item = unmatched(rig), book(rig, scheduled_start_time="0930")
    browser = visitor(rig, Role.WRITE)
    [step] = browser.get("/app/unmatched").buttons("step")
    assert step == uid
    found = browser.post("/app/unmatched/candidates", {"step": step})
    assert found.buttons("link") == [item.id]
    linked = browser.post("/app/unmatched/link", {"step": step, "link": item.id})
    assert "Linked. REDCap is told." in linked.words
    assert "Every scan of the last seven days has its booking." in browser.get("/app/unmatched").words
    stored = rig.services.worklist.find(item.id)
    assert stored is not None
    assert stored.item.performed_procedure_step_status is Status.IN_PROGRESS
    undone = browser.post("/app/unmatched/link", {"step": step, "unlink": linked.buttons("unlink")[0]})
    assert "The link is taken back." in undone.words
    assert browser.get("/app/unmatched").buttons("step") == [uid]


def test_who_may_only_read_sees_candidates_and_no_buttons(rig: ApiRig) -> None:
    uid = unmatched(rig)
    book(rig, scheduled_start_time="0930")
    browser = visitor(rig, Role.READ)
    browser.get("/app/unmatched")
    found = browser.post("/app/unmatched/candidates", {"step": uid})
    assert "Zoë Núñez" in found.words
    assert found.buttons("link") == []


# -------------------------------------------------------------------- Audit


def readings(rig: ApiRig, who: str) -> list[tuple[str, ...]]:
    entries = rig.services.audit.of_day(today(rig))
    own = [each.entry for each in entries if each.entry.actor.name == who]
    return [subject.ids for entry in own for subject in entry.subjects if subject.action == "read"]


def test_every_reading_of_a_participants_data_is_written_down_once(rig: ApiRig) -> None:
    item = book(rig)
    browser = visitor(rig, Role.READ, "ana")
    page = browser.get("/app/today")
    assert readings(rig, "ana") == [(item.id,)]
    found = re.search(r'hx-get="([^"]+)"', page.html)
    assert found
    renewed = found[1].replace("&amp;", "&")
    browser.get(renewed, {"hx-request": "true"})
    assert len(readings(rig, "ana")) == 1
    book(rig, "002")
    browser.get(renewed, {"hx-request": "true"})
    assert len(readings(rig, "ana")) == 2
    browser.get("/app/find")
    browser.post("/app/find", {"who": "Zoë", "site": "north"})
    browser.get(f"/app/items/{item.id}")
    assert len(readings(rig, "ana")) == 4


def test_an_auditor_sees_who_did_what(rig: ApiRig) -> None:
    tec = visitor(rig, Role.WRITE, "tec")
    url, page = item_page(rig, tec)
    tec.post(f"{url}/edit", {"patient_name": "Nunez^Zoe", "version": page.field("version")})
    browser = visitor(rig, Role.ADMIN)
    assert "tec item changed Name" in browser.get("/app/audit").words
    asked = {"actor": "tec", "kind": "login", "date_from": "2026-11-22", "date_to": "2026-11-22"}
    words = browser.post("/app/audit", asked).words
    assert "tec login logged in" in words
    assert "item changed" not in words
    nobody = browser.post("/app/audit", {"actor": "nobody"}).words
    assert "Nothing of that kind was done" in nobody


def test_names_from_redcap_and_scanners_are_text_and_nothing_else(rig: ApiRig) -> None:
    evil_row = held(rig, record=EVIL, reason=EVIL)
    add_source(rig, held=(evil_row,), held_count=1)
    add_relay(rig, problems=(EVIL,), scanners=(ScannerActivity(ae_title="<B>X", last_query_at=now(rig)),))
    item = book(rig, patient_name=EVIL.replace("=", ":"), procedure_description=EVIL, station_name="<i>")
    browser = visitor(rig, Role.ADMIN)
    pages = [browser.get(f"/app/{path}") for path in ("today", f"items/{item.id}", "relays", "sources/study")]
    pages.append(browser.post("/app/find", {"who": EVIL, "site": "north"}))
    for page in pages:
        assert page.status == 200
        assert "<img" not in page.html
        assert "<B>" not in page.html
        assert "<i>" not in page.html
    assert EVIL in pages[0].words


def test_an_account_of_one_site_sees_nothing_of_another(rig: ApiRig) -> None:
    here, there = book(rig, "1"), book(rig, "2", site="south", patient_name="Far^Away")
    add_user(rig.services, "northerner", PASSWORD, Role.WRITE, about={"sites": ("north",)})
    browser = visitor(rig, Role.WRITE, "northerner")
    assert browser.get("/app/today?site=south").status == 404
    assert browser.get("/app/week?site=south").status == 404
    assert browser.get(f"/app/items/{here.id}").status == 200
    for path in ("", "/history"):
        assert browser.get(f"/app/items/{there.id}{path}").status == 404
    stored = rig.services.worklist.find(there.id)
    assert stored is not None
    sent = {"version": stored.version}
    for what in ("edit", "remove", "release", "restore"):
        assert browser.post(f"/app/items/{there.id}/{what}", sent).status == 404
    assert browser.post("/app/today/mark", {"mark": f"ARRIVED/{there.id}/{stored.version}"}).status == 404
    assert browser.post("/app/find", {"who": "away", "site": "south"}).status == 404
    assert browser.get(f"/app/sources/study/form/{there.id}").status == 404
    assert rig.services.worklist.find(there.id) == stored


# ---------------------------------------------------------- what admins do


def test_a_source_shows_what_is_wrong_and_is_read_on_demand(rig: ApiRig) -> None:
    add_source(rig, held=(held(rig),), held_count=1, withheld=Withheld(count=30, total=100))
    browser = visitor(rig, Role.ADMIN)
    assert "withdrawals wait for you" in browser.get("/app/sources").words
    page = browser.get("/app/sources/study")
    assert "30 of 100 items have vanished from REDCap" in page.words
    assert "Held back (1)" in page.words
    browser.post("/app/sources/study/sync")
    shown = browser.post("/app/sources/study/sync", {"confirm": "yes"})
    assert "Confirmed." in browser.follow(shown).words
    asked = rig.cloud.received(rig.cloud.sync_queue_url)
    assert [message.get("confirm_withdrawals", "no") for message in asked] == ["no", "yes"]


def test_a_draft_that_is_wrong_stays_in_the_box_with_the_reason(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/sources/new")
    answer = browser.post("/app/sources/draft", {"draft": "site = <b>", "do": "preview"})
    assert answer.status == 422
    assert "This definition cannot be used" in answer.words
    assert "site = &lt;b&gt;" in answer.html


def test_a_relay_is_enrolled_with_a_code_that_is_shown_once(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/relays")
    page = browser.post("/app/relays/enroll", {"site": "north"})
    assert "A code for site north" in page.words
    assert "mwl-relay enroll " in page.words
    assert browser.post("/app/relays/enroll", {"site": "no site"}).status == 422


def test_a_relay_is_shown_with_its_scanners_and_can_be_revoked(rig: ApiRig) -> None:
    relay_id = add_relay(rig, problems=("the disk is full",))
    browser = visitor(rig, Role.ADMIN)
    words = browser.get("/app/relays").words
    assert "needs attention: heard of 0 s ago the disk is full" in words
    assert "MR1 40 s ago 0 never" in words
    assert "Revoked." in browser.follow(browser.post(f"/app/relays/{relay_id}/revoke")).words
    relay = rig.services.relays.find(relay_id)
    assert relay is not None
    assert relay.revoked_at is not None


def test_what_redcap_refused_is_tried_again_in_one_click(rig: ApiRig) -> None:
    item = book(rig)
    scan(rig, item, ended=True)
    uid = f"2.25.{int(item.id[:8], 16)}"
    rig.services.steps.write_back_parked(uid, 2, note="the record is locked")
    browser = visitor(rig, Role.ADMIN)
    page = browser.get("/app/write-backs")
    assert "record 001 study the record is locked" in page.words
    [step] = page.buttons("step")
    assert browser.post("/app/write-backs/retry", {"step": step}).status == 303
    assert "REDCap has taken everything." in browser.get("/app/write-backs").words


def test_accounts_are_made_changed_and_removed(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/accounts")
    fields = {"username": "Tec", "password": "violet kettle moraine", "role": "read"}
    assert "tec may sign in" in browser.follow(browser.post("/app/accounts/new", fields)).words
    browser.post("/app/accounts/change", {"username": "tec", "role": "write", "password": "", "do": "save"})
    user = rig.services.users.find("tec")
    assert user is not None
    assert user.role is Role.WRITE
    browser.post("/app/accounts/change", {"username": "tec", "do": "disable"})
    assert "tec disabled" in browser.get("/app/accounts").words
    browser.post("/app/accounts/change", {"username": "tec", "do": "delete"})
    assert rig.services.users.find("tec") is None
    last = browser.post("/app/accounts/change", {"username": "admin-person", "do": "delete"})
    assert (last.status, "last admin" in last.words) == (409, True)


def test_an_account_is_limited_to_sites_and_freed_again(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/accounts")
    made = {"username": "ana", "password": PASSWORD, "role": "read", "sites": "north, south"}
    assert "for north, south, since" in browser.follow(browser.post("/app/accounts/new", made)).words
    browser.post("/app/accounts/change", {"username": "ana", "do": "disable", "role": "read"})
    limited = rig.services.users.find("ana")
    browser.post("/app/accounts/change", {"username": "ana", "do": "save", "role": "read", "sites": ""})
    freed = rig.services.users.find("ana")
    assert limited is not None
    assert freed is not None
    assert (limited.sites, freed.sites) == (("north", "south"), ())


def test_an_account_for_a_studys_programs_is_made_and_given_another_study(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/accounts")
    made = {"username": "lab", "password": PASSWORD, "role": "study", "studies": "youth, adults"}
    assert "Role study" in browser.follow(browser.post("/app/accounts/new", made)).words
    user = rig.services.users.find("lab")
    assert user is not None
    assert (user.role, user.studies) == (Role.STUDY, ("youth", "adults"))
    kept = {"username": "lab", "role": "study", "sites": "", "studies": "", "do": "save"}
    refused = browser.post("/app/accounts/change", kept)
    assert (refused.status, "must be named for the role study" in refused.words) == (422, True)
    assert browser.post("/app/accounts/change", kept | {"studies": "elders"}).status == 303
    changed = rig.services.users.find("lab")
    assert changed is not None
    assert changed.studies == ("elders",)


def test_a_site_that_is_no_name_is_refused(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/accounts")
    made = {"username": "bo", "password": PASSWORD, "role": "read", "sites": "no rth"}
    assert browser.post("/app/accounts/new", made).status == 422
    assert rig.services.users.find("bo") is None


def test_an_auditor_downloads_what_is_asked_for_as_csv(rig: ApiRig) -> None:
    book(rig, patient_name="=cmd^Eve")
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/audit")
    page = browser.post("/app/audit", {"kind": "item", "as": "csv"})
    lines = page.html.splitlines()
    assert lines[0].startswith("at,actor_kind,actor,")
    assert all(",item," in line for line in lines[1:])
    assert "'=cmd^Eve" in page.html
    told = [each.entry.subjects[0].kind for each in rig.services.audit.of_day(f"{now(rig):%Y%m%d}")]
    assert "audit" in told


def test_a_short_password_is_refused_and_not_quoted(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/accounts")
    answer = browser.post("/app/accounts/new", {"username": "tec", "password": "hunter2", "role": "read"})
    assert answer.status == 422
    assert "12 to 256 characters" in answer.words
    assert "hunter2" not in answer.html


# --------------------------------------------------------------- its cost


@pytest.mark.slow
def test_a_full_day_is_one_query_and_a_small_page(rig: ApiRig) -> None:
    add_source(rig)
    add_relay(rig)
    titles = [f"MR{number}" for number in range(12)]
    items = [
        an_item(
            f"{number:03}",
            scheduled_start_date=today(rig),
            scheduled_start_time=f"{7 + number // 30:02}{number % 60:02}00",
            scheduled_station_aetitle=titles[number % 12],
        )
        for number in range(300)
    ]
    rig.services.worklist.put_if_changed(items)
    browser = visitor(rig, Role.WRITE)
    browser.get("/app/today")
    queries: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "Query" and "SITE#" in json.dumps(arguments, default=str):
            queries.append(str(arguments.get("IndexName")))
        return real(self, operation, arguments)

    with patch.object(BaseClient, "_make_api_call", counted):
        page = browser.get("/app/today", headers={"accept-encoding": "gzip"})
    assert page.html.count("<tr>") == 300 + 12
    assert queries == ["by_start"]
    assert page.wire_bytes <= 100_000
