"""The write-back finds its row in every shape of project, and makes no row where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.redcap_simulator import Project, longitudinal, single
from infra.redcap_simulator.project.project import Field
from infra.redcap_simulator.project.records import Record, RecordStore, RowKey
from lambdas.sources.file import definition_from
from tests.rigs.redcap import Rig, Stack, classic_data
from tests.rigs.write_back import (
    UID,
    WRITTEN,
    classic_with_every_field,
    ended,
    series,
    started,
    whole,
    with_every_field,
)

DONE = {
    "mri_status": "COMPLETED",
    "mri_start": "2026-11-22 09:31:00",
    "mri_end": "2026-11-22 10:15:00",
    "mri_duration": "44",
    "mri_station": "MR1",
    "mri_series": "3",
}
VISITS = ["mri_arm_1", "mri_arm_2"]
Rows = dict[RowKey, dict[str, str]]


def single_data() -> dict[str, Any]:
    data = whole(
        token_secret="single", record_id_field="participant", rows={"required": ["mri_date"]}, joins=[]
    )
    return {**data, "fields": {**data["fields"], "patient_id": "participant"}}


def longitudinal_data(**changes: Any) -> dict[str, Any]:
    joined = classic_data()["joins"][0]["fields"]
    data = whole(
        token_secret="longitudinal",
        record_id_field="record_id",
        rows={"events": VISITS, "required": ["mri_date"]},
        joins=[{"fields": joined, "events": ["enrolment_arm_1", "enrolment_arm_2"]}],
    )
    data["fields"] = {**data["fields"], "patient_id": "{record_id}_{redcap_repeat_instance}"}
    return {**data, **changes}


def visits_that_do_not_repeat() -> Project:
    """Return the longitudinal project with one visit a participant."""
    project = longitudinal(4)
    events = tuple(replace(event, repeating=False) for event in project.shape.events)
    ids = tuple(project.records.ids())

    def build(position: int) -> Record:
        record = project.records.get(ids[position])
        assert record is not None
        return Record({RowKey(key.event): row for key, row in record.rows.items()}, dag=record.dag)

    return Project(replace(project.shape, events=events), project.users, RecordStore(ids, build))


def with_a_tracking_form(project: Project) -> Project:
    """Return the project with the fields of a write-back on a form of its own, in the visits' events."""
    moved = tuple(
        replace(field, form="tracking") if field.name in WRITTEN.values() else field
        for field in project.shape.fields
    )
    events = tuple(
        replace(event, forms=(*event.forms, "tracking")) if event.unique in VISITS else event
        for event in project.shape.events
    )
    forms = {**project.shape.forms, "tracking": "Tracking"}
    shape = replace(project.shape, fields=moved, events=events, forms=forms)
    return Project(shape, project.users, project.records)


def contents(rig: Rig, record_id: str) -> Rows:
    """Return a copy of a record's rows."""
    record = rig.project.records.get(record_id)
    assert record is not None
    return {key: dict(row) for key, row in record.rows.items()}


def row_after_a_scan(rig: Rig, record_id: str, instance: int) -> RowKey:
    """Play a scan of an item, and return the one row that REDCap then shows it on.

    All else in the record is as it was, and two more syncs find nothing to do.
    """
    assert rig.sync().error == ""
    before = contents(rig, record_id)
    started(rig, rig.items()[record_id, instance])
    ended(rig, **series(3))
    rig.write_back(UID)
    head = rig.worklist.head(rig.site)
    after = contents(rig, record_id)
    (key,) = [key for key in after if after[key] != before.get(key)]
    assert after == before | {key: before[key] | DONE}
    for _ in range(2):
        report = rig.sync()
        assert (report.error, report.written, report.withdrawn) == ("", 0, 0)
    assert rig.worklist.head(rig.site) == head
    assert rig.steps.parked_write_backs() == []
    return key


def test_a_repeat_of_an_instrument(stack: Stack) -> None:
    rig = stack.fresh(classic_with_every_field(30), whole())
    rig.sync()
    record_id, instance = next(key for key in rig.items() if key[1] == 2)
    assert row_after_a_scan(rig, record_id, instance) == RowKey("", "mri", 2)


def test_a_row_that_does_not_repeat(stack: Stack) -> None:
    rig = stack.fresh(with_every_field(single(2)), single_data())
    assert row_after_a_scan(rig, "0001", 1) == RowKey("")


def test_a_repeat_of_an_event(stack: Stack) -> None:
    rig = stack.fresh(with_every_field(longitudinal(30)), longitudinal_data())
    rig.sync()
    record_id, instance = next(key for key in rig.items() if key[1] == 2)
    event = rig.items()[record_id, 2].source_event
    assert row_after_a_scan(rig, record_id, instance) == RowKey(event, "", 2)


def test_an_event_that_does_not_repeat(stack: Stack) -> None:
    rig = stack.fresh(with_every_field(visits_that_do_not_repeat()), longitudinal_data())
    assert row_after_a_scan(rig, "S-0002", 1) == RowKey("mri_arm_2")


def test_fields_on_another_form_of_the_scans_event(stack: Stack) -> None:
    project = with_a_tracking_form(with_every_field(longitudinal(4)))
    rig = stack.fresh(project, longitudinal_data())
    assert row_after_a_scan(rig, "S-0001", 1) == RowKey("mri_arm_1", "", 1)


@pytest.mark.parametrize("shape", ["repeating instrument", "event"])
def test_a_field_that_is_not_on_the_scans_row_is_parked_alone_and_the_others_are_written(
    stack: Stack, shape: str
) -> None:
    """The check against the project's metadata says so earlier; here the project changed since."""
    if shape == "event":
        rig, data = stack.fresh(longitudinal(4), longitudinal_data()), longitudinal_data()
        record_id = "S-0001"
    else:
        rig, data = stack.fresh(classic_with_every_field(), whole()), whole()
        record_id = "000001"
    moved = Field("tracked", "demographics")
    rig.project.shape = replace(rig.project.shape, fields=(*rig.project.shape.fields, moved))
    if shape == "event":
        data["write_back"] = {"status": "mri_status"}
        rig.sources.put(definition_from({**data, "url": rig.simulator.url}))
    rig.sync()
    before = contents(rig, record_id)
    key = rig.items()[record_id, 1]
    data["write_back"] = {"status": "mri_status", "station": "tracked"}
    rig.sources.put(definition_from({**data, "url": rig.simulator.url}))
    started(rig, rig.items()[record_id, 1])
    rig.write_back(UID)
    (parked,) = rig.steps.parked_write_backs()
    assert "tracked" in parked.reason
    assert "mri_status" not in parked.reason
    row = RowKey(key.source_event, key.source_instrument, key.source_instance)
    after = {**before, row: {**before[row], "mri_status": "IN_PROGRESS"}}
    assert contents(rig, record_id) == after
