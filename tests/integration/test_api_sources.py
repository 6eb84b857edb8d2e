"""Sources through the API: defined, watched, previewed, synced and deleted by admins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.access.role import Role
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow
from shared.worklist_item import WorklistItem
from tests.rigs.api import log_lines
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import LambdaClient
from tests.rigs.source import SITE, SourceRig, running_source


@pytest.fixture
def rig() -> Iterator[SourceRig]:
    with running_source() as running:
        yield running


def admin(rig: SourceRig) -> LambdaClient:
    return rig.api.user(Role.ADMIN)


def remember(rig: SourceRig, **state: Any) -> None:
    """Remember of the source what a sync would."""
    sources = rig.api.services.sources
    assert sources.acquire("classic", "tests", now=rig.api.clock(), seconds=10)
    sources.save_state("classic", "tests", SourceState.model_validate(state))
    sources.release("classic", "tests")


def load(rig: SourceRig) -> list[dict[str, Any]]:
    """Write what a sync would write; return the items as JSON."""
    found = admin(rig).post("/sources/classic/preview").json()
    items = [each["item"] for each in found["items"]]
    rig.api.services.worklist.put_if_changed(rig_items(items))
    return items


def rig_items(items: list[dict[str, Any]]) -> list[WorklistItem]:
    return [WorklistItem.model_validate(item) for item in items]


def test_a_definition_is_stored_shown_and_replaced(rig: SourceRig) -> None:
    stored = admin(rig).put("/sources/classic", json=rig.data())
    assert stored.status == 200, stored.text
    assert stored.json()["not_checked"] == ""
    shown = admin(rig).get("/sources/classic").json()
    assert shown["definition"]["token_secret"] == "classic"
    assert (shown["status"], shown["sites"], shown["has_trigger"]) == ("never", [SITE], False)
    replaced = admin(rig).put("/sources/classic", json=rig.data(interval_seconds=300))
    assert replaced.json()["definition"]["interval_seconds"] == 300
    assert rig.project.token() not in stored.text + replaced.text + admin(rig).get("/sources").text


def test_what_the_project_said_is_kept_for_the_first_load(rig: SourceRig) -> None:
    admin(rig).put("/sources/classic", json=rig.data())
    taken = rig.api.services.sources.take("classic", "tests", now=rig.api.clock(), seconds=10)
    assert taken is not None
    assert taken.checked is not None
    assert taken.checked.at == rig.api.clock()


def test_what_get_shows_put_takes(rig: SourceRig) -> None:
    rig.register()
    shown = admin(rig).get("/sources/classic").json()["definition"]
    assert admin(rig).put("/sources/classic", json=shown).status == 200
    assert admin(rig).get("/sources/classic").json()["definition"] == shown


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"interval": 5}, "interval_seconds"),
        ({"url": "http://redcap.example.org/api/"}, "https"),
        ({"id": "other"}, "can never change"),
        ({"record_id_field": "mri_date"}, "study_id"),
        ({"rows": {"instrument": "mri", "required": ["mri_dat"]}}, "mri_date"),
    ],
)
def test_a_wrong_definition_is_refused_naming_the_key_and_nothing_is_stored(
    rig: SourceRig, changes: dict[str, Any], says: str
) -> None:
    refused = admin(rig).put("/sources/classic", json=rig.data() | changes)
    assert refused.status == 422
    assert says in refused.text
    assert admin(rig).get("/sources").json() == []


def test_a_redcap_that_does_not_answer_leaves_the_definition_unchecked_which_is_said(rig: SourceRig) -> None:
    stored = admin(rig).put("/sources/classic", json=rig.data() | {"url": "http://127.0.0.1:9/api/"})
    assert stored.status == 200
    assert "did not answer" in stored.json()["not_checked"]


def test_a_token_redcap_does_not_know_is_not_the_callers_fault(rig: SourceRig) -> None:
    rig.project.revoke("relay")
    refused = admin(rig).put("/sources/classic", json=rig.data())
    assert refused.status == 422
    assert "REDCap answered 403" in refused.json()["detail"]


def test_how_a_source_is_doing_is_listed(rig: SourceRig) -> None:
    rig.register()
    now = rig.api.clock()
    at = datetime.fromtimestamp(now, UTC)
    rejected = RejectedRow(record="r1", field="mri_time", reason="is no time", day="20200101")
    held = HeldRow(record="r2", field="consent", reason="no consent yet", day="20200101")
    note = Note(record="r3", field="weight", reason="patient_weight_kg: left out: is no number")
    ok = SyncReport(outcome="ok", finished_at=at, written=3)
    rows = {"rejected": [rejected], "rejected_count": 1, "held": [held], "held_count": 1}
    remember(rig, report=ok, **rows, notes=[note], notes_count=1)
    [listed] = admin(rig).get("/sources").json()
    assert (listed["status"], listed["reason"], listed["rejected"], listed["held"]) == ("ok", "", 1, 1)
    assert listed["last_sync"]["written"] == 3
    shown = admin(rig).get("/sources/classic").json()
    assert [row["reason"] for row in shown["rejected_rows"]] == ["is no time"]
    assert [row["reason"] for row in shown["held_rows"]] == ["no consent yet"]
    assert [row["field"] for row in shown["notes_of_rows"]] == ["weight"]
    assert listed["notes"] == 1


def test_storing_a_definition_tells_which_scans_share_a_patient_id(rig: SourceRig) -> None:
    for record in ("000001", "000002"):
        rig.simulator.save_form(11, record, "demographics", {"family_id": "F1"})
    data = rig.data()
    data["fields"] = {**data["fields"], "patient_id": "family_id"}
    stored = admin(rig).put("/sources/classic", json=data).json()
    assert any(
        "record 000002 and record 000001 have one Patient ID" in reason
        for reason in stored["shared_patient_ids"]
    )
    meant = admin(rig).put("/sources/classic", json={**data, "allow_shared_patient_id": True}).json()
    assert meant["shared_patient_ids"] == []


def test_a_definition_that_would_go_wrong_is_not_stored(rig: SourceRig) -> None:
    data = rig.data()
    data["fields"] = {**data["fields"], "patient_weight_kg": "mri_wt_lbs"}
    refused = admin(rig).put("/sources/classic", json=data)
    assert refused.status == 422
    assert 'set unit = "lb"' in refused.text.replace('\\"', '"')
    assert admin(rig).get("/sources").json() == []


def test_a_failure_tells_why_and_until_when_the_source_is_left_alone(rig: SourceRig) -> None:
    rig.register()
    now = rig.api.clock()
    failed = SyncReport(
        outcome="failed", finished_at=datetime.fromtimestamp(now, UTC), error="REDCap answered 403"
    )
    remember(rig, report=failed, failures=2, paused_until=now + 120)
    [listed] = admin(rig).get("/sources").json()
    assert listed["status"] == "failed"
    assert listed["reason"].startswith("REDCap answered 403; left alone until ")
    assert (listed["paused_until"], listed["banned_until"]) == ("2026-11-18T11:08:40Z", None)
    remember(rig, report=failed, banned_until=now + 3600)
    assert admin(rig).get("/sources").json()[0]["status"] == "banned"


def without_audit(rows: list[Any]) -> list[Any]:
    return [row for row in rows if not row["pk"]["S"].startswith(("AUDIT#", "CHAINS"))]


def test_a_preview_shows_items_changes_and_scanners_and_writes_nothing(rig: SourceRig) -> None:
    rig.register()
    rig.relay({"ae_title": "PRISMA1"})
    before = rig.tables()
    with log_lines() as lines:
        answer = admin(rig).post("/sources/classic/preview")
    assert answer.status == 200, answer.text
    found = answer.json()
    assert {each["change"] for each in found["items"]} == {"new"}
    assert found["scanners"][0]["ae_title"] == "PRISMA1"
    names = {each["item"]["patient_name"] for each in found["items"]}
    assert not [name for name in names if name in str(lines)]
    # The admin's account, made by the call above, is no doing of the preview's; that it was read is noted.
    assert without_audit(rig.tables()[0]) == without_audit(before[0])
    assert admin(rig).post("/sources/classic/preview", json={"record": "000001"}).json()["records"] == 1
    assert admin(rig).post("/sources/classic/preview", json={"limit": 2}).json()["cut"]


def test_an_answer_larger_than_lambda_takes_is_not_given(
    rig: SourceRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.register()
    monkeypatch.setattr("lambdas.api.routes.sources.MOST_BYTES", 1000)
    refused = admin(rig).post("/sources/classic/preview")
    assert refused.status == 422
    assert refused.json()["where"] == "limit"


def test_a_draft_is_previewed_without_being_stored(rig: SourceRig) -> None:
    draft = rig.data(site="elsewhere")
    found = admin(rig).post("/sources/classic/preview", json={"definition": draft}).json()
    assert {each["item"]["site"] for each in found["items"]} == {"elsewhere"}
    assert admin(rig).get("/sources").json() == []
    wrong = admin(rig).post("/sources/classic/preview", json={"definition": rig.data(id="other")})
    assert wrong.status == 422


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 100_000}, {"record": ""}, {"what": 1}])
def test_a_preview_asked_for_wrongly_is_refused(rig: SourceRig, body: dict[str, Any]) -> None:
    rig.register()
    assert admin(rig).post("/sources/classic/preview", json=body).status == 422


def test_a_preview_leaves_a_redcap_alone_that_has_banned_us(rig: SourceRig) -> None:
    rig.register()
    remember(rig, banned_until=rig.api.clock() + 60)
    rig.simulator.requests.clear()
    assert admin(rig).post("/sources/classic/preview").status == 503
    assert rig.simulator.requests.count == 0


def test_a_sync_is_asked_for(rig: SourceRig) -> None:
    rig.register()
    assert admin(rig).post("/sources/classic/sync").status == 202
    assert admin(rig).post("/sources/classic/sync", json={"record": "000001"}).status == 202
    confirmed = {"confirm_withdrawals": True}
    assert admin(rig).post("/sources/classic/sync", json=confirmed).status == 202
    first, second, third = rig.api.cloud.received(rig.api.cloud.sync_queue_url)
    assert first == {"source_id": "classic"}
    assert second == {"source_id": "classic", "record": "000001"}
    assert third.keys() == {"source_id", "confirm_withdrawals"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/preview"), ("POST", "/sync")],
)
def test_an_unknown_source_is_not_found(rig: SourceRig, method: str, path: str) -> None:
    assert admin(rig).request(method, f"/sources/nothing{path}").status == 404


def test_a_source_with_open_items_is_only_deleted_with_them(rig: SourceRig) -> None:
    rig.register()
    items = load(rig)
    refused = admin(rig).delete("/sources/classic")
    assert refused.status == 422
    assert str(len(items)) in refused.json()["detail"]
    assert admin(rig).get("/sources/classic").status == 200
    [scanned] = rig_items(items[:1])
    rig.api.services.steps.record_event(an_event(scanned), site=SITE, relay_id="r1")
    assert admin(rig).delete("/sources/classic?withdraw=true").status == 204
    assert admin(rig).get("/sources").json() == []
    left = rig.api.services.worklist.items_of_source("classic", SITE)
    assert [ref.item_id for ref in left] == [scanned.id]


def test_a_source_is_not_deleted_under_a_running_sync(rig: SourceRig) -> None:
    rig.register()
    assert rig.api.services.sources.acquire("classic", "a-sync", now=rig.api.clock(), seconds=60)
    assert admin(rig).delete("/sources/classic").status == 409
    rig.api.services.sources.release("classic", "a-sync")
    assert admin(rig).delete("/sources/classic").status == 204


def test_changes_leave_who_made_them_in_the_log_and_no_secret(rig: SourceRig) -> None:
    with log_lines() as lines:
        admin(rig).put("/sources/classic", json=rig.data())
        admin(rig).delete("/sources/classic")
    said = [line["text"] for line in lines if line.get("by") == "admin-person"]
    assert said == ["source stored", "source deleted"]
    assert rig.project.token() not in json.dumps(lines, default=str)
