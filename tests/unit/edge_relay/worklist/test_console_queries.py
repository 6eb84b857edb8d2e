"""What consoles ask for: sixty keys at once, each answered with the item's value, and FF00."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.dicom.optional_attributes import OptionalAttributes
from tests.rigs.console import SIXTY_KEYS, full_item, sixty_keys, values_of
from tests.rigs.relay import item
from tests.rigs.worklist import Worklist, asking, step


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[Worklist]:
    opened = Worklist(tmp_path, item())
    yield opened
    opened.close()


@pytest.mark.parametrize("implicit", [True, False])
def test_an_ultrasound_consoles_sixty_keys_are_all_supported_and_answered(
    worklist: Worklist, implicit: bool
) -> None:
    worklist.put(full_item())
    asked = sixty_keys()
    assert len(SIXTY_KEYS) >= 60
    assert not worklist.find(asked, implicit=implicit).incomplete
    (got,) = worklist.answers(asked, implicit=implicit)
    assert values_of(got) == {keyword: text for keyword, text in values_of(asked, SIXTY_KEYS).items()}


def test_of_an_item_that_has_none_of_them_the_keys_come_back_empty(worklist: Worklist) -> None:
    (got,) = worklist.answers(sixty_keys())
    assert {element.tag for element in got} == {element.tag for element in sixty_keys()}
    assert got.PatientComments == got.EthnicGroup == ""
    assert len(got.OtherPatientIDsSequence) == len(got.RequestedProcedureCodeSequence) == 0


def test_every_optional_attribute_is_answered_by_some_key() -> None:
    said = " ".join(values_of(sixty_keys(), SIXTY_KEYS).values())
    full = full_item()
    untold = {name for name in OptionalAttributes.model_fields if getattr(full, name) not in said}
    assert untold == set()


@pytest.mark.parametrize("name", ["other_patient_ids", "clinical_trial_subject_id", "admission_id"])
def test_an_exam_is_withheld_if_one_of_its_identifiers_cannot_be_carried(
    worklist: Worklist, name: str
) -> None:
    worklist.put(item(**{name: "Ł438"}))
    assert worklist.answers(asking(PatientID=""), charset=("ISO_IR 100",)) == []
    assert len(worklist.answers(asking(PatientID=""))) == 1


def test_a_code_that_cannot_be_carried_is_left_out_and_the_others_stay(worklist: Worklist) -> None:
    worklist.put(item(requested_procedure_code_value="Ł1", reason_code_value="R1"))
    asked = asking(RequestedProcedureCodeSequence=[], ReasonForRequestedProcedureCodeSequence=[])
    (got,) = worklist.answers(asked, charset=("ISO_IR 100",))
    assert len(got.RequestedProcedureCodeSequence) == 0
    assert got.ReasonForRequestedProcedureCodeSequence[0].CodeValue == "R1"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (asking(ClinicalTrialSubjectID="S-7"), True),
        (asking(ClinicalTrialSubjectID="S-*"), True),
        (asking(ClinicalTrialSubjectID="S-8"), False),
        (asking(PatientComments="*claustro*"), True),
        (asking(OtherPatientIDsSequence=[asking(PatientID="OTHER")]), True),
        (asking(OtherPatientIDsSequence=[asking(PatientID="P-001")]), False),
        (asking(PatientID="OTHER"), False),
        (asking(RequestedProcedureCodeSequence=[asking(CodeValue="RP1")]), True),
        (asking(RequestedProcedureCodeSequence=[asking(CodeValue="BRAIN_T1")]), False),
        (step(ScheduledProtocolCodeSequence=[asking(CodeValue="RP1")]), False),
        (step(CommentsOnTheScheduledProcedureStep="bring*"), True),
    ],
)
def test_they_are_matched_where_they_are_asked_for_and_nowhere_else(
    worklist: Worklist, asked: object, found: bool
) -> None:
    worklist.put(
        item(
            clinical_trial_subject_id="S-7",
            patient_comments="mild claustrophobia",
            other_patient_ids="OTHER",
            requested_procedure_code_value="RP1",
            comments_on_the_scheduled_procedure_step="bring the headphones",
        )
    )
    assert bool(worklist.ids(asked)) is found  # type: ignore[arg-type]
