"""What answers carry: every attribute asked for and no other, of the types PS3.4 Table K.6-1 wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from edge_relay.relay import Relay
from tests.interop.dcmtk import complaints, findscu, installed, saved
from tests.interop.exams import OPEN, exams_on
from tests.interop.scu import associated
from tests.rigs.relay import SCANNER
from tests.rigs.worklist import everything

pytestmark = installed

STEP, CODE = "ScheduledProcedureStepSequence", "ScheduledProtocolCodeSequence"
Shape = dict[str, Any]
"""Keywords of a data set; a sequence's with those of its item, None if it has no item."""

# PS3.4 Table K.6-1: return key types 1 and 2, as far as they are no sequences
TYPE_1: Final = ("PatientName", "PatientID", "StudyInstanceUID", "RequestedProcedureID")
STEP_TYPE_1: Final = (
    "Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime", "ScheduledProcedureStepID",
)  # fmt: skip
TYPE_2: Final = (
    "AccessionNumber", "RequestedProcedurePriority", "PatientTransportArrangements", "RequestingPhysician",
    "ReferringPhysicianName", "AdmissionID", "CurrentPatientLocation", "PatientBirthDate", "PatientSex",
    "PatientWeight", "ConfidentialityConstraintOnPatientDataDescription", "PatientState", "PregnancyStatus",
    "MedicalAlerts", "Allergies", "SpecialNeeds",
)  # fmt: skip
STEP_TYPE_2: Final = (
    "ScheduledPerformingPhysicianName", "ScheduledStationName", "ScheduledProcedureStepLocation",
)  # fmt: skip
SEQUENCES_TYPE_2: Final = ("ReferencedStudySequence", "ReferencedPatientSequence")

WHOLE_STEP: Final = {
    *STEP_TYPE_1, *STEP_TYPE_2, CODE, "ScheduledProcedureStepDescription", "RequestedContrastAgent",
    "PreMedication", "ScheduledProcedureStepStatus", "ScheduledProcedureStepEndDate",
    "ScheduledProcedureStepEndTime", "CommentsOnTheScheduledProcedureStep",
}  # fmt: skip


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, acceptor: str) -> Iterator[Relay]:
    with exams_on(tmp_path_factory.mktemp("relay"), acceptor=acceptor) as running:
        yield running


def shape(dataset: Dataset) -> Shape:
    """Return what a data set carries, but for the character set, which is in every one."""
    return {
        element.keyword: (shape(element.value[0]) if element.value else None) if element.VR == "SQ" else ...
        for element in dataset
        if element.keyword != "SpecificCharacterSet"
    }


def of(*keywords: str, **sequences: Any) -> Shape:
    return {**dict.fromkeys(keywords, ...), **sequences}


ASKED: Final[dict[str, tuple[str, Shape]]] = {
    "an attribute": ("PatientName", of("PatientName")),
    "an attribute without a value": ("AccessionNumber", of("AccessionNumber")),
    "an attribute nobody knows": ("PatientState", of("PatientState")),
    "by its number": ("0010,0040=F", of("PatientSex")),
    "one of the step": ("Step.Modality", of(ScheduledProcedureStepSequence=of("Modality"))),
    "two of the step": (
        "Step.Modality=MR & Step.ScheduledStationName",
        of(ScheduledProcedureStepSequence=of("Modality", "ScheduledStationName")),
    ),
    "of the code": (
        "Code.CodeValue & Code.CodeMeaning",
        of(ScheduledProcedureStepSequence={CODE: of("CodeValue", "CodeMeaning")}),
    ),
    "the code without an item": (
        f"Step.{CODE}",
        of(ScheduledProcedureStepSequence={
            CODE: of("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
        }),
    ),
    "the code with an empty item": (
        f"Step.{CODE}[0]",
        of(ScheduledProcedureStepSequence={
            CODE: of("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
        }),
    ),
    "sequences that have no item here": (
        "RequestedProcedureCodeSequence & ReferencedStudySequence & ReferencedPatientSequence",
        of(
            RequestedProcedureCodeSequence=None,
            ReferencedStudySequence=None,
            ReferencedPatientSequence=None,
        ),
    ),
    "and their attributes": (
        "RequestedProcedureCodeSequence[0].CodeValue & ReferencedStudySequence[0].ReferencedSOPInstanceUID",
        of(RequestedProcedureCodeSequence=None, ReferencedStudySequence=None),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), ASKED.values(), ids=ASKED)
def test_what_was_asked_is_returned_and_nothing_else(
    relay: Relay, tmp_path: Path, keys: str, expected: Shape
) -> None:
    asked = keys.split(" & ")
    found = findscu(relay, tmp_path, "PatientID=jane", *asked)
    assert [shape(answer) for answer in found.answers] == [{**of("PatientID"), **expected}]


@pytest.mark.parametrize("key", [STEP, f"{STEP}[0]"], ids=["no item", "an empty item"])
def test_a_sequence_asked_for_with_nothing_in_it_means_all_of_its_attributes(
    relay: Relay, tmp_path: Path, key: str
) -> None:
    found = findscu(relay, tmp_path, "PatientID=jane", key)
    (answer,) = found.answers
    (step,) = answer[STEP].value
    assert {element.keyword for element in step} == WHOLE_STEP
    assert step[CODE].value[0].CodeValue == "HEAD_T1"


def test_a_code_too_long_for_its_value_travels_as_a_long_code_in_its_place(
    relay: Relay, tmp_path: Path
) -> None:
    (answer,) = findscu(relay, tmp_path, "PatientID=janet", "Code.CodeValue").answers
    (code,) = answer[STEP].value[0][CODE].value
    assert shape(code) == of("LongCodeValue")
    assert code.LongCodeValue == "HEAD_T2_WITH_A_LONG_NAME"


def test_values_are_the_items_own_not_those_of_the_query(relay: Relay, tmp_path: Path) -> None:
    keys = ("PatientName=DOE^JA*", "PatientSex=F", "Step.ScheduledProcedureStepStartDate=20261101-20261130")
    (answer,) = findscu(relay, tmp_path, *keys).answers
    assert str(answer.PatientName) == "Doe^Jane"
    assert answer[STEP].value[0].ScheduledProcedureStepStartDate == "20261120"


def test_every_value_of_an_item_arrives(relay: Relay, tmp_path: Path) -> None:
    asked = saved(tmp_path / "asked.dcm", everything())
    (answer,) = findscu(relay, tmp_path, "PatientID=jane", asked=(asked,)).answers
    (step,) = answer[STEP].value
    (code,) = step[CODE].value
    told = {element.keyword: str(element.value) for each in (answer, step, code) for element in each}
    assert (
        told.items()
        >= {
            "PatientName": "Doe^Jane",
            "PatientID": "jane",
            "IssuerOfPatientID": "NORTH",
            "PatientBirthDate": "19800229",
            "PatientSex": "F",
            "PatientWeight": "61.5",
            "PatientSize": "1.71",
            "PregnancyStatus": "4",
            "MedicalAlerts": "Pacemaker",
            "Allergies": "Gadolinium",
            "AccessionNumber": "ACC-100",
            "ReferringPhysicianName": "Wilson^James",
            "StudyInstanceUID": "1.2.826.0.1.3680043.10.1",
            "RequestedProcedureID": "REQ-100",
            "RequestedProcedureDescription": "MR head and neck",
            "Modality": "MR",
            "ScheduledStationAETitle": "MR1",
            "ScheduledStationName": "ROOM-1",
            "ScheduledProcedureStepStartDate": "20261120",
            "ScheduledProcedureStepStartTime": "083000",
            "ScheduledPerformingPhysicianName": "House^Gregory",
            "ScheduledProcedureStepDescription": "MR head",
            "ScheduledProcedureStepID": "STEP-100",
            "ScheduledProcedureStepStatus": "SCHEDULED",
            "CodeValue": "HEAD_T1",
            "CodingSchemeDesignator": "99LOCAL",
            "CodeMeaning": "HEAD_T1",
        }.items()
    )


def test_type_1_is_never_empty_and_type_2_always_there(relay: Relay, tmp_path: Path) -> None:
    asked = saved(tmp_path / "asked.dcm", everything())
    answers = findscu(relay, tmp_path, asked=(asked,)).answers
    assert {answer.PatientID for answer in answers} == OPEN
    for answer in answers:
        (step,) = answer[STEP].value
        needs_one = not str(answer).isascii()
        assert answer.get("SpecificCharacterSet") == ("ISO_IR 192" if needs_one else None)
        assert all(answer[keyword].value for keyword in TYPE_1)
        assert all(step[keyword].value for keyword in STEP_TYPE_1)
        assert all(keyword in answer for keyword in (*TYPE_2, *SEQUENCES_TYPE_2))
        assert all(keyword in step for keyword in STEP_TYPE_2)
        # 1C: a description, or a code
        assert answer.RequestedProcedureDescription or answer.RequestedProcedureCodeSequence
        assert step.ScheduledProcedureStepDescription or step[CODE].value
        for code in step[CODE].value:
            assert code.CodingSchemeDesignator
            assert code.get("CodeValue") or code.get("LongCodeValue")


def test_dcmtk_has_nothing_to_complain_of(relay: Relay, tmp_path: Path) -> None:
    asked = saved(tmp_path / "asked.dcm", everything())
    found = findscu(relay, tmp_path, asked=(asked,))
    assert [complaints(file) for file in found.files] == [[]] * len(OPEN)


def test_explicit_vr_carries_the_same(relay: Relay, tmp_path: Path) -> None:
    # findscu always offers implicit VR too, and that is what it is given: pynetdicom asks for explicit alone.
    asked = saved(tmp_path / "asked.dcm", everything())
    expected = findscu(relay, tmp_path, asked=(asked,)).answers
    service = ModalityWorklistInformationFind
    with associated(relay, SCANNER, service, syntax=ExplicitVRLittleEndian) as association:
        found = list(association.send_c_find(everything(), service))
    answers = [identifier for _, identifier in found if identifier is not None]
    assert list(map(shape, answers)) == list(map(shape, expected))
    for number, (answer, twin) in enumerate(zip(answers, expected, strict=True)):
        assert str(answer) == str(Dataset(twin))
        assert complaints(saved(tmp_path / f"explicit{number}.dcm", answer)) == []
