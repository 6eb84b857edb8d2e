"""When REDCap cannot be told: whose turn it is, what is tried again, what is parked, how it comes back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.redcap_simulator.people import scenarios
from lambdas import write_back
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.write_backs.step import PATIENCE
from lambdas.write_backs.turns import TURN_TRIES
from shared.errors import NotFound
from tests.rigs.builders import an_event
from tests.rigs.redcap import Rig, Stack
from tests.rigs.write_back import (
    UID,
    ended,
    imports,
    in_redcap,
    record,
    started,
    synced,
    whole,
)


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """Return a rig with a step begun that REDCap has not been told of."""
    fresh = synced(stack)
    started(fresh, fresh.items()["000001", 1])
    fresh.simulator.requests.clear()
    return fresh


def changed(rig: Rig, **changes: Any) -> None:
    """Apply the definition with top-level keys changed."""
    rig.sources.put(definition_from(whole(**{"url": rig.simulator.url, **changes})))


def given_up(rig: Rig) -> None:
    """Run the write-back as often as it takes to be parked."""
    for _ in range(PATIENCE + 1):
        rig.write_back(UID)


def attempts(rig: Rig) -> int:
    pending = rig.steps.pending(UID)
    assert pending is not None
    return pending.attempts


def test_what_redcap_refuses_is_parked_at_once_with_source_item_and_reason(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    changed(rig, write_back={"status": "mri_wt_kg"})  # calculated: nobody may write it
    rig.write_back(UID)
    assert rig.steps.pending(UID) is None
    assert rig.steps.due_write_backs(10) == []
    (parked,) = rig.steps.parked_write_backs()
    assert (parked.sop_instance_uid, parked.site, parked.sources()) == (UID, "main", ("classic",))
    assert [item.id for item in parked.items] == [rig.items()["000001", 1].id]
    assert "mri_wt_kg" in parked.reason
    assert parked.attempts == 1
    assert parked.parked_at.tzinfo is not None
    logged = [vars(entry) for entry in caplog.records if entry.message == "write-back"]
    assert [(entry["outcome"], entry["levelname"]) for entry in logged] == [("parked", "WARNING")]


def test_a_value_redcap_refuses_is_not_in_the_reason(rig: Rig) -> None:
    changed(rig, write_back={"status": "mri_status", "station": "mri_duration"})  # an integer
    rig.write_back(UID)
    (parked,) = rig.steps.parked_write_backs()
    assert "mri_duration" in parked.reason
    assert not {"MR1", "000001", "IN_PROGRESS"} & set(parked.reason.replace(":", " ").split())
    assert in_redcap(rig) == {"mri_status": "IN_PROGRESS"}


def test_a_parked_one_comes_back_when_a_person_asks_for_it(rig: Rig) -> None:
    changed(rig, write_back={"status": "mri_wt_kg"})
    rig.write_back(UID)
    changed(rig)
    rig.write_back(UID)
    assert in_redcap(rig) == {}
    rig.steps.retry_write_back(UID)
    assert rig.steps.parked_write_backs() == []
    assert rig.tick()[1] == [UID]
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"
    assert (rig.steps.pending(UID), rig.steps.parked_write_backs()) == (None, [])


def test_a_parked_one_comes_back_with_its_next_event(rig: Rig) -> None:
    changed(rig, write_back={"status": "mri_wt_kg"})
    rig.write_back(UID)
    changed(rig)
    ended(rig)
    assert rig.steps.parked_write_backs() == []
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "COMPLETED"


def test_only_a_step_with_an_item_can_be_tried_again(rig: Rig) -> None:
    record(rig, an_event(None, "2.25.99"))
    for uid in ("2.25.98", "2.25.99"):
        with pytest.raises(NotFound):
            rig.steps.retry_write_back(uid)
    assert rig.steps.find("2.25.98") is None


def test_trying_again_what_was_told_writes_nothing(rig: Rig) -> None:
    rig.write_back(UID)
    rig.steps.retry_write_back(UID)
    rig.write_back(UID)
    assert imports(rig) == 1
    assert rig.steps.pending(UID) is None


def test_a_token_without_the_right_to_import_is_given_time_and_then_parked(rig: Rig) -> None:
    rig.register(definition_from(whole(url=rig.simulator.url, token_secret="reader")), "reader")
    rig.write_back(UID)
    assert attempts(rig) == 1
    given_up(rig)
    (parked,) = rig.steps.parked_write_backs()
    assert "403" in parked.reason
    assert in_redcap(rig) == {}


def test_a_row_that_is_gone_is_given_time_and_then_parked_and_never_made_anew(rig: Rig) -> None:
    scenarios.deleted(rig.simulator.form_filler, rig.project, "000001")
    given_up(rig)
    (parked,) = rig.steps.parked_write_backs()
    assert "not in REDCap" in parked.reason
    assert imports(rig) == 0
    assert rig.project.records.get("000001") is None


def test_a_value_redcap_takes_and_does_not_keep_is_never_called_done(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RedcapProject, "import_status", lambda self, rows: None)
    rig.write_back(UID)
    assert attempts(rig) == 1
    given_up(rig)
    (parked,) = rig.steps.parked_write_backs()
    assert "does not return them for mri_start, mri_station, mri_status" in parked.reason


def test_a_row_that_cannot_be_told_keeps_no_other_from_being_told(rig: Rig) -> None:
    one, two = rig.items()["000001", 1], rig.items()["000002", 1]
    event = an_event(one, "2.25.78")
    event.dataset["00400270"]["Value"] += an_event(two).dataset["00400270"]["Value"]
    record(rig, event)
    scenarios.deleted(rig.simulator.form_filler, rig.project, "000001")
    rig.write_back("2.25.78")
    assert in_redcap(rig, "000002")["mri_status"] == "IN_PROGRESS"
    assert rig.steps.pending("2.25.78") is not None


def test_a_step_of_two_sources_is_told_to_the_one_that_can_be_told_and_later_to_the_other(rig: Rig) -> None:
    changed(rig, id="other", write_back={"status": "mri_station"})
    rig.sync("other")
    page = rig.worklist.changes_after(rig.site, None, 500)
    one, two = (row.item for row in page.items if row.item.source_record == "000001")
    assert {one.source, two.source} == {"classic", "other"}
    event = an_event(one, "2.25.78")
    event.dataset["00400270"]["Value"] += an_event(two).dataset["00400270"]["Value"]
    record(rig, event)
    assert rig.sources.acquire("classic", "sync", now=time.time(), seconds=100)
    rig.write_back("2.25.78")
    assert in_redcap(rig) == {"mri_station": "IN_PROGRESS"}
    pending = rig.steps.pending("2.25.78")
    assert pending is not None
    assert pending.attempts == 0
    rig.sources.release("classic", "sync")
    changed(rig, write_back={"status": "mri_status"})
    rig.write_back("2.25.78")
    assert in_redcap(rig) == {"mri_station": "IN_PROGRESS", "mri_status": "IN_PROGRESS"}
    assert rig.steps.pending("2.25.78") is None


def test_while_a_sync_is_at_the_project_nothing_is_asked_and_no_try_is_counted(rig: Rig) -> None:
    assert rig.sources.acquire("classic", "sync", now=time.time(), seconds=100)
    rig.write_back(UID)
    assert rig.simulator.requests.count == 0
    assert attempts(rig) == 0
    rig.sources.release("classic", "sync")
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


def test_it_waits_its_turn_for_a_moment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == TURN_TRIES - 1:
            rig.sources.release("classic", "sync")

    monkeypatch.setattr("time.sleep", wait)
    monkeypatch.setattr(write_back, "_wired", write_back._wired.__wrapped__)  # not with the old sleep
    assert rig.sources.acquire("classic", "sync", now=time.time(), seconds=100)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


def test_its_turn_is_none_of_the_schedules_business_and_over_when_it_is_done(rig: Rig) -> None:
    before = rig.state().last_run_at
    rig.write_back(UID)
    assert rig.state().last_run_at == before
    assert rig.sources.find("classic").leased_until == 0
    assert rig.sync().outcome == "ok"


def test_a_turn_lost_while_reading_writes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    read = RedcapProject.rows_of

    def robbed(self: RedcapProject, record_id: str, fields: Any) -> Any:
        rows = read(self, record_id, fields)
        later = time.time() + 100
        rig.set_run(lease="sync", lease_until=later)
        return rows

    monkeypatch.setattr(RedcapProject, "rows_of", robbed)
    rig.write_back(UID)
    assert imports(rig) == 0
    assert rig.sources.find("classic").leased_until > time.time()  # the other's turn goes on
    assert attempts(rig) == 1


def test_a_ban_holds_for_the_write_back_and_the_sync(rig: Rig) -> None:
    rig.simulator.add_fault("banned")
    rig.write_back(UID)
    asked = rig.simulator.requests.count
    rig.write_back(UID)
    assert rig.simulator.requests.count == asked
    assert rig.state().banned_until > time.time() + 3000
    assert rig.state().watermark is not None  # and nothing else of what the sync remembers is lost
    assert attempts(rig) == 1


def test_outside_the_operating_window_and_while_disabled_nothing_is_asked(rig: Rig) -> None:
    opens = datetime.now(UTC) + timedelta(hours=6)
    window = {"opens": opens.time(), "closes": (opens + timedelta(hours=1)).time()}
    for change in ({"operating_window": window, "time_zone": "UTC"}, {"enabled": False}):
        changed(rig, **change)
        rig.write_back(UID)
    assert rig.simulator.requests.count == 0
    assert attempts(rig) == 0
    changed(rig)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "IN_PROGRESS"


def test_a_source_that_was_deleted_is_named_in_the_reason(rig: Rig) -> None:
    rig.sources.delete("classic")
    rig.write_back(UID)
    (parked,) = rig.steps.parked_write_backs()
    assert parked.reason == "source classic: there is no such source"
