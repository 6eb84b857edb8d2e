"""One field REDCap refuses is parked alone, the others are written; a locked form is told when unlocked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.redcap_simulator import Project
from infra.redcap_simulator.project.project import Field
from lambdas.write_backs.step import PATIENCE
from tests.rigs.redcap import Rig, Stack
from tests.rigs.write_back import (
    UID,
    classic_with_every_field,
    ended,
    imports,
    in_redcap,
    series,
    started,
    whole,
)


def begun(stack: Stack, project: Project | None = None, **changes: Any) -> Rig:
    """Return a rig with a step begun and ended that REDCap has not been told of."""
    rig = stack.fresh(project or classic_with_every_field(), whole(**changes))
    rig.sync()
    started(rig, rig.items()["000001", 1])
    ended(rig, **series(3))
    return rig


def with_field(name: str, **changes: Any) -> Project:
    """Return the project with one of the written fields made otherwise."""
    project = classic_with_every_field()
    fields = tuple(replace(each, **changes) if each.name == name else each for each in project.shape.fields)
    return Project(replace(project.shape, fields=fields), project.users, project.records)


def parked(rig: Rig) -> str:
    (found,) = rig.steps.parked_write_backs()
    return found.reason


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mri_duration", {"validation": "date_ymd"}),
        ("mri_series", {"validation": "number_1dp"}),
        ("mri_status", {"kind": "radio", "choices": {"1": "Booked", "2": "Done"}}),
        ("mri_start", {"validation": "time"}),
        ("mri_station", {"validation": "integer"}),
        ("mri_end", {"kind": "calc", "compute": lambda row: ""}),
    ],
)
def test_a_field_that_cannot_hold_its_value_is_parked_alone_and_the_others_are_written(
    stack: Stack, name: str, changes: dict[str, Any]
) -> None:
    whole_of_it = in_redcap(told(begun(stack)))
    assert len(whole_of_it) == 6
    rig = told(begun(stack, with_field(name, **changes)))
    assert in_redcap(rig) == {key: value for key, value in whole_of_it.items() if key != name}
    assert name in parked(rig)
    assert not any(other in parked(rig) for other in whole_of_it if other != name)
    assert imports(rig) == 2


def told(rig: Rig) -> Rig:
    rig.write_back(UID)
    return rig


def test_a_field_the_project_has_no_more_keeps_no_other_from_being_written(stack: Stack) -> None:
    rig = begun(stack)
    project = rig.project
    fields = tuple(each for each in project.shape.fields if each.name != "mri_series")
    project.shape = replace(project.shape, fields=fields)
    rig.write_back(UID)
    assert {"mri_status", "mri_start", "mri_end", "mri_station", "mri_duration"} <= in_redcap(rig).keys()
    assert "mri_series" in parked(rig)


def test_two_fields_refused_are_both_named_and_the_rest_is_written(stack: Stack) -> None:
    project = with_field("mri_duration", validation="date_ymd")
    shape = project.shape
    fields = tuple(
        Field("mri_series", each.form, validation="time") if each.name == "mri_series" else each
        for each in shape.fields
    )
    rig = told(begun(stack, Project(replace(shape, fields=fields), project.users, project.records)))
    assert {"mri_status", "mri_start", "mri_end", "mri_station"} == in_redcap(rig).keys()
    assert "mri_duration" in parked(rig)
    assert "mri_series" in parked(rig)


def test_when_the_field_is_put_right_and_a_person_asks_only_the_missing_value_is_written(
    stack: Stack,
) -> None:
    rig = told(begun(stack, with_field("mri_duration", validation="date_ymd")))
    fields = tuple(
        replace(each, validation="integer") if each.name == "mri_duration" else each
        for each in rig.project.shape.fields
    )
    rig.project.shape = replace(rig.project.shape, fields=fields)
    rig.steps.retry_write_back(UID)
    rig.write_back(UID)
    assert "mri_duration" in in_redcap(rig)
    assert (rig.steps.pending(UID), rig.steps.parked_write_backs()) == (None, [])


def lock(rig: Rig, *, locked: bool = True) -> None:
    rig.simulator.form_filler.lock(rig.project, "000001", "mri", instance=1, locked=locked)


def test_a_locked_form_is_named_never_parked_and_told_when_it_is_unlocked(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    rig = begun(stack)
    lock(rig)
    for _ in range(PATIENCE + 2):
        rig.write_back(UID)
    assert in_redcap(rig) == {}
    assert rig.steps.parked_write_backs() == []
    logged = [vars(entry)["reason"] for entry in caplog.records if entry.message == "write-back"]
    assert "is locked in REDCap" in logged[-1]
    assert "mri_status" in logged[-1]
    lock(rig, locked=False)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "COMPLETED"
    assert rig.steps.pending(UID) is None


def test_a_locked_repeat_keeps_no_other_repeat_from_being_told(stack: Stack) -> None:
    rig = begun(stack)
    rig.simulator.form_filler.lock(rig.project, "000002", "mri", instance=1)
    rig.write_back(UID)
    assert in_redcap(rig)["mri_status"] == "COMPLETED"


def test_a_form_locked_after_it_was_told_is_no_trouble(stack: Stack) -> None:
    rig = told(begun(stack))
    lock(rig)
    rig.steps.retry_write_back(UID)
    rig.write_back(UID)
    assert (rig.steps.pending(UID), rig.steps.parked_write_backs()) == (None, [])


def test_a_project_that_is_right_is_told_at_once(stack: Stack) -> None:
    rig = told(begun(stack))
    assert imports(rig) == 1
    assert rig.steps.pending(UID) is None
