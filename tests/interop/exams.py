"""The worklist of the interop tests: seventeen exams, each with something of its own to be found by.

An exam's id is its patient's id too, so that what was found can be read from the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_relay.relay import Relay
from shared.worklist_item import WorklistItem
from tests.rigs.relay import FakeCloud, eventually, item, running_relay


def _exam(
    name: str, patient: str, modality: str, station: str, day: int, clock: str, **fields: Any
) -> WorklistItem:
    given = {
        "patient_id": name,
        "patient_name": patient,
        "modality": modality,
        "scheduled_station_aetitle": station,
        "scheduled_start_date": f"202611{day}",
        "scheduled_start_time": clock,
        "protocol_name": "",
        "patient_sex": "",
        "patient_birth_date": "",
        "patient_weight_kg": "",
    }
    return item(name, **{**given, **fields})


EXAMS = (
    _exam(
        "jane", "Doe^Jane", "MR", "MR1", 20, "083000",
        patient_sex="F", patient_birth_date="19800229", patient_weight_kg="61.5", patient_size_m="1.71",
        accession_number="ACC-100", requested_procedure_id="REQ-100", scheduled_procedure_step_id="STEP-100",
        station_name="ROOM-1", performing_physician="House^Gregory", referring_physician_name="Wilson^James",
        procedure_description="MR head", study_description="MR head and neck", protocol_name="HEAD_T1",
        hisris_coding_designator="99LOCAL", issuer_of_patient_id="NORTH", medical_alerts="Pacemaker",
        allergies="Gadolinium", pregnancy_status=4, study_instance_uid="1.2.826.0.1.3680043.10.1",
    ),
    _exam(
        "john", "Doe^John", "CT", "CT1", 20, "123000",
        patient_sex="M", patient_birth_date="19790101", accession_number="ACC-200", station_name="ROOM-2",
        requested_procedure_id="REQ-200", scheduled_procedure_step_id="STEP-200", protocol_name="CHEST",
        performing_physician="Cuddy^Lisa", study_instance_uid="1.2.826.0.1.3680043.10.2",
        procedure_description="CT chest", issuer_of_patient_id="SOUTH", medical_alerts="Diabetes",
    ),
    _exam(
        "janet", "Doe^Janet^Mary^Dr", "MR", "MR1", 21, "070000",
        patient_sex="O", patient_birth_date="19800301", station_name="ROOM-1",
        protocol_name="HEAD_T2_WITH_A_LONG_NAME", study_instance_uid="1.2.826.0.1.3680043.10.3",
    ),
    _exam("dolan", "Dolan^Jane", "MR", "MR2", 21, "100000", station_name="ROOM-3"),
    _exam("muller", "Müller^Åse", "MR", "MR1", 22, "120000", allergies="Nüsse"),
    _exam("plain", "Muller^Ase", "MR", "MR2", 22, "120030"),
    _exam("yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう", "CT", "CT1", 22, "235959"),
    _exam("hong", "Hong^Gildong=洪^吉洞=홍^길동", "MR", "MR2", 23, "090000"),
    _exam("wang", "Wang^XiaoDong=王^小东", "MR", "MR2", 23, "093015"),
    _exam("obrien", "O'Brien", "US", "US1", 24, "000000"),
    _exam("berg", "van der Berg^Anna Maria", "US", "US1", 24, "110000"),
    _exam("bare", "Bare", "CR", "CR9", 26, "140000", accession_number=""),
    _exam("arrived", "Here^Now", "MR", "MR1", 25, "080000", performed_procedure_step_status="ARRIVED"),
    _exam("started", "Begun^Now", "MR", "MR1", 25, "090000", performed_procedure_step_status="IN_PROGRESS"),
    _exam("done", "Over^Now", "MR", "MR1", 25, "100000", performed_procedure_step_status="COMPLETED"),
    _exam("given_up", "Over^Not", "MR", "MR1", 25, "110000", performed_procedure_step_status="DISCONTINUED"),
    _exam("cancelled", "Off^Now", "MR", "MR1", 25, "120000", performed_procedure_step_status="CANCELLED"),
)  # fmt: skip

OVER = frozenset({"done", "given_up", "cancelled"})
OPEN = frozenset(exam.id for exam in EXAMS) - OVER

SCANNERS: list[dict[str, Any]] = [
    {"ae_title": "SCANNER1"},
    {"ae_title": "ACCENTS", "ignore_accents": True},
    {"ae_title": "EACH_DAY", "combine_date_and_time": False},
    {"ae_title": "DEFAULT", "charset": ["ISO_IR 6"]},
    {"ae_title": "LATIN1", "charset": ["ISO_IR 100"]},
    {"ae_title": "JAPAN", "charset": ["ISO 2022 IR 6", "ISO 2022 IR 87", "ISO 2022 IR 159"]},
    {"ae_title": "KATAKANA", "charset": ["ISO 2022 IR 13", "ISO 2022 IR 87"]},
    {"ae_title": "KOREA", "charset": ["ISO 2022 IR 6", "ISO 2022 IR 149"]},
    {"ae_title": "CHINA", "charset": ["ISO 2022 IR 6", "ISO 2022 IR 58"]},
    {"ae_title": "GB18030", "charset": ["GB18030"]},
    {"ae_title": "GBK", "charset": ["GBK"]},
    {"ae_title": "WESTERN", "charset": ["ISO 2022 IR 100", "ISO 2022 IR 87"]},
]


@contextmanager
def exams_on(
    folder: Path,
    *,
    acceptor: str,
    exams: tuple[WorklistItem, ...] = EXAMS,
    scanners: list[dict[str, Any]] | None = None,
) -> Iterator[Relay]:
    """Run a relay that has pulled these exams."""
    with (
        FakeCloud() as cloud,
        running_relay(folder, cloud, acceptor=acceptor, scanners=scanners or SCANNERS) as relay,
    ):
        cloud.put(*exams)
        eventually(lambda: relay.cache.count() == len(exams))
        yield relay
