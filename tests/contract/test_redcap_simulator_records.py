"""Records out of and into the simulator, through PyCap as it is."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from redcap.project import Project as PyCapProject

from infra.redcap_simulator import Project, RedcapSimulator, SimClock, classic, longitudinal, single
from infra.redcap_simulator.people import scenarios
from tests.rigs.patience import PATIENCE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLASSIC, LONGITUDINAL, SINGLE = 0, 1, 2


@pytest.fixture
def simulator() -> Iterator[RedcapSimulator]:
    clock = SimClock(lambda: NOON)
    projects = [classic(), longitudinal(), single()]
    with RedcapSimulator(projects, clock=clock, server_timezone="America/Toronto") as running:
        yield running


def pycap(simulator: RedcapSimulator, number: int, user: str = "relay") -> Any:
    return PyCapProject(simulator.url, simulator.projects[number].token(user), timeout=PATIENCE)


def post(
    simulator: RedcapSimulator, number: int = CLASSIC, user: str = "relay", **form: str
) -> requests.Response:
    token = simulator.projects[number].token(user)
    data = {"token": token, "format": "json", "content": "record", **form}
    return requests.post(simulator.url, data=data, timeout=PATIENCE)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("number", [CLASSIC, LONGITUDINAL, SINGLE])
@pytest.mark.parametrize("shape", ["json", "csv"])
def test_a_flat_export_can_be_imported_into_an_empty_project(
    simulator: RedcapSimulator, number: int, shape: str
) -> None:
    project = pycap(simulator, number)
    exported = project.export_records(format_type=shape, export_data_access_groups=True)
    simulator.form_filler.erase_all(simulator.projects[number])
    assert project.export_records() == []
    project.import_records(exported, import_format=shape)
    assert project.export_records(format_type=shape, export_data_access_groups=True) == exported


@pytest.mark.parametrize("number", [CLASSIC, LONGITUDINAL, SINGLE])
def test_an_eav_export_can_be_imported_into_an_empty_project(simulator: RedcapSimulator, number: int) -> None:
    project = pycap(simulator, number)
    exported, flat = project.export_records(record_type="eav"), project.export_records()
    simulator.form_filler.erase_all(simulator.projects[number])
    answer = post(simulator, number, type="eav", data=json.dumps(exported))
    assert answer.json() == {"count": 10}
    assert project.export_records() == flat


def test_the_record_id_keeps_its_leading_zeros_and_brings_the_pseudo_columns(
    simulator: RedcapSimulator,
) -> None:
    rows = post(simulator, fields="study_id,mri_date", records="000002").json()
    assert rows[0] == {
        "study_id": "000002",
        "redcap_repeat_instrument": "",
        "redcap_repeat_instance": "",
        "mri_date": "",
    }
    assert rows[1]["redcap_repeat_instrument"] == "mri"
    assert rows[1]["redcap_repeat_instance"] == 1


def test_without_the_record_id_there_are_no_pseudo_columns(simulator: RedcapSimulator) -> None:
    rows = post(simulator, fields="mri_date,mri_time").json()
    assert {tuple(row) for row in rows} == {("mri_date", "mri_time")}


def test_a_repeating_event_has_an_empty_instrument_and_an_instance(simulator: RedcapSimulator) -> None:
    rows = post(simulator, LONGITUDINAL, events="mri_arm_1", exportDataAccessGroups="True").json()
    assert {row["redcap_repeat_instrument"] for row in rows} == {""}
    assert all(row["redcap_repeat_instance"] >= 1 for row in rows)
    assert {row["redcap_data_access_group"] for row in rows} <= {"montreal", "quebec", "osaka"}


def test_the_same_seed_makes_the_same_people(simulator: RedcapSimulator) -> None:
    def first(project: Project) -> object:
        return project.records.get("000001")

    assert first(classic(10, seed=7)) == first(classic(1000, seed=7)) != first(classic(10, seed=8))


def test_missing_data_codes_stand_in_dates_and_are_listed(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, CLASSIC)
    assert "-99, Not collected" in project.export_project_info()["missing_data_codes"]
    assert {"-99", "UNK"} & {row["mri_date"] for row in project.export_records(fields=["mri_date"])}


def test_limited_rights_drop_identifiers_without_a_word(simulator: RedcapSimulator) -> None:
    rows = pycap(simulator, CLASSIC, "limited").export_records(fields=["first_name", "youth_dob", "demo_sex"])
    assert set(rows[0]) & {"first_name", "youth_dob", "demo_sex"} == {"demo_sex"}


def test_a_token_of_one_group_sees_that_group_only(simulator: RedcapSimulator) -> None:
    mine = pycap(simulator, LONGITUDINAL, "montreal").export_records(fields=["record_id"])
    assert {row["record_id"] for row in mine} == {"S-0001", "S-0004", "S-0007", "S-0010"}


def test_date_ranges_are_told_in_the_servers_zone(simulator: RedcapSimulator) -> None:
    simulator.save_form(11, "000003", "mri", {"mri_time": "10:00"}, instance=1)
    project = pycap(simulator, CLASSIC)

    def changed(begin: datetime) -> set[str]:
        return {row["study_id"] for row in project.export_records(date_begin=begin, fields=["study_id"])}

    # Noon UTC is seven in the morning in Toronto.
    assert changed(datetime(2026, 3, 1, 7, 0)) == {"000003"}
    assert changed(datetime(2026, 3, 1, 12, 0)) == set()


def test_in_the_hour_that_comes_twice_date_ranges_go_by_the_wall_clock(simulator: RedcapSimulator) -> None:
    # Toronto, 1 November 2026: 01:50 summer time is 05:50 UTC, and twenty minutes later it is 01:10.
    simulator.clock.set(datetime(2026, 11, 1, 6, 10, tzinfo=UTC))
    simulator.save_form(11, "000003", "mri", {"mri_time": "10:00"}, instance=1)
    project = pycap(simulator, CLASSIC)
    assert project.export_records(date_begin=datetime(2026, 11, 1, 1, 50), fields=["study_id"]) == []
    changed = project.export_records(date_begin=datetime(2026, 11, 1, 1, 5), fields=["study_id"])
    assert [row["study_id"] for row in changed] == ["000003"]


def test_trap_6_pycap_drops_the_zone_of_a_date(simulator: RedcapSimulator) -> None:
    simulator.save_form(11, "000003", "mri", {"mri_time": "10:00"}, instance=1)
    begin = NOON - timedelta(minutes=5)
    # An aware 11:55 UTC is sent as 11:55, which the server takes for Toronto's: the change is missed.
    assert pycap(simulator, CLASSIC).export_records(date_begin=begin) == []
    local = begin.astimezone(ZoneInfo("America/Toronto"))
    assert pycap(simulator, CLASSIC).export_records(date_begin=local)


def test_renamed_and_deleted_records_never_show_up_in_a_date_range(simulator: RedcapSimulator) -> None:
    scenarios.renamed(simulator.form_filler, simulator.projects[CLASSIC], "000001", "A-1")
    scenarios.deleted(simulator.form_filler, simulator.projects[CLASSIC], "000002")
    project = pycap(simulator, CLASSIC)
    assert project.export_records(date_begin=datetime(2025, 1, 1)) == []
    ids = {row["study_id"] for row in project.export_records(fields=["study_id"])}
    assert "A-1" in ids
    assert not ids & {"000001", "000002"}


@pytest.mark.parametrize("number", [CLASSIC, LONGITUDINAL, SINGLE])
def test_a_scan_is_rescheduled_and_then_cancelled_by_clearing_its_date(
    simulator: RedcapSimulator, number: int
) -> None:
    project, state = pycap(simulator, number), simulator.projects[number]
    record = state.records.ids()[0]
    after = scenarios.rescheduled(simulator.form_filler, state, record, days=3)
    assert after in {row["mri_date"] for row in project.export_records(records=[record], fields=["mri_date"])}
    scenarios.cancelled(simulator.form_filler, state, record)
    assert after not in {
        row["mri_date"] for row in project.export_records(records=[record], fields=["mri_date"])
    }


def test_a_record_moves_between_groups(simulator: RedcapSimulator) -> None:
    target = scenarios.moved(simulator.form_filler, simulator.projects[LONGITUDINAL], "S-0001")
    rows = pycap(simulator, LONGITUDINAL).export_records(records=["S-0001"], export_data_access_groups=True)
    assert {row["redcap_data_access_group"] for row in rows} == {target} == {"quebec"}


def test_filter_logic_selects_rows(simulator: RedcapSimulator) -> None:
    rows = pycap(simulator, SINGLE).export_records(filter_logic="[demo_sex] = '2' and [mri_wt_lbs] > 100")
    assert rows
    assert all(row["demo_sex"] == "2" and float(row["mri_wt_lbs"]) > 100 for row in rows)


def test_labels_take_the_place_of_codes_when_asked_for(simulator: RedcapSimulator) -> None:
    row = post(simulator, SINGLE, rawOrLabel="label", records="0001").json()[0]
    assert row["demo_sex"] in {"Male", "Female", "Other"}
    assert row["mri_safety___2"] == "Unchecked"
    assert row["visit_complete"] == "Incomplete"


def test_normal_imports_ignore_blanks_and_overwriting_ones_erase(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, SINGLE)

    def date() -> str:
        return str(project.export_records(records=["0001"], fields=["mri_date"])[0]["mri_date"])

    before = date()
    project.import_records([{"participant": "0001", "mri_date": ""}])
    assert date() == before
    project.import_records([{"participant": "0001", "mri_date": ""}], overwrite="overwrite")
    assert date() == ""


def test_an_import_counts_distinct_records_and_tells_their_ids(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, CLASSIC)
    repeat = {"redcap_repeat_instrument": "mri", "redcap_repeat_instance": "new", "mri_status": "COMPLETED"}
    rows = [{"study_id": name, **repeat} for name in ("000001", "000001", "000002")]
    assert project.import_records(rows) == {"count": 2}
    assert project.import_records(rows, return_content="ids") == ["000001", "000002"]
    assert post(simulator, data='[{"study_id":"000001"}]', returnContent="nothing").content == b""


def test_forced_numbers_are_told_with_the_originals(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, CLASSIC)
    rows = [{"study_id": "x", "family_id": "F1"}]
    told = project.import_records(rows, return_content="auto_ids", force_auto_number=True)
    assert told == ["11,x"]
    assert project.export_records(records=["11"], fields=["family_id"])[0]["family_id"] == "F1"


def test_one_bad_value_stops_the_whole_import_and_is_told_as_csv(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, SINGLE)
    before = project.export_records()
    rows = [
        {"participant": "0001", "family_id": "F1"},
        {"participant": "0002", "demo_sex": "9", "mri_date": "tomorrow"},
    ]
    status, message = refusal(post(simulator, SINGLE, data=json.dumps(rows)))
    assert status == 400
    assert message.splitlines() == [
        '"0002","demo_sex","9","The value is not a valid category for demo_sex"',
        '"0002","mri_date","tomorrow","The value you provided could not be validated because it does not '
        'follow the expected format. Please try again."',
    ]
    assert project.export_records() == before


def test_calculated_fields_are_read_only_and_follow_their_source(simulator: RedcapSimulator) -> None:
    status, message = refusal(post(simulator, SINGLE, data='[{"participant":"0001","mri_wt_kg":"1"}]'))
    assert status == 400
    assert "calculated" in message
    pycap(simulator, SINGLE).import_records([{"participant": "0001", "mri_wt_lbs": "100"}])
    assert post(simulator, SINGLE, records="0001").json()[0]["mri_wt_kg"] == "45.4"


def test_foreign_dates_are_stored_as_iso(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, SINGLE)
    project.import_records([{"participant": "0001", "mri_date": "31/12/2026"}], date_format="DMY")
    assert project.export_records(records=["0001"], fields=["mri_date"])[0]["mri_date"] == "2026-12-31"


@pytest.mark.parametrize(
    ("form", "status", "message"),
    [
        (
            {"fields[0]": "nope"},
            400,
            "The following values in the parameter \"fields\" are not valid: 'nope'",
        ),
        ({"forms": "nope"}, 400, "The following values in the parameter \"forms\" are not valid: 'nope'"),
        ({"content": "nope"}, 400, 'The value of the parameter "content" is not valid'),
        ({"content": "arm"}, 400, "You cannot export arms for classic projects"),
        ({"content": "event"}, 400, "You cannot export events for classic projects"),
        (
            {"content": "formEventMapping"},
            400,
            "You cannot export form/event mappings for classic projects",
        ),
        ({"token": "0" * 32}, 403, "You do not have permissions to use the API"),
        (
            {"data": '[{"study_id":"1","foo":"2"}]'},
            400,
            "The following fields were not found in the project as real data fields: foo",
        ),
        ({"data": "{"}, 400, "The data being imported is not formatted correctly."),
        ({"data": '[{"family_id":"1"}]'}, 400, "Every row needs a value for the record ID field 'study_id'."),
        ({"filterLogic": "(sum([a]))"}, 400, "The simulator does not support this filterLogic"),
        ({"dateRangeBegin": "soon"}, 400, 'The value of the parameter "dateRangeBegin"'),
        ({"format": "xml", "returnFormat": "json"}, 400, "The simulator does not support XML data"),
        ({"action": "delete", "records": "000001,nope"}, 400, "One or more of the records provided"),
        ({"action": "rename", "record": "nope", "new_record_name": "x"}, 400, "The record 'nope' does not"),
    ],
)
def test_wrong_requests_are_refused_in_words(
    simulator: RedcapSimulator, form: dict[str, Any], status: int, message: str
) -> None:
    told = refusal(post(simulator, **form))
    assert told[0] == status
    assert told[1].startswith(message)


@pytest.mark.parametrize(
    ("user", "form"),
    [
        ("reader", {"data": '[{"study_id":"1"}]'}),
        ("reader", {"action": "delete", "records": "000001"}),
        ("reader", {"action": "rename", "record": "000001", "new_record_name": "x"}),
        ("reader", {"content": "log"}),
        ("blind", {}),
    ],
)
def test_a_token_without_the_right_gets_a_403(
    simulator: RedcapSimulator, user: str, form: dict[str, Any]
) -> None:
    status, message = refusal(post(simulator, user=user, **form))
    assert status == 403
    assert "may not" in message


def test_an_error_comes_in_the_format_asked_for(simulator: RedcapSimulator) -> None:
    def told(**form: str) -> str:
        return requests.post(
            simulator.url, data={"token": "x", "content": "version", **form}, timeout=PATIENCE
        ).text

    assert told() == (
        '<?xml version="1.0" encoding="UTF-8" ?>'
        "<hash><error>You do not have permissions to use the API</error></hash>"
    )
    assert told(format="csv") == "ERROR: You do not have permissions to use the API"
    assert told(returnFormat="json") == '{"error": "You do not have permissions to use the API"}'


def test_longitudinal_imports_check_events_and_their_forms(simulator: RedcapSimulator) -> None:
    def told(row: str) -> tuple[int, str]:
        return refusal(post(simulator, LONGITUDINAL, data=f'[{{"record_id":"S-0001",{row}}}]'))

    wrong = told('"redcap_event_name":"nope"')
    assert wrong == (400, "The following values of redcap_event_name are invalid: nope")
    assert "not designated for the event" in told('"redcap_event_name":"mri_arm_1","family_id":"F"')[1]
    assert "redcap_repeat_instance" in told('"redcap_event_name":"mri_arm_1","redcap_repeat_instance":"x"')[1]


def test_records_are_deleted_and_renamed_by_the_api(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, CLASSIC)
    assert project.delete_records(["000001", "000002"]) == 2
    assert post(simulator, action="rename", record="000003", new_record_name="R3").text == "1"
    ids = [row["study_id"] for row in project.export_records(fields=["study_id"])]
    assert ids[0] == "R3"
    assert len(ids) == 8


def test_one_repeat_of_an_instrument_can_be_deleted(simulator: RedcapSimulator) -> None:
    simulator.save_form(11, "000001", "mri", {"mri_date": "2027-01-01"}, instance=9)
    pycap(simulator, CLASSIC).delete_records(["000001"], instrument="mri", repeat_instance=9)
    rows = pycap(simulator, CLASSIC).export_records(records=["000001"])
    assert {row["redcap_repeat_instance"] for row in rows} & {"", 1, 9} == {"", 1}


def test_the_projects_shape_is_told_by_its_endpoints(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, LONGITUDINAL)
    assert str(project.export_version()) == "15.5.0"
    assert project.export_project_info()["is_longitudinal"] == 1
    assert [arm["name"] for arm in project.export_arms()] == ["Controls", "Patients"]
    assert {event["unique_event_name"] for event in project.export_events(arms=["2"])} == {
        "enrolment_arm_2",
        "mri_arm_2",
    }
    assert {"arm_num": 1, "unique_event_name": "mri_arm_1", "form": "mri"} in (
        project.export_instrument_event_mappings()
    )
    assert project.export_repeating_instruments_events()[0] == {
        "event_name": "mri_arm_1",
        "form_name": "",
        "custom_form_label": "",
    }
    assert [group["unique_group_name"] for group in project.export_dags()] == ["montreal", "quebec", "osaka"]
    assert project.export_instruments()[1] == {"instrument_name": "mri", "instrument_label": "MRI visit"}
    names = project.export_field_names(field="mri_safety")
    assert [name["export_field_name"] for name in names] == [
        "mri_safety___1",
        "mri_safety___2",
        "mri_safety____99",
    ]
    assert project.def_field == "record_id"


def test_the_log_is_newest_first_in_minutes_of_the_servers_zone(simulator: RedcapSimulator) -> None:
    simulator.save_form(11, "000001", "demographics", {"family_id": "F1"})
    simulator.clock.advance(90)
    pycap(simulator, CLASSIC).delete_records(["000002"])
    log = pycap(simulator, CLASSIC).export_logging(log_type="record")
    assert [entry["record"] for entry in log] == ["000002", "000001"]
    assert [entry["timestamp"] for entry in log] == ["2026-03-01 07:01", "2026-03-01 07:00"]


def test_the_date_header_follows_the_simulators_clock(simulator: RedcapSimulator) -> None:
    assert post(simulator, content="version").headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.slow
def test_hundred_thousand_records_answer_for_a_few_at_once() -> None:
    with RedcapSimulator([classic(100_000)]) as large:
        project = pycap(large, CLASSIC)
        rows = project.export_records(records=["099999"], fields=["last_name"])
        assert rows[0]["study_id"] == "099999"
        assert len(project.export_records(fields=["study_id"])) == 100_000
        assert project.export_records(date_begin=datetime(2025, 1, 1)) == []
