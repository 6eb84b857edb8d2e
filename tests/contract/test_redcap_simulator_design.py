"""PyCap changes a simulated design: arms, events, mappings, groups, users; as REDCap does, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from redcap.project import Project
from redcap.request import RedcapError

from infra.redcap_simulator import RedcapSimulator, classic, longitudinal
from tests.rigs.patience import PATIENCE

CLASSIC, LONGITUDINAL = 0, 1


@pytest.fixture
def simulator() -> Iterator[RedcapSimulator]:
    with RedcapSimulator([classic(3), longitudinal(4)]) as running:
        yield running


def pycap(simulator: RedcapSimulator, number: int = LONGITUDINAL, user: str = "relay") -> Project:
    return Project(simulator.url, simulator.projects[number].token(user))


def events(project: Project) -> list[str]:
    return [row["unique_event_name"] for row in project.export_events()]


def test_an_arm_is_shown_once_it_has_an_event(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    assert project.import_arms([{"arm_num": 3, "name": "Drug C"}]) == 1
    assert [arm["arm_num"] for arm in project.export_arms()] == [1, 2]
    assert project.import_events([{"event_name": "New Visit", "arm_num": "3"}]) == 1
    assert [arm["name"] for arm in project.export_arms()][-1] == "Drug C"
    assert events(project)[-1] == "new_visit_arm_3"


def test_an_arm_is_renamed_and_deleted_with_its_events(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    assert project.import_arms([{"arm_num": 1, "name": "Volunteers"}]) == 1
    assert project.export_arms()[0]["name"] == "Volunteers"
    assert project.delete_arms(["2"]) == 1
    assert events(project) == ["enrolment_arm_1", "mri_arm_1"]
    assert {row["record_id"] for row in project.export_records(fields=["record_id"])} == {"S-0001", "S-0003"}


def test_override_replaces_all_arms_and_restoring_brings_them_back(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    before, mapping = project.export_events(), project.export_instrument_event_mappings()
    arms = project.export_arms()
    assert project.import_arms(arms, override=1) == 2
    assert project.export_arms() == []
    assert project.import_events(before) == 4
    assert project.import_instrument_event_mappings(mapping) == len(mapping)
    assert (project.export_arms(), project.export_instrument_event_mappings()) == (arms, mapping)


def test_events_come_and_go(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    assert project.import_events([{"event_name": "Québec visit", "arm_num": "2"}]) == 1
    assert "quebec_visit_arm_2" in events(project)
    assert project.delete_events(["quebec_visit_arm_2"]) == 1
    assert len(events(project)) == 4


def test_mappings_are_replaced_as_a_whole(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    one = [{"arm_num": "1", "unique_event_name": "enrolment_arm_1", "form": "demographics"}]
    assert project.import_instrument_event_mappings(one) == 1
    shown = project.export_instrument_event_mappings()
    assert [(row["unique_event_name"], row["form"]) for row in shown] == [("enrolment_arm_1", "demographics")]


def test_a_group_is_made_renamed_and_deleted_and_its_records_are_then_in_none(
    simulator: RedcapSimulator,
) -> None:
    project = pycap(simulator)
    assert project.import_dags([{"data_access_group_name": "New DAG", "unique_group_name": ""}]) == 1
    assert project.export_dags()[-1]["unique_group_name"] == "new_dag"
    renamed = [{"data_access_group_name": "Newer", "unique_group_name": "new_dag"}]
    assert project.import_dags(renamed) == 1
    assert project.export_dags()[-1]["data_access_group_name"] == "Newer"
    assert project.delete_dags(["new_dag", "montreal"]) == 2
    rows = project.export_records(export_data_access_groups=True)
    assert {row["redcap_data_access_group"] for row in rows} == {"quebec", "osaka", ""}


def test_a_users_rights_are_shown_and_changed(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    assert project.import_users([{"username": "new@example.org"}]) == 1
    assert project.import_users([{"username": "reader", "record_delete": 1}]) == 1
    users = {row["username"]: row for row in project.export_users()}
    assert "new@example.org" in users
    assert (users["reader"]["record_delete"], users["reader"]["record_rename"]) == (1, 0)
    assert project.delete_users(["new@example.org"]) == 1
    reader = pycap(simulator, user="reader")
    assert reader.delete_records(["S-0001"]) == 1


def test_a_role_gives_its_rights_to_whom_it_is_given(simulator: RedcapSimulator) -> None:
    project, reader = pycap(simulator), pycap(simulator, user="reader")
    assert project.import_user_roles([{"role_label": "Manager", "record_delete": 1, "record_rename": 0}]) == 1
    role = project.export_user_roles()[0]["unique_role_name"]
    with pytest.raises(RedcapError):
        reader.delete_records(["S-0001"])
    assert project.import_user_role_assignment([{"username": "reader", "unique_role_name": role}]) == 1
    assert reader.delete_records(["S-0001"]) == 1
    given = {row["username"]: row["unique_role_name"] for row in project.export_user_role_assignment()}
    assert given["reader"] == role
    assert project.delete_user_roles([role]) == 1
    assert project.export_user_roles() == []


def test_a_user_who_is_put_into_a_group_sees_that_group_only(simulator: RedcapSimulator) -> None:
    project, reader = pycap(simulator), pycap(simulator, user="reader")
    assert len(reader.export_records(fields=["record_id"])) > 2
    assignment = [{"username": "reader", "redcap_data_access_group": "quebec"}]
    assert project.import_user_dag_assignment(assignment) == 1
    assert {row["record_id"] for row in reader.export_records(fields=["record_id"])} == {"S-0002"}
    groups = {
        row["username"]: row["redcap_data_access_group"] for row in project.export_user_dag_assignment()
    }
    assert groups["reader"] == "quebec"


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.import_arms([{"arm_num": 3, "name": "C"}]),
        lambda project: project.import_dags([{"data_access_group_name": "C", "unique_group_name": ""}]),
        lambda project: project.import_users([{"username": "c"}]),
    ],
)
def test_a_token_without_the_right_changes_nothing(simulator: RedcapSimulator, change: Any) -> None:
    before = simulator.projects[LONGITUDINAL].shape
    with pytest.raises(RedcapError):
        change(pycap(simulator, user="reader"))
    assert simulator.projects[LONGITUDINAL].shape == before


@pytest.mark.parametrize("noun", ["arms", "events", "instrument_event_mappings"])
def test_a_classic_project_has_none_of_them(simulator: RedcapSimulator, noun: str) -> None:
    with pytest.raises(RedcapError, match="classic projects"):
        getattr(pycap(simulator, CLASSIC), f"import_{noun}")([{"arm_num": "1", "name": "A"}])


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.import_arms([{"arm_num": "x", "name": "C"}]),
        lambda project: project.import_arms([{"arm_num": 3}]),
        lambda project: project.import_events([{"event_name": "A", "arm_num": "9"}]),
        lambda project: project.import_instrument_event_mappings(
            [{"unique_event_name": "mri_arm_1", "form": "nothing"}]
        ),
        lambda project: project.import_dags(
            [{"data_access_group_name": "C", "unique_group_name": "nowhere"}]
        ),
        lambda project: project.delete_events(["nothing_arm_1"]),
    ],
)
def test_what_cannot_be_is_refused_as_a_whole(simulator: RedcapSimulator, change: Any) -> None:
    before = simulator.projects[LONGITUDINAL].shape
    with pytest.raises(RedcapError):
        change(pycap(simulator))
    assert simulator.projects[LONGITUDINAL].shape == before


def test_a_csv_may_have_labels_for_headers(simulator: RedcapSimulator) -> None:
    text = pycap(simulator).export_records(
        format_type="csv", raw_or_label_headers="label", export_data_access_groups=True
    )
    head = str(text).splitlines()[0].split(",")
    assert head[:5] == ["Study ID", "Event Name", "Repeat Instrument", "Repeat Instance", "Data Access Group"]
    assert "Safety (choice=Implant)" in head
    assert head[-1] == "Complete?"
    raw = str(pycap(simulator).export_records(format_type="csv", raw_or_label_headers="raw"))
    assert raw.startswith("record_id,")


@pytest.mark.parametrize("content", ["metadata", "repeatingFormsEvents", "project"])
def test_a_change_that_is_not_simulated_is_refused_and_not_answered_as_an_export(
    simulator: RedcapSimulator, content: str
) -> None:
    token = simulator.projects[CLASSIC].token()
    form = {"token": token, "content": content, "format": "json", "returnFormat": "json", "data": "[]"}
    answer = requests.post(simulator.url, data=form, timeout=PATIENCE)
    assert (answer.status_code, "does not support changes" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("content", ["file", "fileRepository", "surveyLink", "pdf"])
def test_what_is_left_out_on_purpose_says_so(simulator: RedcapSimulator, content: str) -> None:
    token = simulator.projects[CLASSIC].token()
    form = {"token": token, "content": content, "format": "json", "returnFormat": "json"}
    answer = requests.post(simulator.url, data=form, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "The simulator does not support" in answer.json()["error"]
