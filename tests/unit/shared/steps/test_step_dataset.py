"""What is read of an MPPS attribute list: status, moments, the reason for stopping, which exam it is of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from shared.errors import Rejected
from shared.steps.procedure_step import DataSetJson, EventKind, Refusal, Step, StepStatus
from shared.steps.step_dataset import (
    CHARACTER_SET,
    STATUS,
    ScheduledStepReference,
    fold,
    linked_items,
    meant_by,
    merged,
    patient_of,
    references,
    step_status,
    text,
)
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_event, an_item


def value(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (value("LO", " x ", "y"), "x"),
        (value("IS", 5), "5"),
        ({"vr": "LO"}, ""),
        ({"vr": "LO", "Value": []}, ""),
        ({"vr": "LO", "Value": "x"}, ""),
        (value("SQ", {}), ""),
        ("x", ""),
    ],
)
def test_text_is_the_first_value_if_there_is_one(element: Any, said: str) -> None:
    assert text({"00400241": element}, "00400241") == said
    assert text({}, "00400241") == ""


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("IN PROGRESS", StepStatus.IN_PROGRESS),
        ("completed", StepStatus.COMPLETED),
        ("DISCONTINUED", StepStatus.DISCONTINUED),
        ("", None),
    ],
)
def test_a_status_is_read_in_capitals_and_small(asked: str, status: StepStatus | None) -> None:
    assert step_status({STATUS: value("CS", asked)}) is status


@pytest.mark.parametrize("wrong", ["FINISHED", "IN_PROGRESS"])
def test_a_status_that_is_none_is_rejected_with_its_tag(wrong: str) -> None:
    with pytest.raises(Rejected, match="0040,0252"):
        step_status({STATUS: value("CS", wrong)})


@pytest.mark.parametrize("element", [None, [], {}, {"Value": None}, {"Value": []}, {"Value": [None]}, "text"])
def test_an_element_of_any_shape_is_no_status_rather_than_a_fault(element: object) -> None:
    dataset = {STATUS: element}
    if element == {"Value": [None]}:
        with pytest.raises(Rejected):
            step_status(dataset)
    else:
        assert step_status(dataset) is None


# Which exam


def reference(study: str = "", step_id: str = "", accession: str = "") -> ScheduledStepReference:
    return ScheduledStepReference(study, step_id, accession)


ONE, TWO = an_item("1"), an_item("2")
STUDY = ONE.study_instance_uid
SAME_STUDY = an_item("3", study_instance_uid=STUDY)
OVER = an_item("4", study_instance_uid=STUDY, performed_procedure_step_status="COMPLETED")


@pytest.mark.parametrize(
    ("asked", "items", "meant"),
    [
        # what the scanner names                                       what there is    what it means
        (reference(STUDY, ONE.scheduled_procedure_step_id), [ONE, TWO], [ONE]),
        (reference(STUDY), [ONE, TWO], [ONE]),
        (reference(STUDY), [ONE, SAME_STUDY], [ONE, SAME_STUDY]),
        (reference(STUDY, SAME_STUDY.scheduled_procedure_step_id), [ONE, SAME_STUDY], [SAME_STUDY]),
        (reference(STUDY, "S-OTHER"), [ONE, TWO], [ONE]),  # its one open step
        (reference(STUDY, "S-OTHER"), [ONE, SAME_STUDY, TWO], []),
        (reference(STUDY, "S-OTHER"), [ONE, OVER, TWO], [ONE]),
        (reference(STUDY, "S-OTHER"), [OVER, TWO], []),
        (reference(STUDY, "S-OTHER"), [ONE, ONE], [ONE]),
        (reference(STUDY, TWO.scheduled_procedure_step_id), [ONE, TWO], []),
        (reference("", "", ONE.accession_number), [ONE, TWO], [ONE]),
        (reference("2.25.1", "", ONE.accession_number), [ONE, TWO], [ONE]),  # a study of the scanner's own
        (reference("2.25.1", ONE.scheduled_procedure_step_id, ONE.accession_number), [ONE, TWO], [ONE]),
        (reference("2.25.1", "S-OTHER", ONE.accession_number), [ONE, TWO], []),
        (reference(STUDY, "", TWO.accession_number), [ONE, TWO], [ONE]),  # the study says more
        (reference("", "", ""), [ONE, ONE.model_copy(update={"accession_number": ""})], []),
        (reference("", ONE.scheduled_procedure_step_id), [ONE, TWO], []),  # a step id alone is nobody's
    ],
)
def test_a_reference_means_the_items_of_its_study_or_else_of_its_accession_number(
    asked: ScheduledStepReference, items: list[WorklistItem], meant: list[WorklistItem]
) -> None:
    assert meant_by(asked, items) == meant


def test_each_exam_is_linked_once_in_the_order_of_the_references() -> None:
    dataset: DataSetJson = {
        "00400270": value(
            "SQ",
            {"0020000D": value("UI", TWO.study_instance_uid)},
            {"0020000D": value("UI", STUDY)},
            {"00080050": value("SH", TWO.accession_number)},
            "no item",
        )
    }
    assert [found.study_instance_uid for found in references(dataset)] == [TWO.study_instance_uid, STUDY, ""]
    assert linked_items(dataset, [ONE, TWO]) == (TWO.id, ONE.id)


# Events folded into a step


def test_an_n_set_replaces_what_it_carries_and_keeps_the_character_set() -> None:
    before = {CHARACTER_SET: value("CS", "ISO_IR 100"), "a": value("LO", "1"), "b": value("LO", "1")}
    after = merged(before, {CHARACTER_SET: value("CS", "ISO_IR 192"), "b": value("LO", "2")})
    assert after == {**before, "b": value("LO", "2")}
    assert merged(before, {"b": {"vr": "LO"}}) == {**before, "b": {"vr": "LO"}}


def test_a_character_set_that_the_n_create_had_not_may_come_later() -> None:
    later = {CHARACTER_SET: value("CS", "ISO_IR 192")}
    assert merged({}, later) == later


def begun(**dataset: Any) -> Step:
    event = an_event(ONE)
    step = fold(None, event.model_copy(update={"dataset": {**event.dataset, **dataset}}))
    assert isinstance(step, Step)
    return step


def test_a_step_begins_with_its_moment_and_station() -> None:
    step = begun()
    assert step.status is StepStatus.IN_PROGRESS
    assert step.started_at == datetime(2026, 11, 22, 9, 31)
    assert (step.station_aetitle, step.series_count, step.ended_at) == ("MR1", 0, None)


def test_what_an_event_does_not_carry_stays() -> None:
    end = an_event(ONE, kind=EventKind.N_SET, status="COMPLETED")
    step = fold(begun(**{"00400242": value("SH", "Room 1")}), end)
    assert isinstance(step, Step)
    assert (step.status, step.station_name) == (StepStatus.COMPLETED, "Room 1")
    assert step.station_aetitle == "MR1"
    assert step.started_at == datetime(2026, 11, 22, 9, 31)
    assert step.ended_at == datetime(2026, 11, 22, 10, 15)


def test_series_and_the_reason_for_stopping_are_read() -> None:
    reason = {"00080100": value("SH", "110514"), "00080104": value("LO", "Wrong")}
    step = begun(**{"00400340": value("SQ", {}, {}), "00400281": value("SQ", reason)})
    assert (step.series_count, step.discontinuation_reason) == (2, "110514")


@pytest.mark.parametrize("tag", ["00400244", "00400245"])
@pytest.mark.parametrize("wrong", [[], ["yesterday"]])
def test_a_moment_that_cannot_be_read_loses_itself_only(tag: str, wrong: list[str]) -> None:
    step = begun(**{tag: value("DA", *wrong)})
    assert (step.started_at, step.station_aetitle) == (None, "MR1")


def test_what_the_state_machine_refuses_changes_nothing() -> None:
    end = an_event(ONE, kind=EventKind.N_SET, status="COMPLETED")
    assert fold(None, end) == Refusal(0x0112, "no such performed procedure step")


@pytest.mark.parametrize(
    ("name", "expected"),
    [([{"Alphabetic": " Doe^Jo "}], "Doe^Jo"), (["Doe^Jo"], "Doe^Jo"), ([], ""), ([{}], "")],
)
def test_the_patient_that_a_scanner_reported_is_read(name: list[object], expected: str) -> None:
    dataset = {"00100010": {"vr": "PN", "Value": name}, "00100020": {"vr": "LO", "Value": ["P1"]}}
    found = patient_of(dataset)
    assert (found.get("patient_name", ""), found["patient_id"]) == (expected, "P1")
    assert patient_of({}) == {}
