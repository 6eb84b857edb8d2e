"""What a scanner's profile adds to its answers, and takes from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from edge_relay.worklist.attributes import STEP_SEQUENCE, WORKLIST, attributes
from edge_relay.worklist.finding import check_profile
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile
from tests.rigs.relay import item
from tests.rigs.worklist import Worklist, asking, step


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[Worklist]:
    opened = Worklist(tmp_path, item(medical_alerts="pacemaker"))
    yield opened
    opened.close()


def profile(**settings: Any) -> ScannerProfile:
    made = ScannerProfile.model_validate({"ae_title": "SCANNER", **settings})
    check_profile(made)
    return made


def answer(worklist: Worklist, asked: Dataset, scanner: ScannerProfile, **options: Any) -> Dataset:
    (only,) = worklist.answers(asked, scanner, **options)
    return only


def keys(dataset: Dataset) -> list[str]:
    return [element.keyword for element in dataset]


def test_extra_attributes_are_sent_though_not_asked_for(worklist: Worklist) -> None:
    extra = profile(
        extra_attributes=["PatientWeight", "ScheduledStationName", "ScheduledProtocolCodeSequence"]
    )
    got = answer(worklist, asking(PatientID=""), extra)
    assert keys(got) == [
        "PatientID",
        "PatientWeight",
        "ScheduledProcedureStepSequence",
    ]
    assert keys(got.ScheduledProcedureStepSequence[0]) == [
        "ScheduledProtocolCodeSequence",
        "ScheduledStationName",
    ]
    assert got.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence[0].CodeValue == "BRAIN_T1"
    asked = step(Modality="", ScheduledStationName="")
    assert keys(answer(worklist, asked, extra).ScheduledProcedureStepSequence[0]) == [
        "Modality",
        "ScheduledProtocolCodeSequence",
        "ScheduledStationName",
    ]


def test_suppressed_attributes_are_never_sent_but_still_matched_on(worklist: Worklist) -> None:
    quiet = profile(suppressed_attributes=["MedicalAlerts", "ScheduledProcedureStepStatus"])
    asked = asking(PatientID="", MedicalAlerts="pace*", ScheduledProcedureStepSequence=[])
    got = answer(worklist, asked, quiet)
    assert "MedicalAlerts" not in got
    assert "ScheduledProcedureStepStatus" not in got.ScheduledProcedureStepSequence[0]
    assert worklist.find(asked, quiet).incomplete
    assert not worklist.find(asking(PatientID=""), quiet).incomplete
    assert worklist.ids(asking(MedicalAlerts="none"), quiet) == []


@pytest.mark.parametrize("implicit", [True, False])
def test_fixed_values_stand_in_for_attributes_an_item_need_not_have(
    worklist: Worklist, implicit: bool
) -> None:
    fixed = profile(
        fixed_values={"InstitutionName": "Klinik Süd", "CommentsOnTheScheduledProcedureStep": "fasting"},
        extra_attributes=["CommentsOnTheScheduledProcedureStep"],
    )
    asked = asking(PatientID="", InstitutionName="")
    got = answer(worklist, asked, fixed, implicit=implicit, charset=("ISO_IR 100",))
    assert got.InstitutionName == "Klinik Süd"
    assert got.ScheduledProcedureStepSequence[0].CommentsOnTheScheduledProcedureStep == "fasting"
    assert not worklist.find(asked, fixed).incomplete
    assert "InstitutionName" not in answer(worklist, asking(PatientID=""), fixed)


def test_a_fixed_value_takes_the_place_of_the_items_own(worklist: Worklist) -> None:
    worklist.put(item(institution_name="REDCap's"))
    asked = asking(PatientID="", InstitutionName="")
    assert answer(worklist, asked, profile()).InstitutionName == "REDCap's"
    ours = profile(fixed_values={"InstitutionName": "Ours"})
    assert answer(worklist, asked, ours).InstitutionName == "Ours"


def test_fixed_values_are_matched_on(worklist: Worklist) -> None:
    fixed = profile(fixed_values={"InstitutionName": "Oslo"})
    assert worklist.ids(asking(InstitutionName="Os*"), fixed) == ["item-1"]
    assert worklist.ids(asking(InstitutionName="Bergen"), fixed) == []


def test_a_fixed_value_the_character_set_cannot_carry_is_said_to_be_lossy(worklist: Worklist) -> None:
    fixed = profile(fixed_values={"InstitutionName": "山"})
    found = worklist.find(asking(InstitutionName=""), fixed, charset=("ISO_IR 100",))
    assert [each.lossless for each in found.answers if each] == [False]


def test_two_scanners_that_ask_the_same_get_each_their_own_answer(worklist: Worklist) -> None:
    asked = asking(InstitutionName="", PatientID="")
    one, two = (profile(fixed_values={"InstitutionName": name}) for name in ("Oslo", "Bergen"))
    assert [answer(worklist, asked, each).InstitutionName for each in (one, two, one)] == [
        "Oslo",
        "Bergen",
        "Oslo",
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"suppressed_attributes": ["PatientName"]}, "type 1"),
        ({"suppressed_attributes": ["ScheduledProcedureStepSequence"]}, "type 1"),
        ({"suppressed_attributes": ["ScheduledProcedureStepDescription"]}, "type 1C"),
        ({"extra_attributes": ["PatientReligiousPreference"]}, "nothing the worklist can send"),
        ({"extra_attributes": ["CodeValue"]}, "nothing the worklist can send"),
        ({"fixed_values": {"PatientID": "X"}}, "comes from the worklist"),
        ({"fixed_values": {"Modality": "MR"}}, "comes from the worklist"),
        ({"fixed_values": {"CodeValue": "X"}}, "comes from the worklist"),
        ({"fixed_values": {"ReferencedStudySequence": "X"}}, "comes from the worklist"),
        ({"fixed_values": {"Rows": "7"}}, "not a text"),
        ({"fixed_values": {"RequestedProcedurePriority": "far too long a value"}}, "16"),
        ({"fixed_values": {"InstitutionName": ""}}, "no value"),
        ({"fixed_values": {"PatientSexNeutered": "not a code!"}}, "code"),
    ],
)
def test_a_profile_that_cannot_be_answered_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected, match=said) as caught:
        profile(**settings)
    assert caught.value.where in settings


def test_the_table_has_the_standards_types() -> None:
    required = {each.keyword for each in attributes(WORKLIST) if each.matching == "R"}
    assert required == {
        "ScheduledStationAETitle",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "Modality",
        "ScheduledPerformingPhysicianName",
        "PatientName",
        "PatientID",
    }
    assert WORKLIST[STEP_SEQUENCE].returned == "1"
    assert all(each.matched for each in attributes(WORKLIST) if each.matching == "R")
