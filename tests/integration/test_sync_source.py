"""REDCap's rows become the worklist: through the real handlers, with the events AWS sends."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from moto.core.botocore_stubber import BotocoreStubber

from infra.redcap_simulator import Quirks, classic, longitudinal, single
from infra.redcap_simulator.people import scenarios
from lambdas import sync_redcap
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.store.runs.claims import shard_of
from lambdas.store.servers.request_rates import server_of
from shared.errors import Unavailable
from shared.worklist_item import Status
from tests.rigs.builders import an_event
from tests.rigs.cloud import create_tables
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return stack.fresh(classic(5), classic_data(deletions_seconds=0))


def test_the_schedule_queues_a_source_that_was_never_synced(rig: Rig) -> None:
    assert rig.tick() == (["classic"], [])


def test_a_source_synced_a_moment_ago_is_not_due(rig: Rig) -> None:
    rig.sync()
    assert rig.tick() == ([], [])


def test_the_first_sync_brings_every_scan_with_a_date(rig: Rig) -> None:
    report = rig.sync()
    items = rig.items()
    assert (report.outcome, report.full, report.written) == ("ok", True, len(items))
    dated = {
        (record, key.instance)
        for record in rig.project.records.ids()
        for key, row in rig.project.records.get(record).rows.items()  # type: ignore[union-attr]
        if row.get("mri_date", "-99") not in {"-99", "UNK", "NASK"}
    }
    assert items.keys() == dated
    assert all(item.performed_procedure_step_status is Status.SCHEDULED for item in items.values())


def test_demographics_come_from_the_base_row(rig: Rig) -> None:
    rig.simulator.save_form(
        11,
        "007",
        "demographics",
        {"first_name": "Zoë", "last_name": "O'Núñez", "demo_sex": "2", "youth_dob": "2014-02-28"},
    )
    rig.simulator.save_form(11, "007", "mri", {"mri_date": "2026-11-23", "mri_wt_lbs": "100"}, instance=1)
    rig.sync()
    item = rig.items()["007", 1]
    assert item.patient_id == "sub_007_ses_1"
    assert item.patient_name == "O'Núñez^Zoë"
    assert (item.patient_sex, item.patient_birth_date) == ("F", "20140228")
    assert item.patient_weight_kg == "45.359"
    assert (item.scheduled_start_date, item.scheduled_start_time) == ("20261123", "000000")


def test_a_sync_without_news_writes_no_item_and_asks_twice(rig: Rig) -> None:
    rig.sync()
    rig.sync()  # which also reads REDCap's clock, as once an hour
    head = rig.worklist.head("main")
    rig.simulator.requests.clear()
    rig.simulator.clock.advance(3600)
    report = rig.sync()
    assert (report.written, report.withdrawn, report.full) == (0, 0, False)
    assert rig.worklist.head("main") == head
    assert rig.simulator.requests.contents() == ["record", "record"]


def test_a_tick_without_change_does_not_read_the_partition(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.sync()
    rig.sync()

    def scan(*_: object) -> Any:
        raise AssertionError("items_of_source was called")

    monkeypatch.setattr("lambdas.store.worklist.WorklistStore.items_of_source", scan)
    assert rig.sync().outcome == "ok"


@pytest.mark.parametrize("checks_ids", [True, False])
def test_a_tick_without_change_costs_two_requests_and_no_call_that_grows_with_the_source(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, checks_ids: bool
) -> None:
    rig = stack.fresh(classic(40), classic_data(deletions_seconds=0 if checks_ids else 300))
    rig.sync()
    rig.sync()
    rig.cloud.tables.rate("RATES", server_of(rig.simulator.url)).delete()  # as after a minute's peace
    calls: list[tuple[str, str]] = []
    process = BotocoreStubber.process_request

    def noted(self: BotocoreStubber, request: Any) -> Any:
        body = json.loads(request.body)
        calls.append((request.headers["X-Amz-Target"].decode().partition(".")[2], body["Key"]["pk"]["S"]))
        return process(self, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", noted)
    rig.simulator.requests.clear()
    sync_redcap.handler(sqs_event({"source_id": "classic"}), Context())
    monkeypatch.undo()
    assert rig.simulator.requests.count == (2 if checks_ids else 1)
    run = f"RUNS#{shard_of('classic')}"
    assert sorted(calls) == [
        ("GetItem", "SOURCES"),
        ("UpdateItem", "RATES"),  # one turn for both requests
        ("UpdateItem", run),  # the lease is taken
        ("UpdateItem", run),  # and given back with what is remembered
    ]


def test_a_table_lost_and_synced_again_holds_the_same_identifiers(rig: Rig) -> None:
    rig.sync()
    before = rig.items()
    definition = rig.sources.get("classic")
    rig.cloud.dynamodb.delete_table(TableName="WorklistTable")
    create_tables(rig.cloud.dynamodb, "WorklistTable")
    rig.sources.put(definition)
    rig.sync()
    assert rig.items() == before


def test_a_rescheduled_scan_keeps_its_identity(rig: Rig) -> None:
    rig.sync()
    before = rig.items()["000001", 1]
    day = scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000001")
    report = rig.sync()
    after = rig.items()["000001", 1]
    assert report.written == 1
    assert after == before.model_copy(update={"scheduled_start_date": day.replace("-", "")})


def test_a_scan_called_off_by_clearing_its_date_is_withdrawn(rig: Rig) -> None:
    rig.sync()
    scenarios.cancelled(rig.simulator.form_filler, rig.project, "000002")
    assert rig.sync().withdrawn == 1
    assert ("000002", 1) not in rig.items()


def test_a_record_that_came_and_went_between_two_looks_at_the_ids_is_withdrawn(stack: Stack) -> None:
    rig = stack.fresh(classic(5), classic_data(deletions_seconds=300))
    rig.sync()
    rig.simulator.save_form(11, "N1", "demographics", {"last_name": "New"})
    rig.simulator.save_form(11, "N1", "mri", {"mri_date": "2026-12-01"}, instance=1)
    rig.sync()
    assert ("N1", 1) in rig.items()
    rig.simulator.form_filler.delete(rig.project, "N1")
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, deletions_seconds=0)))
    state = rig.state().model_copy(update={"definition": rig.sources.get("classic").digest()})
    rig.remember(state)  # as if the looks had been due by themselves
    assert rig.sync().withdrawn == 1
    assert ("N1", 1) not in rig.items()


@pytest.mark.parametrize("ending", ["failed", "killed"])
def test_a_form_put_back_after_a_sync_that_did_not_end_well_is_put_back_here(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    def save(day: str) -> None:
        rig.simulator.save_form(11, "000001", "mri", {"mri_date": day}, instance=1)

    class Killed(BaseException):
        pass

    def stop(*_: object) -> Any:
        raise Unavailable("no answer") if ending == "failed" else Killed

    save("2026-12-01")
    rig.sync()
    rig.sync()
    save("2026-12-24")
    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr("lambdas.sync.record_intake.RecordIntake.sweep", stop)
        rig.sync()
    assert rig.items()["000001", 1].scheduled_start_date == "20261224"
    if ending == "killed":
        rig.set_run(lease_until=1)
    save("2026-12-01")
    rig.sync()
    assert rig.items()["000001", 1].scheduled_start_date == "20261201"


def test_a_record_that_came_during_a_sync_that_was_killed_and_went_is_withdrawn(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def stop(*_: object) -> Any:
        raise Killed

    rig.sync()
    rig.simulator.save_form(11, "N1", "demographics", {"last_name": "New"})
    rig.simulator.save_form(11, "N1", "mri", {"mri_date": "2026-12-01"}, instance=1)
    with monkeypatch.context() as patched:
        patched.setattr("lambdas.sync.record_intake.RecordIntake.sweep", stop)
        with pytest.raises(Killed):
            rig.sync()
    assert ("N1", 1) in rig.items()
    rig.set_run(lease_until=1)
    rig.simulator.form_filler.delete(rig.project, "N1")
    rig.sync()
    assert ("N1", 1) not in rig.items()


def test_a_record_deleted_while_its_sync_runs_is_withdrawn(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.sync()
    rig.simulator.save_form(11, "N1", "demographics", {"last_name": "New"})
    rig.simulator.save_form(11, "N1", "mri", {"mri_date": "2026-12-01"}, instance=1)
    groups = RedcapProject.record_groups

    def deleted_before(self: RedcapProject) -> dict[str, str]:
        rig.simulator.form_filler.delete(rig.project, "N1")
        return groups(self)

    with monkeypatch.context() as patched:
        patched.setattr(RedcapProject, "record_groups", deleted_before)
        rig.sync()
    assert ("N1", 1) not in rig.items()


def test_a_record_deleted_as_the_source_changes_its_site_stops_nothing(rig: Rig) -> None:
    rig.sync()
    rig.simulator.form_filler.delete(rig.project, "000001")
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, site="north")))
    assert rig.sync().outcome == "ok"
    assert rig.items("main") == {}
    assert rig.items("north")


def test_an_id_given_to_another_record_shows_the_other_record(rig: Rig) -> None:
    rig.sync()
    other = rig.items()["000002", 1]
    rig.simulator.clock.advance(86400)
    rig.sync()
    rig.simulator.form_filler.delete(rig.project, "000001")
    rig.simulator.form_filler.rename(rig.project, "000002", "000001")
    rig.sync()
    assert rig.items()["000001", 1].patient_name == other.patient_name
    assert not [record for record, _ in rig.items() if record == "000002"]


def test_an_instance_deleted_is_withdrawn_and_its_neighbour_stays(rig: Rig) -> None:
    rig.simulator.save_form(11, "000002", "mri", {"mri_date": "2026-12-01"}, instance=7)
    rig.sync()
    assert ("000002", 7) in rig.items()
    rig.simulator.form_filler.erase_form(rig.project, "000002", "mri", instance=7)
    assert rig.sync().withdrawn == 1
    assert ("000002", 1) in rig.items()


def test_a_changed_record_does_not_lead_to_a_look_at_all_items(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = stack.fresh(classic(5), classic_data(deletions_seconds=300))
    rig.sync()

    def scan(*_: object) -> Any:
        raise AssertionError("the whole site was read")

    monkeypatch.setattr("lambdas.store.worklist.WorklistStore.items_of_source", scan)
    monkeypatch.setattr("lambdas.store.followed_items.FollowedItems.touched", scan)
    rig.simulator.save_form(11, "000001", "mri", {"mri_date": "2026-12-24"}, instance=1)
    assert rig.sync().written == 1


def test_a_deleted_instance_of_an_earlier_builds_table_is_withdrawn_too(stack: Stack) -> None:
    rig = stack.fresh(classic(5), classic_data(deletions_seconds=300))
    rig.simulator.save_form(11, "000002", "mri", {"mri_date": "2026-12-01"}, instance=7)
    rig.sync()
    model = rig.cloud.tables.item
    for row in list(model.query("SITE#main", model.sk.startswith("ITEM#"))):
        row.update(actions=[model.record_key.remove()])
    rig.cloud.tables.site.get("SITE#main", "APART#").delete()
    rig.simulator.form_filler.erase_form(rig.project, "000002", "mri", instance=7)
    assert rig.sync().withdrawn == 1


def test_a_deleted_record_is_withdrawn(rig: Rig) -> None:
    rig.sync()
    scenarios.deleted(rig.simulator.form_filler, rig.project, "000001")
    assert rig.sync().withdrawn >= 1
    assert not [record for record, _ in rig.items() if record == "000001"]


def test_a_renamed_record_moves_to_its_new_id_though_no_date_range_shows_it(rig: Rig) -> None:
    rig.sync()
    rig.simulator.clock.advance(86400)
    rig.sync()
    scenarios.renamed(rig.simulator.form_filler, rig.project, "000001", "A-1")
    rig.simulator.clock.advance(86400)
    rig.sync()
    records = {record for record, _ in rig.items()}
    assert "A-1" in records
    assert "000001" not in records


def test_half_a_list_of_ids_cancels_nothing(rig: Rig) -> None:
    rig.sync()
    before = rig.items()
    rig.simulator.add_fault("truncated", content="record", skip=1, keep=0.5)
    report = rig.sync()
    assert report.outcome == "failed"
    assert "not complete" in report.error
    assert rig.items() == before
    assert rig.sync().outcome == "ok"


@pytest.mark.parametrize(
    "kind",
    [
        "empty_500",
        "empty_200",
        "html_200",
        "html_503",
        "cut_json",
        "out_of_memory",
        "unknown_error",
        "revoked",
    ],
)
def test_nonsense_from_redcap_cancels_nothing_is_shown_and_passes(rig: Rig, kind: Any) -> None:
    rig.sync()
    before, watermark = rig.items(), rig.state().watermark
    rig.simulator.add_fault(kind, times=None)
    report = rig.sync()
    assert report.outcome == "failed"
    assert report.error
    assert rig.project.token() not in report.error
    assert rig.items() == before
    assert rig.state().watermark == watermark
    assert rig.tick() == ([], [])  # paused: a server in trouble is not asked at every tick
    rig.simulator.faults.clear()
    assert rig.sync().outcome == "ok"
    assert rig.state().failures == 0


def test_after_a_ban_nobody_asks_for_an_hour(rig: Rig) -> None:
    rig.simulator.add_fault("banned")
    assert "banned" in rig.sync().error
    asked = rig.simulator.requests.count
    rig.sync()
    assert rig.simulator.requests.count == asked


def test_when_the_ban_is_over_the_source_is_due_and_recovers_by_itself(rig: Rig) -> None:
    rig.sync()
    before = rig.items()
    rig.simulator.add_fault("banned")
    assert rig.sync().outcome == "failed"
    assert rig.tick() == ([], [])
    assert rig.items() == before
    state = rig.state()
    assert state.banned_until > state.paused_until
    over = {"banned_until": time.time() - 1, "paused_until": time.time() - 1}
    rig.cloud.tables.rate("RATES", rig.simulator.base_url).delete()
    rig.remember(state.model_copy(update={**over, "last_run_at": None}))
    rig.set_run(last_run_at=None)
    assert rig.tick() == (["classic"], [])
    assert rig.sync().outcome == "ok"
    assert (rig.state().failures, rig.state().banned_until) == (0, 0.0)


def test_a_project_that_shrinks_suddenly_asks_a_person_instead_of_cancelling_a_clinic(rig: Rig) -> None:
    for number in range(20):
        rig.simulator.save_form(11, f"B{number}", "mri", {"mri_date": "2026-12-01"}, instance=1)
        rig.simulator.save_form(11, f"B{number}", "demographics", {"last_name": "B"})
    rig.sync()
    before = rig.items()
    rig.simulator.form_filler.erase_all(rig.project)
    report = rig.sync()
    assert (report.outcome, report.withdrawn, report.withheld) == ("ok", 0, len(before))
    assert rig.items() == before


def test_a_bad_row_is_shown_and_the_rest_goes_on(rig: Rig) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_time": "9 am"}, instance=1)
    report = rig.sync()
    state = rig.state()
    assert report.outcome == "ok"
    assert [(row.record, row.instance, row.field) for row in state.rejected] == [("000001", 1, "mri_time")]
    assert "9 am" not in state.rejected[0].reason
    assert ("000002", 1) in rig.items()
    rig.simulator.save_form(11, "000001", "mri", {"mri_time": "9:30 AM"}, instance=1)
    rig.sync()
    assert rig.state().rejected == ()
    assert rig.items()["000001", 1].scheduled_start_time == "093000"


def test_a_reject_stays_shown_while_other_records_change(rig: Rig) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_time": "9 am"}, instance=1)
    rig.sync()
    rig.sync()
    scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000002")
    rig.sync()
    assert [row.record for row in rig.state().rejected] == ["000001"]
    assert rig.state().rejected_count == 1


def test_an_unknown_field_is_named_with_the_closest_ones(rig: Rig) -> None:
    data = classic_data(url=rig.simulator.url)
    data["fields"] = {**data["fields"], "patient_birth_date": "youth_bod"}
    data["joins"] = [{"fields": ["first_name", "last_name", "demo_sex"]}]
    rig.sources.put(definition_from(data))
    error = rig.sync().error
    assert "fields.patient_birth_date: the project has no field youth_bod" in error
    assert "youth_dob" in error


def test_a_token_without_the_right_to_a_field_is_found_out(rig: Rig) -> None:
    rig.register(definition_from(classic_data(url=rig.simulator.url, token_secret="limited")), "limited")
    report = rig.sync()
    assert report.outcome == "failed"
    assert "first_name" in report.error
    assert rig.items() == {}


def test_a_changed_definition_is_applied_to_every_record(rig: Rig) -> None:
    rig.sync()
    rig.sources.put(
        definition_from(classic_data(url=rig.simulator.url, missing_data_codes=["1"], deletions_seconds=0))
    )
    report = rig.sync()
    assert report.full
    assert all(item.patient_sex != "M" for item in rig.items().values())


def test_items_leave_the_old_site_with_the_definition(rig: Rig) -> None:
    rig.sync()
    before = rig.items()
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, site="north")))
    rig.sync()
    assert rig.items("main") == {}
    assert rig.items("north").keys() == before.keys()


def test_a_scan_a_scanner_reported_on_outlives_its_row(rig: Rig) -> None:
    rig.sync()
    item = rig.items()["000002", 1]
    rig.steps.record_event(an_event(item), site="main", relay_id="relay-1")
    scenarios.cancelled(rig.simulator.form_filler, rig.project, "000002")
    rig.sync()
    assert rig.items()["000002", 1].performed_procedure_step_status is Status.IN_PROGRESS


def test_a_sync_under_way_elsewhere_is_left_alone(rig: Rig) -> None:
    assert rig.sources.acquire("classic", "another", now=time.time(), seconds=60)
    event = sqs_event('{"source_id": "classic"}')
    assert sync_redcap.handler(event, Context()) == {"batchItemFailures": []}
    assert rig.simulator.requests.count == 0
    assert rig.tick() == ([], [])


def test_of_two_messages_the_bad_one_fails_alone(rig: Rig) -> None:
    event = sqs_event('{"source_id": "classic"}', "not json", '{"source_id": "no-such"}')
    failed = sync_redcap.handler(event, Context())["batchItemFailures"]
    assert [entry["itemIdentifier"] for entry in failed] == [
        record["messageId"] for record in event["Records"][1:]
    ]
    assert rig.items()


def test_no_log_line_names_a_participant(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_wt_lbs": "heavy"}, instance=1)
    rig.sync()
    rig.simulator.add_fault("revoked")
    rig.sync()
    logged = " ".join(str(vars(record)) for record in caplog.records if record.name != "uvicorn.error")
    assert "synced" in logged
    assert "retryable" in logged
    for secret in ("000001", "heavy", rig.project.token()):
        assert secret not in logged


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_changes_are_found_whatever_the_servers_zone(stack: Stack, zone: str) -> None:
    data = classic_data(server_time_zone=zone)
    rig = stack.fresh(classic(3), data, Quirks(zone=ZoneInfo(zone)))
    rig.sync()
    scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000001")
    assert rig.sync().written == 1


def test_a_server_whose_bounds_exclude_their_own_second_loses_nothing(
    stack: Stack,
) -> None:
    quirks = Quirks(date_range_includes_bounds=False)
    rig = stack.fresh(classic(3), classic_data(), quirks)
    rig.sync()
    scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000001")
    assert rig.sync().written == 1


def test_one_row_a_participant_needs_no_instrument_and_no_join(stack: Stack) -> None:
    data = classic_data(
        token_secret="single", record_id_field="participant", rows={"required": ["mri_date"]}, joins=[]
    )
    data["fields"] = {**data["fields"], "patient_id": "participant"}
    rig = stack.fresh(single(4), data)
    report = rig.sync()
    assert (report.outcome, report.error) == ("ok", "")
    assert rig.items()["0001", 1].patient_id == "0001"
    assert rig.sync().written == 0


def test_a_repeating_event_takes_its_demographics_from_the_enrolment_event(
    stack: Stack,
) -> None:
    joined = classic_data()["joins"][0]["fields"]
    data = classic_data(
        token_secret="longitudinal",
        record_id_field="record_id",
        rows={"events": ["mri_arm_1", "mri_arm_2"], "required": ["mri_date"]},
        joins=[{"fields": joined, "events": ["enrolment_arm_1", "enrolment_arm_2"]}],
    )
    data["fields"] = {**data["fields"], "patient_id": "{record_id}_{redcap_repeat_instance}"}
    rig = stack.fresh(longitudinal(4), data)
    report = rig.sync()
    assert (report.outcome, report.error) == ("ok", "")
    item = rig.items()["S-0001", 1]
    assert item.patient_id == "S-0001_1"
    assert item.source_event == "mri_arm_1"
    assert rig.sync().written == 0
