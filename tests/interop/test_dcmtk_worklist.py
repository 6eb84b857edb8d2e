"""DCMTK's own tools against a running relay, as an independent judge of what we send."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pydicom.config
import pytest
from pydicom.filereader import dcmread

from edge_relay.relay import Relay
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import RELAY_AET, SCANNER, FakeCloud, eventually, item, running_relay

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("findscu", "echoscu", "dcmdump"))), reason="DCMTK is not installed"
)


@pytest.fixture
def relay(tmp_path: Path, acceptor: str) -> Iterator[Relay]:
    with FakeCloud() as cloud, running_relay(tmp_path / "state", cloud, acceptor=acceptor) as running:
        cloud.put(
            item("a", patient_size_m="1.7", pregnancy_status=4, medical_alerts="Pacemaker"),
            item("b", patient_name="Müller^Åse=山田^太郎", protocol_name="", patient_birth_date=""),
            item(
                "c", modality="CT", scheduled_start_date="20261123", protocol_name="A very long protocol name"
            ),
        )
        eventually(lambda: running.cache.count() == 3)
        yield running


def run(
    tool: str, relay: Relay, *arguments: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    host, port = relay.address
    command = [tool, "-aet", SCANNER, "-aec", RELAY_AET, *arguments]
    at = command.index("--") if "--" in command else len(command)
    command[at : at + 1] = [host, str(port)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=PATIENCE, check=False)


KEYS = {
    "everything": [
        "-k", "SpecificCharacterSet=ISO_IR 192", "-k", "PatientName", "-k", "PatientID",
        "-k", "PatientBirthDate", "-k", "PatientSex", "-k", "PatientWeight", "-k", "PatientSize",
        "-k", "PregnancyStatus", "-k", "MedicalAlerts", "-k", "Allergies", "-k", "AccessionNumber",
        "-k", "ReferringPhysicianName", "-k", "StudyInstanceUID", "-k", "RequestedProcedureID",
        "-k", "RequestedProcedureDescription", "-k", "RequestedProcedureCodeSequence",
        "-k", "ReferencedStudySequence", "-k", "ScheduledProcedureStepSequence",
    ],
    "one step": ["-k", "PatientName", "-k", "ScheduledProcedureStepSequence[0].Modality=MR"],
}  # fmt: skip


def find(relay: Relay, folder: Path, *arguments: str) -> list[Path]:
    folder.mkdir()
    done = run("findscu", relay, "-W", "-X", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return sorted(folder.glob("rsp*.dcm"))


def test_echoscu_is_answered(relay: Relay) -> None:
    assert run("echoscu", relay).returncode == 0


def test_an_unknown_caller_is_refused(relay: Relay) -> None:
    done = run("echoscu", relay, "-aet", "STRANGER")
    assert done.returncode != 0
    assert "Calling AE Title Not Recognized" in done.stderr


@pytest.mark.parametrize("syntax", ["-xi", "-xe"])
def test_every_answer_is_legal_for_dcmtk_and_for_strict_pydicom(
    relay: Relay, tmp_path: Path, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = find(relay, tmp_path / "answers", syntax, *KEYS["everything"])
    assert len(answers) == 3
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    for answer in answers:
        dumped = subprocess.run(["dcmdump", "-v", str(answer)], capture_output=True, text=True, check=False)
        assert dumped.returncode == 0
        complaints = [line for line in dumped.stderr.splitlines() if line.startswith(("W:", "E:"))]
        assert complaints == []
        assert str(dcmread(answer, force=True))


def test_only_what_matches_is_returned_with_only_what_was_asked(relay: Relay, tmp_path: Path) -> None:
    answers = find(relay, tmp_path / "answers", *KEYS["one step"])
    assert len(answers) == 2
    for answer in answers:
        dataset = dcmread(answer, force=True)
        needs_one = not str(dataset.PatientName).isascii()
        assert {e.keyword for e in dataset} - ({"SpecificCharacterSet"} if needs_one else set()) == {
            "PatientName",
            "ScheduledProcedureStepSequence",
        }
        assert {e.keyword for e in dataset.ScheduledProcedureStepSequence[0]} == {"Modality"}


def test_names_arrive_in_utf_8_with_their_groups(relay: Relay, tmp_path: Path) -> None:
    arguments = ["-k", "SpecificCharacterSet=ISO_IR 192", "-k", "PatientName=müller*"]
    (answer,) = find(relay, tmp_path / "answers", *arguments)
    assert str(dcmread(answer, force=True).PatientName) == "Müller^Åse=山田^太郎"


@pytest.mark.parametrize(
    ("date", "count"), [("20261122", 2), ("20261122-20261123", 3), ("20261123-", 1), ("-20261121", 0)]
)
def test_date_ranges_select(relay: Relay, tmp_path: Path, date: str, count: int) -> None:
    key = f"ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate={date}"
    assert len(find(relay, tmp_path / "answers", "-k", "PatientName", "-k", key)) == count


def test_a_cancel_from_findscu_is_obeyed(relay: Relay) -> None:
    done = run("findscu", relay, "-W", "--cancel", "1", "-k", "PatientName")
    assert done.returncode == 0, done.stderr
