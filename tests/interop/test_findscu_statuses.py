"""What a query is answered with besides matches: FF01, A900, FE00; and transfer at all its sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edge_relay.relay import Relay
from tests.interop.dcmtk import (
    CANCELLED,
    MALFORMED,
    PENDING,
    SUCCESS,
    WARNING,
    Found,
    findscu,
    installed,
    saved,
    tool,
)
from tests.interop.exams import EXAMS, OPEN, exams_on
from tests.rigs.relay import RELAY_AET, SCANNER, item
from tests.rigs.worklist import asking, step

pytestmark = installed

DAYS, HOURS = "Step.ScheduledProcedureStepStartDate", "Step.ScheduledProcedureStepStartTime"
KANJI: Final = "鷗" * 64  # 192 bytes in UTF-8
ANYTHING: Final = (  # attributes without a source, of VR that hold so much
    "InstitutionName", "InstitutionAddress", "AdmissionID", "CurrentPatientLocation", "SpecialNeeds",
    "PatientState", "PatientTransportArrangements", "PatientAddress", "StudyDescription", "PatientComments",
    "RequestedProcedureComments", "ImagingServiceRequestComments", "InstitutionalDepartmentName",
    "StudyComments", "VisitComments", "OtherPatientIDs", "AdditionalPatientHistory",
    "ReasonForTheRequestedProcedure", "PatientReligiousPreference", "RegionOfResidence", "BranchOfService",
)  # fmt: skip


SCANNERS: Final[list[dict[str, Any]]] = [
    {"ae_title": SCANNER},
    {"ae_title": "LONG", "fixed_values": dict.fromkeys(ANYTHING, KANJI)},
]


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, acceptor: str) -> Iterator[Relay]:
    with exams_on(tmp_path_factory.mktemp("relay"), acceptor=acceptor, scanners=SCANNERS) as running:
        yield running


def ids(found: Found) -> set[str]:
    return {answer.PatientID for answer in found.answers}


NOT_SUPPORTED: Final = {
    "an attribute the worklist does not have": "PatientReligiousPreference",
    "one of studies": "StudyDate=20261122",
    "one of the step": "Step.PatientReligiousPreference",
    "one of the code": "Code.ContextIdentifier",
    "a value of what is not matched on": "PatientWeight=99",
    "a value of what nobody knows": "Code.CodingSchemeVersion=7",
    "a value of a sequence's that has no item": "ReferencedStudySequence[0].ReferencedSOPClassUID=1.2.3",
}


@pytest.mark.parametrize("key", NOT_SUPPORTED.values(), ids=NOT_SUPPORTED)
def test_an_optional_key_not_supported_is_told_and_does_not_select(
    relay: Relay, tmp_path: Path, key: str
) -> None:
    found = findscu(relay, tmp_path, "PatientID", key)
    assert found.statuses == (WARNING,) * len(OPEN) + (SUCCESS,)
    assert ids(found) == OPEN


@pytest.mark.parametrize(
    "key", ["RequestingPhysician", "PatientWeight=*", "PatientState=", "ReferencedStudySequence"]
)
def test_an_empty_key_of_what_nobody_knows_is_supported(relay: Relay, tmp_path: Path, key: str) -> None:
    found = findscu(relay, tmp_path, "PatientID", key)
    assert found.statuses == (PENDING,) * len(OPEN) + (SUCCESS,)


BAD: Final = {  # keys, and what the Error Comment names
    "half a date": (f"{DAYS}=2026", "ScheduledProcedureStepStartDate"),
    "no such day": (f"{DAYS}=20260230", "ScheduledProcedureStepStartDate"),
    "no such month": (f"{DAYS}=20261122-20261322", "ScheduledProcedureStepStartDate"),
    "a range of nothing": (f"{DAYS}=-", "ScheduledProcedureStepStartDate"),
    "a wild card in a date": (f"{DAYS}=2026*", "ScheduledProcedureStepStartDate"),
    "a wild card for a digit": (f"{DAYS}=2026112?", "ScheduledProcedureStepStartDate"),
    "a date with a month's name": ("PatientBirthDate=22NOV2026", "PatientBirthDate"),
    "no such hour": (f"{HOURS}=2500", "ScheduledProcedureStepStartTime"),
    "no such minute": (f"{HOURS}=0960-1000", "ScheduledProcedureStepStartTime"),
    "a wild card in a time": (f"{HOURS}=09*", "ScheduledProcedureStepStartTime"),
    "a time range of nothing": (f"{HOURS}=-", "ScheduledProcedureStepStartTime"),
    "two items": (
        "Step.Modality=MR & ScheduledProcedureStepSequence[1].Modality=CT",
        "ScheduledProcedureStepSequence",
    ),
    "four groups of a name": ("PatientName=a=b=c=d", "PatientName"),
    "nothing but what is not supported": ("StudyDate", "no attribute"),
    "nothing but the character set": ("SpecificCharacterSet=ISO_IR 100", "no attribute"),
}


@pytest.mark.parametrize(("keys", "named"), BAD.values(), ids=BAD)
def test_a_malformed_identifier_is_a900_and_says_why(
    relay: Relay, tmp_path: Path, keys: str, named: str
) -> None:
    found = findscu(relay, tmp_path, *keys.split(" & "))
    assert found.statuses == (MALFORMED,)
    assert found.comment.startswith("identifier: ")
    assert named in found.comment


def test_after_a_malformed_identifier_the_association_goes_on(relay: Relay, tmp_path: Path) -> None:
    bad = saved(tmp_path / "bad.dcm", step(ScheduledProcedureStepStartTime="2500"))
    good = saved(tmp_path / "good.dcm", asking(PatientID="jane"))
    found = findscu(relay, tmp_path, asked=(bad, good, bad, good))
    assert found.statuses == (MALFORMED, PENDING, SUCCESS, MALFORMED, PENDING, SUCCESS)


def test_one_association_serves_many_queries(relay: Relay, tmp_path: Path) -> None:
    found = findscu(relay, tmp_path, "PatientID=jo*", options=("--repeat", "20"))
    assert found.statuses == (PENDING, SUCCESS) * 20


def test_an_association_that_is_aborted_leaves_the_next_in_peace(relay: Relay, tmp_path: Path) -> None:
    for _ in range(3):
        assert findscu(relay, tmp_path, "PatientID=jane", options=("--abort",)).statuses == (PENDING, SUCCESS)
    assert ids(findscu(relay, tmp_path, "PatientID=john")) == {"john"}


@pytest.mark.parametrize("longest", ["4096", "16384", "131072"])
def test_answers_fit_the_longest_pdu_the_peer_takes(relay: Relay, tmp_path: Path, longest: str) -> None:
    asked = asking(PatientID="", **dict.fromkeys(ANYTHING, ""))
    file = saved(tmp_path / "asked.dcm", asked)
    found = findscu(relay, tmp_path, asked=(file,), calling="LONG", options=("-pdu", longest))
    assert found.statuses == (PENDING,) * len(OPEN) + (SUCCESS,)
    assert ids(found) == OPEN
    assert min(file.stat().st_size for file in found.files) > 4096
    assert all(answer.InstitutionName == KANJI for answer in found.answers)


@pytest.mark.parametrize("syntax", ["-x=", "-xe", "-xi", "-xd"])
def test_whatever_transfer_syntaxes_are_offered_one_is_found(
    relay: Relay, tmp_path: Path, syntax: str
) -> None:
    assert ids(findscu(relay, tmp_path, "PatientID=jane", options=(syntax,))) == {"jane"}


@pytest.mark.parametrize("model", ["-P", "-S"])
def test_a_query_model_that_is_no_worklist_is_not_accepted(relay: Relay, model: str) -> None:
    host, port = relay.address
    done = tool("findscu", model, "-aet", SCANNER, "-aec", RELAY_AET, host, str(port), "-k", "PatientID")
    assert done.code != 0
    assert "No Acceptable Presentation Contexts" in done.errors + done.out


def test_a_cancel_ends_the_answers_with_fe00(tmp_path: Path, acceptor: str) -> None:
    # 7 MB of answers: more than the system's buffers would swallow before the cancel arrives.
    many = tuple(item(f"i{number}", patient_id=f"i{number}") for number in range(1500))
    asked = saved(tmp_path / "asked.dcm", asking(PatientID="", **dict.fromkeys(ANYTHING, "")))
    with exams_on(tmp_path / "relay", acceptor=acceptor, exams=many + EXAMS, scanners=SCANNERS) as relay:
        (tmp_path / "found").mkdir()
        options = ("--cancel", "1", "-Xlo", "1")
        found = findscu(relay, tmp_path / "found", asked=(asked,), calling="LONG", options=options)
        assert found.statuses[-1] == CANCELLED
        assert 1 <= len(found.statuses) - 1 < len(many)
        assert ids(findscu(relay, tmp_path / "found", "PatientID=jane")) == {"jane"}


def test_a_private_key_is_told_and_does_not_select(relay: Relay, tmp_path: Path) -> None:
    asked = asking(PatientID="")
    asked.private_block(0x0009, "SOMEBODY", create=True).add_new(0x01, "LO", "X")
    found = findscu(relay, tmp_path, asked=(saved(tmp_path / "asked.dcm", asked),))
    assert found.statuses == (WARNING,) * len(OPEN) + (SUCCESS,)
