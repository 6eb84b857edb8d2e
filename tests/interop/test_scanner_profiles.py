"""Scanners on one relay: each sees its own exams, no more and no less, and only from where it may call.

The relay takes the date from the cloud's clock, so the fake cloud's is set to a day in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from edge_relay.relay import Relay
from shared.worklist_item import WorklistItem
from tests.interop.dcmtk import PENDING, SUCCESS, WARNING, Tool, findscu, installed, tool
from tests.interop.scu import associated
from tests.rigs.relay import RELAY_AET, FakeCloud, eventually, item, running_relay
from tests.rigs.worklist import asking, step

pytestmark = installed

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def exam(name: str, **changes: Any) -> WorklistItem:
    """Return an exam as PRISMA1 is to see it, but for the changes."""
    fields = {"scheduled_start_time": "100000", "patient_id": name, "medical_alerts": "Pacemaker", **changes}
    return item(name, **fields)


EXAMS: Final = (
    exam("mine"),
    exam("twin", scheduled_station_aetitle="MR1B"),
    exam("room", scheduled_station_aetitle="ANY_MR", station_name="ROOM-7"),
    exam("title", scheduled_station_aetitle="PRISMA1"),
    exam("before", scheduled_start_date="20261121"),
    exam("too_old", scheduled_start_date="20261120"),
    exam("ahead", scheduled_start_date="20261129"),
    exam("too_far", scheduled_start_date="20261130"),
    exam("arrived", performed_procedure_step_status="ARRIVED"),
    exam("running", performed_procedure_step_status="IN_PROGRESS"),
    exam("over", performed_procedure_step_status="COMPLETED"),
    exam("off", performed_procedure_step_status="CANCELLED"),
    exam("spectro", modality="OT"),
    exam("others", scheduled_station_aetitle="MR2"),
    exam("others_room", scheduled_station_aetitle="MR2", station_name="ROOM-8"),
    exam("ct", scheduled_station_aetitle="CT1", modality="CT"),
    exam("pet", scheduled_station_aetitle="PET1", modality="PT", performed_procedure_step_status="ARRIVED"),
    exam("ct_tomorrow", scheduled_station_aetitle="CT1", modality="CT", scheduled_start_date="20261123"),
    exam("ct_running", scheduled_station_aetitle="CT1", modality="CT",
         performed_procedure_step_status="IN_PROGRESS"),
    exam("vida", scheduled_station_aetitle="VIDA2"),
)  # fmt: skip
EVERY: Final = frozenset(each.id for each in EXAMS)
OVER: Final = frozenset({"over", "off"})

SCANNERS: Final[list[dict[str, Any]]] = [
    {
        "ae_title": "PRISMA1",
        "station_ae_titles": ["MR1", "MR1B"],
        "station_names": ["ROOM-7"],
        "modalities": ["MR"],
        "days_back": 1,
        "days_ahead": 7,
    },
    {
        "ae_title": "CT_SCAN",
        "modalities": ["CT", "PT"],
        "days_back": 0,
        "days_ahead": 0,
        "statuses": ["SCHEDULED", "ARRIVED"],
    },
    {"ae_title": "VIDA2", "restrict_to_station": True},
    {"ae_title": "CONSOLE"},
    {
        "ae_title": "ARCHIVE",
        "station_ae_titles": ["MR1"],
        "restrict_to_station": False,
        "statuses": ["COMPLETED"],
    },
    {"ae_title": "ELSEWHERE", "addresses": ["10.0.0.0/8"]},
    {"ae_title": "HERE", "addresses": ["10.0.0.0/8", "127.0.0.1"]},
    {"ae_title": "ONE", "max_associations": 1},
    {
        "ae_title": "CHANGED",
        "extra_attributes": ["PatientWeight", "ScheduledStationName"],
        "suppressed_attributes": ["MedicalAlerts"],
        "fixed_values": {"InstitutionName": "North Hospital", "ScheduledProcedureStepLocation": "Floor 5"},
    },
]

PRISMA1_SEES: Final = frozenset(
    {"mine", "twin", "room", "title", "before", "ahead", "arrived", "running"}
)  # fmt: skip
CT_SCAN_SEES: Final = frozenset({"ct", "pet"})
STATUS, STATION = "Step.ScheduledProcedureStepStatus", "Step.ScheduledStationAETitle"
DAYS: Final = "Step.ScheduledProcedureStepStartDate"


class Row(NamedTuple):
    """Who asks what, and is shown which exams."""

    calling: str
    keys: str
    sees: frozenset[str]


SHOWN: Final = (
    Row("PRISMA1", "", PRISMA1_SEES),
    Row("PRISMA1", f"{STATION}=PRISMA1", PRISMA1_SEES),  # its own title stands for all its stations
    Row("PRISMA1", f"{STATION}=MR1", PRISMA1_SEES),
    Row("PRISMA1", f"{STATION}=MR2", frozenset()),
    Row("PRISMA1", f"{STATION}=MR*", frozenset({"mine", "twin", "before", "ahead", "arrived", "running"})),
    Row("PRISMA1", "Step.ScheduledStationName=ROOM-7", frozenset({"room"})),
    Row("PRISMA1", "Step.Modality=MR", PRISMA1_SEES),
    Row("PRISMA1", "Step.Modality=OT", frozenset()),
    Row("PRISMA1", "Step.Modality=*", PRISMA1_SEES),
    Row("PRISMA1", f"{DAYS}=20261101-20261231", PRISMA1_SEES),
    Row("PRISMA1", f"{DAYS}=20261120", frozenset()),
    Row("PRISMA1", f"{DAYS}=20261129-", frozenset({"ahead"})),
    Row("PRISMA1", f"{STATUS}=COMPLETED", frozenset({"over"})),
    Row("PRISMA1", f"{STATUS}=CANCELLED\\STARTED", frozenset({"off", "running"})),
    Row("PRISMA1", "PatientID=others", frozenset()),
    Row("PRISMA1", "PatientID=mine", frozenset({"mine"})),
    Row("CT_SCAN", "", CT_SCAN_SEES),
    Row("CT_SCAN", f"{STATION}=CT1", frozenset({"ct"})),
    Row("CT_SCAN", f"{STATION}=MR1", frozenset()),
    Row("CT_SCAN", "Step.Modality=PT\\MR", frozenset({"pet"})),
    Row("CT_SCAN", f"{DAYS}=20261123", frozenset()),
    Row("CT_SCAN", f"{STATUS}=STARTED", frozenset({"ct_running"})),
    Row("VIDA2", "", frozenset({"vida"})),
    Row("VIDA2", f"{STATION}=MR1", frozenset()),
    Row("CONSOLE", "", EVERY - OVER),
    Row("CONSOLE", f"{STATION}=MR2", frozenset({"others", "others_room"})),
    Row("ARCHIVE", "", frozenset({"over"})),
    Row("ARCHIVE", f"{STATUS}=SCHEDULED & {STATION}=VIDA2", frozenset({"vida"})),
    Row("HERE", "", EVERY - OVER),
)


@contextmanager
def hospital(folder: Path, **changes: Any) -> Iterator[tuple[Relay, FakeCloud]]:
    with FakeCloud() as cloud:
        cloud.clock_skew_seconds = (NOW - datetime.now(UTC)).total_seconds()
        cloud.put(*EXAMS)
        with running_relay(folder, cloud, scanners=SCANNERS, time_zone="UTC", **changes) as relay:
            eventually(lambda: relay.cache.count() == len(EXAMS))
            yield relay, cloud


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, acceptor: str) -> Iterator[Relay]:
    with hospital(tmp_path_factory.mktemp("relay"), acceptor=acceptor) as (running, _):
        yield running


def echoscu(relay: Relay, calling: str, called: str = RELAY_AET) -> Tool:
    host, port = relay.address
    return tool("echoscu", "-aet", calling, "-aec", called, host, str(port))


def asking_as(relay: Relay, calling: str) -> AbstractContextManager[Association]:
    return associated(relay, calling, ModalityWorklistInformationFind)


def seen(association: Association, asked: Dataset | None = None) -> set[str]:
    """Return the exams one association is shown."""
    found = association.send_c_find(asked or asking(PatientID=""), ModalityWorklistInformationFind)
    return {identifier.PatientID for _, identifier in found if identifier is not None}


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: f"{row.calling}: {row.keys or 'all'}")
def test_a_scanner_sees_its_own_exams_no_more_and_no_less(relay: Relay, tmp_path: Path, row: Row) -> None:
    keys = [key for key in row.keys.split(" & ") if key]
    if not row.keys.startswith("PatientID="):
        keys.append("PatientID")
    found = findscu(relay, tmp_path, *keys, calling=row.calling)
    assert {answer.PatientID for answer in found.answers} == row.sees
    assert found.statuses == (PENDING,) * len(row.sees) + (SUCCESS,)


def test_two_scanners_asking_at_once_get_each_its_own(relay: Relay) -> None:
    with asking_as(relay, "PRISMA1") as first, asking_as(relay, "CT_SCAN") as second:
        for _ in range(3):
            assert seen(first) == PRISMA1_SEES
            assert seen(second) == CT_SCAN_SEES


def test_the_status_page_would_show_what_the_scanner_is_shown(relay: Relay) -> None:
    for title, sees in (("PRISMA1", PRISMA1_SEES), ("CT_SCAN", CT_SCAN_SEES), ("CONSOLE", EVERY - OVER)):
        assert {each.id for each in relay.seen_by(title) or ()} == sees


@pytest.mark.parametrize("calling", ["ELSEWHERE", "STRANGER"])
def test_a_caller_that_is_unknown_or_calls_from_elsewhere_is_refused(relay: Relay, calling: str) -> None:
    done = echoscu(relay, calling)
    assert done.code != 0
    assert "Calling AE Title Not Recognized" in done.errors
    assert "Rejected Permanent" in done.errors


def test_a_caller_that_wants_somebody_else_is_refused(relay: Relay) -> None:
    done = echoscu(relay, "CONSOLE", called="PACS")
    assert done.code != 0
    assert "Called AE Title Not Recognized" in done.errors


def test_a_scanner_has_no_more_associations_than_its_profile_says(relay: Relay) -> None:
    with asking_as(relay, "ONE"):
        done = echoscu(relay, "ONE")
        assert done.code != 0
        assert "Rejected Transient" in done.errors
        assert "Local Limit Exceeded" in done.errors
        assert echoscu(relay, "CONSOLE").code == 0  # nobody else is held up
    eventually(lambda: echoscu(relay, "ONE").code == 0)


def test_attributes_are_added_taken_away_and_fixed_as_the_profile_says(relay: Relay, tmp_path: Path) -> None:
    found = findscu(
        relay, tmp_path, "PatientID=mine", "InstitutionName", "MedicalAlerts",
        "Step.Modality", "Step.ScheduledProcedureStepLocation", calling="CHANGED",
    )  # fmt: skip
    (answer,) = found.answers
    assert {element.keyword for element in answer} == {
        "PatientID", "InstitutionName", "PatientWeight",
        "ScheduledProcedureStepSequence",
    }  # fmt: skip
    assert (answer.InstitutionName, str(answer.PatientWeight)) == ("North Hospital", "61.235")
    (scheduled,) = answer.ScheduledProcedureStepSequence
    assert {element.keyword for element in scheduled} == {
        "Modality", "ScheduledProcedureStepLocation", "ScheduledStationName",
    }  # fmt: skip
    assert scheduled.ScheduledProcedureStepLocation == "Floor 5"
    assert found.statuses == (WARNING, SUCCESS)  # what was asked for is not all there


def test_a_fixed_value_is_matched_and_extra_attributes_come_unasked(relay: Relay, tmp_path: Path) -> None:
    assert not findscu(relay, tmp_path, "InstitutionName=South*", calling="CHANGED").answers
    found = findscu(relay, tmp_path, "PatientID=mine", "InstitutionName=North*", calling="CHANGED")
    (answer,) = found.answers
    assert "PatientWeight" in answer
    assert [element.keyword for element in answer.ScheduledProcedureStepSequence[0]] == [
        "ScheduledStationName"
    ]
    assert found.statuses == (PENDING, SUCCESS)


def test_what_is_suppressed_is_still_matched_on(relay: Relay, tmp_path: Path) -> None:
    assert not findscu(relay, tmp_path, "PatientID", "MedicalAlerts=None", calling="CHANGED").answers
    found = findscu(relay, tmp_path, "PatientID=mine", "MedicalAlerts=Pace*", calling="CHANGED")
    (answer,) = found.answers
    assert "MedicalAlerts" not in answer


def test_what_the_cloud_overrides_shows_at_the_next_query_of_an_open_association(
    tmp_path: Path, acceptor: str
) -> None:
    with (
        hospital(tmp_path, acceptor=acceptor, heartbeat_interval_seconds=0.05) as (relay, cloud),
        asking_as(relay, "PRISMA1") as scanner,
    ):

        def overridden(version: str, **fields: Any) -> None:
            cloud.overrides = [{"ae_title": "PRISMA1", **fields}] if fields else []
            cloud.version = version
            eventually(lambda: relay.profiles.version == version)

        assert seen(scanner) == PRISMA1_SEES
        overridden("1", days_back=0, days_ahead=0)
        assert seen(scanner) == PRISMA1_SEES - {"before", "ahead"}
        overridden("2", modalities=["OT"])
        assert seen(scanner) == {"spectro"}
        overridden("3", station_ae_titles=["MR2"], station_names=None)
        assert seen(scanner) == {"others", "others_room", "title"}
        overridden("4", statuses=["COMPLETED"])
        assert seen(scanner) == {"over"}
        overridden("5", restrict_to_station=False)
        assert seen(scanner) == PRISMA1_SEES | {"others", "others_room", "vida"}
        asked = step(ScheduledStationAETitle="VIDA2")
        asked.PatientID = ""
        assert seen(scanner, asked) == {"vida"}
        overridden("6")
        assert seen(scanner) == PRISMA1_SEES
