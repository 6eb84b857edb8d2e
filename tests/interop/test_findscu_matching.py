"""Every kind of matching of PS3.4 C.2.2.2, asked by DCMTK's findscu of a running relay, a row each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from edge_relay.relay import Relay
from tests.interop.dcmtk import PENDING, SUCCESS, findscu, installed
from tests.interop.exams import EXAMS, OPEN, exams_on

pytestmark = installed

ALL: Final = " ".join(OPEN)
UTF8: Final = "SpecificCharacterSet=ISO_IR 192"
NORTH: Final = "1.2.826.0.1.3680043.10"  # the root of the study UIDs
DAYS, HOURS = "Step.ScheduledProcedureStepStartDate", "Step.ScheduledProcedureStepStartTime"
STATUS: Final = "Step.ScheduledProcedureStepStatus"
MAGNETS: Final = "jane janet dolan muller plain hong wang arrived started"


class Row(NamedTuple):
    """One query.

    :param keys: as findscu takes them, joined by `` & ``.
    :param finds: the exams it must find, no more and no less.
    """

    keys: str
    finds: str
    calling: str = "SCANNER1"


SINGLE_VALUE: Final = (  # C.2.2.2.1
    Row("PatientID=jane", "jane"),
    Row("PatientID=jan", ""),
    Row("PatientID=JANE", ""),  # case matters, but for names
    Row("PatientID=nobody", ""),
    Row("IssuerOfPatientID=NORTH", "jane"),
    Row("AccessionNumber=ACC-200", "john"),
    Row("RequestedProcedureID=REQ-100", "jane"),
    Row("RequestedProcedureDescription=CT chest", "john"),
    Row("MedicalAlerts=Pacemaker", "jane"),
    Row("Allergies=Gadolinium", "jane"),
    Row("PatientSex=M", "john"),
    Row("PatientBirthDate=19800229", "jane"),
    Row(f"StudyInstanceUID={NORTH}.3", "janet"),
    Row("ReferringPhysicianName=Wilson^James", "jane"),
    Row("Step.Modality=CT", "john yamada"),
    Row("Step.ScheduledStationAETitle=MR2", "dolan plain hong wang"),
    Row("Step.ScheduledStationName=ROOM-1", "jane janet"),
    Row("Step.ScheduledProcedureStepID=STEP-200", "john"),
    Row("Step.ScheduledProcedureStepDescription=MR head", "jane"),
    Row("Step.ScheduledPerformingPhysicianName=House^Gregory", "jane"),
    Row("Code.CodeValue=HEAD_T1", "jane"),
    Row("Code.CodingSchemeDesignator=99LOCAL", "jane"),
    Row("Code.CodeMeaning=CHEST", "john"),
    Row("Code.LongCodeValue=HEAD_T2_WITH_A_LONG_NAME", "janet"),
    Row("PatientSex=F & Step.Modality=MR & Step.ScheduledStationAETitle=MR1", "jane"),
    Row("PatientSex=F & Step.Modality=CT", ""),
)

LISTS: Final = (  # C.2.2.2.2 for UI; consoles send several values of other attributes too
    Row(f"StudyInstanceUID={NORTH}.1\\{NORTH}.3\\{NORTH}.99", "jane janet"),
    Row("Step.Modality=CT\\US", "john yamada obrien berg"),
    Row("PatientID=jane\\john", "jane john"),
    Row("PatientID=jane\\ho*", "jane hong"),
    Row("PatientName=O'Brien\\Bare", "obrien bare"),
    Row(f"{DAYS}=20261120\\20261126", "jane john bare"),
)

UNIVERSAL: Final = (  # C.2.2.2.3
    Row("PatientName=", ALL),
    Row("PatientName=*", ALL),
    Row("PatientName=**", ALL),
    Row("PatientName=^", ALL),
    Row("PatientBirthDate=", ALL),
    Row("PatientSex=*", ALL),
    Row("StudyInstanceUID=*", ALL),
    Row("AccessionNumber=", ALL),
    Row(f"{DAYS}=", ALL),
    Row(f"{DAYS}=*", ALL),
    Row(f"{HOURS}=", ALL),
    Row("Step.Modality=", ALL),
    Row(f"{STATUS}=", ALL),
    Row(f"{STATUS}=*", ALL),
    Row("Code.CodeValue=", ALL),
    Row("Code.CodeValue=*", ALL),
    Row("ScheduledProcedureStepSequence", ALL),
)

WILD_CARDS: Final = (  # C.2.2.2.4
    Row("PatientID=ja*", "jane janet"),  # LO
    Row("PatientID=*an*", "jane janet dolan wang"),
    Row("PatientID=j??n", "john"),
    Row("PatientID=?", ""),
    Row("RequestedProcedureDescription=MR head*", "jane"),
    Row("RequestedProcedureDescription=CT ches?", "john"),
    Row("IssuerOfPatientID=*O*TH", "jane john"),
    Row("MedicalAlerts=?iabetes", "john"),
    Row("Allergies=Gad*", "jane"),
    Row("Step.ScheduledProcedureStepDescription=*chest", "john"),
    Row("AccessionNumber=ACC-?00", "jane john"),  # SH
    Row("RequestedProcedureID=REQ-*", "jane john"),
    Row("Step.ScheduledProcedureStepID=STEP-1*", "jane"),
    Row("Step.ScheduledStationName=ROOM-?", "jane john janet dolan"),
    Row("Code.CodeValue=HEAD_*", "jane"),
    Row("Code.CodingSchemeDesignator=99LO*", "jane"),
    Row("Code.CodeMeaning=*HEAD*", "jane janet"),
    Row("PatientSex=?", "jane john janet"),  # CS
    Row("Step.Modality=?R", MAGNETS + " bare"),
    Row("Step.Modality=*T", "john yamada"),
    Row("Step.ScheduledStationAETitle=MR?", MAGNETS),  # AE
    Row("Step.ScheduledStationAETitle=*1", "jane john janet muller yamada obrien berg arrived started"),
    Row("Code.LongCodeValue=HEAD_T2*", "janet"),  # UC
    Row("PatientName=Do*", "jane john janet dolan"),  # PN
    Row("PatientName=Do?^Jane", "jane"),
    Row("PatientName=D*n", "john dolan"),  # without a caret a wild card may run across components
    Row("PatientName=*^Jane", "jane dolan"),
    Row(f"StudyInstanceUID={NORTH}.*", ""),  # UI has none: this is a UID that nobody has
    Row(f"StudyInstanceUID={NORTH}.?", ""),
)

RANGES: Final = (  # C.2.2.2.5
    Row(f"{DAYS}=20261120", "jane john"),
    Row(f"{DAYS}=20261120-20261121", "jane john janet dolan"),
    Row(f"{DAYS}=20261124-", "obrien berg arrived started bare"),
    Row(f"{DAYS}=-20261121", "jane john janet dolan"),
    Row(f"{DAYS}=20261123-20261123", "hong wang"),
    Row(f"{DAYS}=20261122-20261120", ""),
    Row(f"{DAYS}=20261201-", ""),
    Row(f"{DAYS}=2026.11.24", "obrien berg"),  # ACR-NEMA 300
    Row("PatientBirthDate=19790101-19800229", "jane john"),
    Row("PatientBirthDate=19800301-", "janet"),
    Row(f"{HOURS}=093015", "wang"),
    Row(f"{HOURS}=0930", "wang"),  # all of that minute
    Row(f"{HOURS}=09", "hong wang started"),
    Row(f"{HOURS}=12:00:30", "plain"),
    Row(f"{HOURS}=0900-0930", "hong wang started"),
    Row(f"{HOURS}=120001-120030", "plain"),
    Row(f"{HOURS}=-0700", "janet obrien"),
    Row(f"{HOURS}=235959-", "yamada"),
    Row(f"{HOURS}=000000-000000.000000", "obrien"),
)

MORNINGS: Final = f"{DAYS}=20261120-20261122 & {HOURS}=0800-1200"
FROM_THE_22ND: Final = f"{DAYS}=20261122- & {HOURS}=0900-1000"
TO_THE_21ST: Final = f"{DAYS}=-20261121 & {HOURS}=0900-"
DATE_AND_TIME: Final = (  # the remark in PS3.4 Table K.6-1: two ranges are one interval; or each by itself
    Row(MORNINGS, "jane john janet dolan muller plain"),
    Row(MORNINGS, "jane dolan muller plain", "EACH_DAY"),
    Row(FROM_THE_22ND, "muller plain yamada hong wang obrien berg arrived started bare"),
    Row(FROM_THE_22ND, "hong wang started", "EACH_DAY"),
    Row(TO_THE_21ST, "jane john janet dolan"),
    Row(TO_THE_21ST, "john dolan", "EACH_DAY"),
    Row(f"{DAYS}=20261120 & {HOURS}=0800-1200", "jane"),
    Row(f"{DAYS}=20261120 & {HOURS}=0800-1200", "jane", "EACH_DAY"),
    Row(f"{DAYS}=20261120-20261124 & {HOURS}=0900", "hong"),
    Row(f"{DAYS}=20261120-20261124 & {HOURS}=0900", "hong", "EACH_DAY"),
    Row(f"{DAYS}=20261120-20261121 & {HOURS}=", "jane john janet dolan"),
    Row(f"{DAYS}=20261120-20261122 & {HOURS}=0800-1200 & PatientSex=M", "john"),
    Row(f"{DAYS}=20261120-20261122 & {HOURS}=0800-1200 & PatientSex=M", "", "EACH_DAY"),
)

NAMES: Final = (
    Row("PatientName=Doe^Jane", "jane"),
    Row("PatientName=DOE^JANE", "jane"),
    Row("PatientName=doe", "jane john janet"),
    Row("PatientName=Doe^", "jane john janet"),
    Row("PatientName=Doe^^^^", "jane john janet"),
    Row("PatientName=Doe^Jan*", "jane janet"),
    Row("PatientName=Doe^*^Mary", "janet"),
    Row("PatientName=^Jane", "jane dolan"),
    Row("PatientName=Doe Jane", "jane"),
    Row("PatientName=doe jan*", "jane janet"),
    Row("PatientName=van der berg", "berg"),
    Row("PatientName=van der Berg^Anna Maria", "berg"),
    Row("PatientName=o'brien^", "obrien"),
    Row("Step.ScheduledPerformingPhysicianName=house", "jane"),
    Row("Step.ScheduledPerformingPhysicianName=*^Lisa", "john"),
    Row("ReferringPhysicianName=wil*", "jane"),
    Row(f"{UTF8} & PatientName=Müller", "muller"),
    Row(f"{UTF8} & PatientName=MÜLLER^åse", "muller"),
    Row(f"{UTF8} & PatientName=Mu\u0308ller", "muller"),  # the same, not composed
    Row("PatientName=Muller", "plain"),
    Row("PatientName=Muller", "plain muller", "ACCENTS"),
    Row(f"{UTF8} & PatientName=Müller^Åse", "plain muller", "ACCENTS"),
    Row("PatientName=*ller^?se", "plain muller", "ACCENTS"),
    Row(f"{UTF8} & PatientName=山田^太郎", "yamada"),
    Row(f"{UTF8} & PatientName=山田*", "yamada"),
    Row(f"{UTF8} & PatientName=山?^太郎", "yamada"),  # one character, however many bytes
    Row(f"{UTF8} & PatientName==山田^太郎", "yamada"),
    Row(f"{UTF8} & PatientName===やまだ", "yamada"),
    Row(f"{UTF8} & PatientName=yamada=山田", "yamada"),
    Row(f"{UTF8} & PatientName=yamada=鈴木", ""),
    Row(f"{UTF8} & PatientName==やまだ", ""),  # not in that group
    Row(f"{UTF8} & PatientName=홍^길동", "hong"),
    Row(f"{UTF8} & PatientName=王*", "wang"),
)

STATUSES: Final = (  # a query that names a status is not held to those shown by default
    Row(f"{STATUS}=SCHEDULED", " ".join(OPEN - {"arrived", "started"})),
    Row(f"{STATUS}=ARRIVED", "arrived"),
    Row(f"{STATUS}=STARTED", "started"),
    Row(f"{STATUS}=COMPLETED", "done"),
    Row(f"{STATUS}=DISCONTINUED\\CANCELLED", "given_up cancelled"),
    Row(f"{STATUS}=C*", "done cancelled"),
    Row(f"{STATUS}=STARTED & Step.Modality=CT", ""),
)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, acceptor: str) -> Iterator[Relay]:
    with exams_on(tmp_path_factory.mktemp("relay"), acceptor=acceptor) as running:
        yield running


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{kind}: {row.keys} of {row.calling}")
        for kind, rows in {
            "single value": SINGLE_VALUE,
            "list": LISTS,
            "universal": UNIVERSAL,
            "wild card": WILD_CARDS,
            "range": RANGES,
            "date and time": DATE_AND_TIME,
            "name": NAMES,
            "status": STATUSES,
        }.items()
        for row in rows
    ],
)
def test_a_query_finds_what_it_asks_for_and_nothing_else(relay: Relay, tmp_path: Path, row: Row) -> None:
    keys = row.keys.split(" & ")
    if not any(key.startswith("PatientID=") for key in keys):
        keys.append("PatientID")
    found = findscu(relay, tmp_path, *keys, calling=row.calling)
    assert sorted(answer.PatientID for answer in found.answers) == sorted(row.finds.split())
    assert found.statuses == (PENDING,) * len(found.files) + (SUCCESS,)


def test_without_any_value_all_that_is_not_over_is_found_by_date_and_time(
    relay: Relay, tmp_path: Path
) -> None:
    found = findscu(relay, tmp_path, "PatientID")
    booked = sorted(EXAMS, key=lambda exam: (exam.scheduled_start_date, exam.scheduled_start_time))
    assert [answer.PatientID for answer in found.answers] == [exam.id for exam in booked if exam.id in OPEN]
