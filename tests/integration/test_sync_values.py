"""Values as people type them, from REDCap to the list: read, left out and noted, held or rejected."""

from __future__ import annotations

import pytest

from infra.redcap_simulator import classic
from infra.redcap_simulator.people import scenarios
from lambdas.sources.file import definition_from
from tests.rigs.redcap import Rig, Stack, classic_data


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return stack.fresh(classic(5), classic_data(deletions_seconds=0))


def test_a_value_left_out_is_noted_until_it_is_corrected(rig: Rig) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_wt_lbs": "heavy"}, instance=1)
    report = rig.sync()
    assert rig.items()["000001", 1].patient_weight_kg == ""
    assert report.notes == 1
    (note,) = rig.state().notes
    assert (note.record, note.instance, note.field) == ("000001", 1, "mri_wt_lbs")
    assert "heavy" not in note.reason
    scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000002")
    rig.sync()
    assert rig.state().notes_count == 1
    rig.simulator.save_form(11, "000001", "mri", {"mri_wt_lbs": "100,5"}, instance=1)
    rig.sync()
    assert (rig.state().notes, rig.state().notes_count) == ((), 0)
    assert rig.items()["000001", 1].patient_weight_kg == "45.586"


@pytest.mark.parametrize(
    ("form", "values", "field"),
    [
        ("mri", {"mri_wt_lbs": "999"}, "mri_wt_lbs"),
        ("mri", {"mri_ht_in": "5"}, "mri_ht_in"),
        ("demographics", {"youth_dob": "2062-03-01"}, "youth_dob"),
    ],
)
def test_a_scan_of_what_nobody_is_leaves_the_list_and_comes_back_when_corrected(
    rig: Rig, form: str, values: dict[str, str], field: str
) -> None:
    rig.sync()
    before = rig.items()["000001", 1]
    row = rig.project.records.get("000001")
    assert row is not None
    right = {name: each[name] for each in row.rows.values() for name in values if name in each}
    instance = {"instance": 1} if form == "mri" else {}
    rig.simulator.save_form(11, "000001", form, values, **instance)
    report = rig.sync()
    assert ("000001", 1) not in rig.items()
    assert report.held >= 1
    assert field in {held.field for held in rig.state().held}
    rig.simulator.save_form(11, "000001", form, right, **instance)
    rig.sync()
    assert rig.items()["000001", 1] == before


@pytest.mark.parametrize("typed", ["9:30", "09.30", "9:30 AM", "0930", "9:30\u202fAM"])
def test_a_time_as_people_type_it_reaches_the_list(rig: Rig, typed: str) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_time": typed}, instance=1)
    rig.sync()
    assert rig.items()["000001", 1].scheduled_start_time == "093000"


@pytest.mark.parametrize("typed", ["AB*?", "AB\u200b1", "AB\u00a01", "A\uff22"])
def test_what_is_no_patient_id_keeps_the_scan_off_the_list(rig: Rig, typed: str) -> None:
    data = classic_data(url=rig.simulator.url)
    data["fields"] = {**data["fields"], "patient_id": "{study_id}-{family_id}"}
    rig.sources.put(definition_from(data))
    rig.simulator.save_form(11, "000001", "demographics", {"family_id": typed})
    rig.sync()
    assert ("000001", 1) not in rig.items()
    assert {row.record for row in rig.state().rejected} == {"000001"}
    assert "an identifier may not contain" in rig.state().rejected[0].reason
