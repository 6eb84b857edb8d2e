"""The examples agree with the projects they are written for, and what they make of them is what they say."""

from __future__ import annotations

import json

import pytest

from infra.redcap_simulator import BUILDERS, Project, Quirks
from infra.redcap_simulator.api.export import export_records
from infra.redcap_simulator.api.wire import Params
from lambdas.mapping.record import Mapped, map_record, missing_data_codes
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import check_against, parse_definition
from tests.structure.imports import ROOT

FOLDER = ROOT / "infra" / "sources"
RECORDS = 60


def example(name: str) -> SourceDefinition:
    return parse_definition((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def mapped(definition: SourceDefinition, project: Project) -> dict[str, Mapped]:
    """Map every record of a project, exported as the sync asks for it."""
    wanted = dict.fromkeys(name.partition("___")[0] for name in definition.read_fields())
    asked = [("format", "json"), *((f"fields[{n}]", name) for n, name in enumerate(wanted))]
    if definition.wants_data_access_groups():
        asked.append(("exportDataAccessGroups", "true"))
    answer = export_records(project, project.user(), Params(asked), Quirks())
    rows = [RedcapRow.from_flat(flat, definition.record_id_field) for flat in json.loads(answer.body)]
    assert set(definition.read_fields()) <= rows[0].values.keys()
    declared = " | ".join(f"{code}, {label}" for code, label in project.shape.missing_codes.items())
    codes = missing_data_codes({"missing_data_codes": declared})
    return {
        record: map_record(definition, [row for row in rows if row.record == record], codes)
        for record in dict.fromkeys(row.record for row in rows)
    }


def test_there_is_a_project_for_every_example() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == BUILDERS.keys()


@pytest.mark.parametrize("name", BUILDERS)
def test_an_example_agrees_with_its_project(name: str) -> None:
    shape = BUILDERS[name](1, 1).shape
    check_against(
        example(name),
        [field.metadata() for field in shape.fields],
        event_forms={event.unique: event.forms for event in shape.events} if shape.longitudinal else None,
        groups=shape.group_names if shape.groups else None,
        at_apply=True,
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_an_example_makes_something_of_every_scan_with_a_date(name: str) -> None:
    definition, project = example(name), BUILDERS[name](RECORDS, 1)
    for record, outcome in mapped(definition, project).items():
        held = project.records.get(record)
        assert held is not None
        booked = [row for row in held.rows.values() if row.get("mri_date", "UNK") not in {"-99", "UNK"}]
        assert len(outcome.items) + len(outcome.held) == len(booked)
        assert outcome.rejected == ()
        assert {item.site for item in outcome.items} <= definition.sites()


def test_the_longitudinal_example_shows_each_scan_at_its_groups_site_with_its_arms_protocol() -> None:
    project = BUILDERS["longitudinal"](RECORDS, 1)
    sites = {"montreal": "mtl-3t", "quebec": "qc-3t", "osaka": "osaka-7t"}
    outcomes = mapped(example("longitudinal"), project)
    for record, outcome in outcomes.items():
        held = project.records.get(record)
        assert held is not None
        for item in outcome.items:
            assert item.site == sites[held.dag]
            expected = "CTRL_MRI_3T" if item.source_event == "mri_arm_1" else "PAT_MRI_3T"
            assert item.protocol_name == expected
            assert item.patient_id == f"sub_00{record[2:]}_ses_{item.source_instance:02}"
    every = [row for outcome in outcomes.values() for row in outcome.held]
    assert {(row.field, row.reason.partition(":")[0]) for row in every} == {
        ("mri_safety___1", "An implant is noted")
    }


def test_a_record_that_leaves_its_group_leaves_its_site() -> None:
    project = BUILDERS["longitudinal"](1, 1)
    definition = example("longitudinal")
    (record,) = project.records.ids()
    held = project.records.get(record)
    assert held is not None
    assert [item.site for item in mapped(definition, project)[record].items] == ["mtl-3t"]
    held.dag = ""
    outcome = mapped(definition, project)[record]
    assert outcome.items == ()
    assert [row.field for row in outcome.rejected] == ["redcap_data_access_group"]


def test_the_single_row_example_makes_one_item_a_participant() -> None:
    for record, outcome in mapped(example("single"), BUILDERS["single"](RECORDS, 1)).items():
        assert [item.source_record for item in outcome.items] in ([record], [])
        assert all(item.patient_id.startswith(f"P{record}-") for item in outcome.items)
        assert {item.protocol_name for item in outcome.items} <= {"Brain T1/T2", "Full battery", "Ask"}
