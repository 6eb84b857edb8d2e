"""The longitudinal example through the handlers: each scan at its own site, none before its gates open."""

from __future__ import annotations

import tomllib

import pytest

from infra.redcap_simulator import longitudinal
from infra.redcap_simulator.people import scenarios
from tests.rigs.redcap import CLASSIC_FILE, Rig, Stack

SITES = {"montreal": "mtl-3t", "quebec": "qc-3t", "osaka": "osaka-7t"}
RECORD = "S-0001"


@pytest.fixture
def rig(stack: Stack) -> Rig:
    text = CLASSIC_FILE.with_name("longitudinal.toml").read_text(encoding="utf-8")
    return stack.fresh(longitudinal(6), {"site": "", **tomllib.loads(text), "deletions_seconds": 0})


def seen(rig: Rig) -> dict[str, set[str]]:
    """Return site -> the records a relay of it sees."""
    return {site: {record for record, _ in rig.items(site)} for site in SITES.values()}


def save(rig: Rig, **values: str) -> None:
    rig.simulator.save_form(22, RECORD, "mri", values, event="mri_arm_1", instance=1)


def of_record(rig: Rig) -> list[tuple[int, str]]:
    return [(row.instance, row.field) for row in rig.state("visits").held if row.record == RECORD]


def test_each_scan_is_at_the_site_of_its_group_and_nowhere_else(rig: Rig) -> None:
    rig.sync("visits")
    shown = seen(rig)
    assert any(shown.values())
    for site, records in shown.items():
        for record in records:
            found = rig.project.records.get(record)
            assert found is not None
            assert SITES[found.dag] == site


def test_a_record_that_changes_groups_leaves_the_one_site_for_the_other(rig: Rig) -> None:
    rig.sync("visits")
    assert RECORD in seen(rig)["mtl-3t"]
    scenarios.moved(rig.simulator.form_filler, rig.project, RECORD)
    rig.sync("visits")
    assert [site for site, records in seen(rig).items() if RECORD in records] == ["qc-3t"]


def test_a_gate_that_closes_takes_the_scan_off_the_worklist_and_says_why(rig: Rig) -> None:
    save(rig, mri_date="2026-11-23", mri_time="09:30")
    rig.sync("visits")
    assert (RECORD, 1) in rig.items("mtl-3t")
    save(rig, mri_safety___1="1")
    rig.sync("visits")
    assert (RECORD, 1) not in rig.items("mtl-3t")
    assert of_record(rig) == [(1, "mri_safety___1")]


def test_a_gate_that_opens_brings_the_scan_back_as_the_same_item(rig: Rig) -> None:
    save(rig, mri_date="2026-11-23", mri_time="09:30")
    rig.sync("visits")
    before = rig.items("mtl-3t")[RECORD, 1]
    save(rig, mri_safety___1="1")
    rig.sync("visits")
    save(rig, mri_safety___1="")
    rig.sync("visits")
    assert rig.items("mtl-3t")[RECORD, 1] == before
    assert of_record(rig) == []
