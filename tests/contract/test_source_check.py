"""A definition is held against a running project: its fields, its choices, its events, its groups."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from infra.redcap_simulator import BUILDERS, Fault, RedcapSimulator
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.sync.project_check import check_project
from shared.errors import MwlError, Rejected
from tests.structure.imports import ROOT

FOLDER = ROOT / "infra" / "sources"


@pytest.fixture(scope="module")
def simulator() -> Iterator[RedcapSimulator]:
    with RedcapSimulator([build(3, 1) for build in BUILDERS.values()]) as running:
        yield running


def check(simulator: RedcapSimulator, name: str, **changes: Any) -> str:
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    definition = definition_from({**data, **changes})
    project = simulator.projects[list(BUILDERS).index(name)]
    redcap = RedcapProject(
        simulator.url, project.token(), definition.record_id_field, sleep=lambda seconds: None
    )
    with closing(redcap):
        try:
            check_project(definition, redcap, 0.0)
        except Rejected as refused:
            return refused.what
    return ""


@pytest.mark.parametrize("name", BUILDERS)
def test_the_examples_agree_with_their_projects(simulator: RedcapSimulator, name: str) -> None:
    assert check(simulator, name) == ""


def test_a_misspelled_event_or_group_names_the_closest(simulator: RedcapSimulator) -> None:
    rows = {"events": ["mri_arm1", "mri_arm_2"], "required": ["mri_date"]}
    assert check(simulator, "longitudinal", rows=rows).startswith(
        "rows.events: the project has no event mri_arm1; did you mean mri_arm_"
    )
    sites = {"montréal": "mtl-3t"}
    said = check(simulator, "longitudinal", sites_by_dag=sites)
    assert said.startswith(
        "sites_by_dag: the project has no data access group montréal; did you mean montreal"
    )


def test_a_project_without_events_has_none_of_them(simulator: RedcapSimulator) -> None:
    rows = {"events": ["mri_arm_1"], "required": ["mri_date"]}
    assert "rows.events: the project has no event mri_arm_1" in check(simulator, "single", rows=rows)


def test_without_the_right_to_the_groups_the_rest_is_still_checked(simulator: RedcapSimulator) -> None:
    simulator.faults.add(Fault("revoked", content="dag"))
    said = check(simulator, "longitudinal", sites_by_dag={"montréal": "mtl-3t"})
    simulator.faults.clear()
    assert "no data access group" not in said
    assert said == (
        "fields.scheduled_station_aetitle.values: redcap_data_access_group can also be montréal; "
        "map every choice, or give otherwise"
    )


def test_an_answer_that_is_none_is_not_taken_for_an_empty_project(simulator: RedcapSimulator) -> None:
    simulator.faults.add(Fault("html_200", content="formEventMapping"))
    with pytest.raises(MwlError):
        check(simulator, "longitudinal")
    simulator.faults.clear()
