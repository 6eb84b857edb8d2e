"""Whatever a scanner sends, no log line of the relay has anything of a participant in it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from edge_relay.client import scu
from shared.errors import MwlError
from tests.rigs.relay import FakeCloud, RelayProcess, began, completed, eventually, item, query, shown

SECRETS = ("Zebrowska", "Xanthippe", "PIDQ4711", "19510203", "Xylophone", "ALLERGYZ", "DRWATZON")
PARTICIPANT = {
    "patient_name": "Zebrowska^Xanthippe",
    "patient_id": "PIDQ4711",
    "patient_birth_date": "19510203",
    "medical_alerts": "Xylophone in head",
    "allergies": "ALLERGYZ",
    "referring_physician_name": "DRWATZON^X",
}
ITEM = item("secret", **PARTICIPANT)
IDENTIFIERS = (ITEM.accession_number, ITEM.study_instance_uid, ITEM.scheduled_procedure_step_id)


def tolerated(peer: scu.Peer, query: Dataset) -> None:
    """Ask, whatever the answer is."""
    try:
        scu.find(peer, query)
    except MwlError:
        return


def bad_queries() -> list[Dataset]:
    """Return queries that are wrong in their own ways, with a participant in each."""
    range_of_names = query(ScheduledProcedureStepStartDate="20261399-Zebrowska")
    wrong_date = query()
    wrong_date.PatientBirthDate = "195102031"
    unknown_charset = query()
    unknown_charset.add_new(0x00080005, "CS", "ISO_IR 9999")
    unknown_charset.PatientName = "Zebrowska^Xanthippe"
    too_long = query()
    too_long.add_new(0x00100020, "LO", "PIDQ4711" * 20)
    return [range_of_names, wrong_date, unknown_charset, too_long]


def bad_steps() -> list[tuple[Dataset, str]]:
    """Return attribute lists that are wrong in their own ways, and the SOP instances they are for."""
    unstarted = began(ITEM)
    unstarted.PerformedProcedureStepStatus = "Xylophone"
    bare = Dataset()
    bare.PatientName = ITEM.patient_name
    bare.PatientID = ITEM.patient_id
    wrong_birth_date = began(ITEM)
    wrong_birth_date.add_new(0x00100030, "DA", "19510203X")
    return [(unstarted, "2.25.91"), (bare, "2.25.92"), (wrong_birth_date, "2.25.93")]


def garbage(peer: scu.Peer) -> None:
    """Send what is no DICOM, but has a participant in it."""
    for raw in (
        b"Zebrowska^Xanthippe" * 20,
        b"\x01\x00\x00\x00\x00\x40" + b"PIDQ4711" * 8,
        b"\x04\x00\x00\x00\x00\x13Zebrowska^Xanthippe",
    ):
        with socket.create_connection((peer.host, peer.port), 10) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                continue


@pytest.mark.filterwarnings(
    "ignore:.*:UserWarning"
)  # pydicom's, on this side, about what is wrong on purpose
@pytest.mark.parametrize("form", ["plain", "json"])
def test_no_log_line_says_anything_of_a_participant(
    tmp_path: Path, cloud: FakeCloud, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    cloud.put(ITEM)
    process = RelayProcess(tmp_path, cloud, log_format=form)
    peer = process.start()
    scu.echo(peer)
    eventually(lambda: len(shown(peer)) == 2)
    for asked in bad_queries():
        tolerated(peer, asked)
    scu.create_step(peer, began(ITEM), "2.25.90")
    scu.set_step(peer, completed(), "2.25.90")
    for attributes, uid in bad_steps():
        try:
            scu.create_step(peer, attributes, uid)
        except MwlError:
            continue
    for uid in ("2.25.90", "2.25.404"):
        with pytest.raises(MwlError):
            scu.set_step(peer, completed(), uid)
    garbage(peer)
    cloud.wait_for(lambda c: len(c.recorded) >= 2)
    assert process.end() == 0
    said = capfd.readouterr()
    for secret in (*SECRETS, *IDENTIFIERS):
        assert secret not in said.err + said.out
    assert "N-SET" in said.err
    if form == "json":
        lines = [json.loads(line) for line in said.err.splitlines()]
        assert all({"time", "level", "logger", "message"} == set(line) for line in lines)
