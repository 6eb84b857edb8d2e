"""Which items a scanner's query finds: every matching kind, and the scanner's own selection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from edge_relay.worklist.overlay import Overlay
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile
from shared.worklist_item import Status
from tests.rigs.relay import item
from tests.rigs.worklist import ANYONE, TODAY, Worklist, asking, encoded, everything, step


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[Worklist]:
    opened = Worklist(tmp_path)
    yield opened
    opened.close()


def profile(**settings: Any) -> ScannerProfile:
    return ScannerProfile.model_validate(ANYONE.model_dump(exclude_defaults=True) | settings)


@pytest.mark.parametrize(
    ("asked", "hit"),
    [
        (asking(PatientName="DOE*"), True),
        (asking(PatientName="doe^jane"), True),
        (asking(PatientName="Doe"), True),
        (asking(PatientName="Doe^"), True),
        (asking(PatientName="D?e^J*"), True),
        (asking(PatientName="ROE"), False),
        (asking(PatientID="P-001"), True),
        (asking(PatientID="P-00?"), True),
        (asking(PatientID="P-002"), False),
        (asking(PatientID="P-002*"), False),
        (asking(AccessionNumber=item().accession_number), True),
        (asking(AccessionNumber="X"), False),
        (asking(StudyInstanceUID=["1.2", item().study_instance_uid]), True),
        (asking(StudyInstanceUID="1.2"), False),
        (asking(RequestedProcedureID=item().requested_procedure_id), True),
        (asking(RequestedProcedureID="X"), False),
        (asking(RequestedProcedureDescription="MR*"), True),
        (asking(PatientBirthDate="19800229"), True),
        (asking(PatientBirthDate="-19791231"), False),
        (asking(PatientSex="F"), True),
        (asking(PatientSex="M"), False),
        (asking(MedicalAlerts="?*"), False),
        (step(ScheduledStationAETitle="MR1"), True),
        (step(ScheduledStationAETitle="MR?"), True),
        (step(ScheduledStationAETitle="MR2"), False),
        (step(Modality="MR"), True),
        (step(Modality=["CT", "MR"]), True),
        (step(Modality="CT"), False),
        (step(ScheduledProcedureStepStartDate="20261122"), True),
        (step(ScheduledProcedureStepStartDate="20261101-20261130"), True),
        (step(ScheduledProcedureStepStartDate="20261123-"), False),
        (step(ScheduledProcedureStepStartDate=["20261121", "20261122"]), True),
        (step(ScheduledProcedureStepStartTime="0900-1000"), True),
        (step(ScheduledProcedureStepStartTime="1000-"), False),
        (step(ScheduledPerformingPhysicianName="wu"), True),
        (step(ScheduledPerformingPhysicianName="li"), False),
        (step(ScheduledProcedureStepID=item().scheduled_procedure_step_id), True),
        (step(ScheduledProcedureStepID="X"), False),
        (step(ScheduledStationName="Room 1"), True),
        (step(ScheduledStationName="Room 2"), False),
        (step(ScheduledProtocolCodeSequence=[asking(CodeValue="BRAIN_T1")]), True),
        (step(ScheduledProtocolCodeSequence=[asking(CodeValue="KNEE")]), False),
        (asking(PatientName="", ScheduledProcedureStepSequence=[asking(Modality="")]), True),
        (asking(PatientName="*", PatientID="**"), True),
        (everything(), True),
        (asking(PatientID="P-001", PatientName="ROE"), False),
        (asking(PatientID="P-001", AccessionNumber="X"), False),
    ],
)
def test_every_matching_key_selects(worklist: Worklist, asked: Dataset, hit: bool) -> None:
    worklist.put(item(performing_physician="Wu^Li", station_name="Room 1"))
    assert bool(worklist.ids(asked)) is hit


def test_a_key_of_a_sequence_never_finds_an_item_without_it(worklist: Worklist) -> None:
    worklist.put(item(protocol_name=""))
    for key in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
        assert worklist.ids(step(ScheduledProtocolCodeSequence=[asking(**{key: "?*"})])) == []
    assert worklist.ids(step(ScheduledProtocolCodeSequence=[asking(CodeValue="")])) == ["item-1"]


DAYS = [
    item(f"{day}T{clock}", scheduled_start_date=f"202611{day}", scheduled_start_time=clock)
    for day in ("20", "21", "22")
    for clock in ("070000", "100000", "130000")
]


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        # both ranges: one interval (PS3.4 Table K.6-1)
        (
            "20261120-20261122",
            "0800-1200",
            "20T100000 20T130000 21T070000 21T100000 21T130000 22T070000 22T100000",
        ),
        ("20261121-", "0800-1200", "21T100000 21T130000 22T070000 22T100000 22T130000"),
        ("-20261121", "0800-1200", "20T070000 20T100000 20T130000 21T070000 21T100000"),
        ("20261121-20261122", "0800-", "21T100000 21T130000 22T070000 22T100000 22T130000"),
        ("20261120-20261121", "-0800", "20T070000 20T100000 20T130000 21T070000"),
        ("20261121-20261121", "0800-1200", "21T100000"),
        # otherwise each by itself
        ("20261121", "0800-1200", "21T100000"),
        ("20261120-20261121", "10", "20T100000 21T100000"),
        ("20261120-20261121", "", "20T070000 20T100000 20T130000 21T070000 21T100000 21T130000"),
        ("", "0800-1200", "20T100000 21T100000 22T100000"),
    ],
)
def test_two_ranges_are_one_interval_and_everything_else_is_separate(
    worklist: Worklist, day: str, clock: str, expected: str
) -> None:
    worklist.put(*DAYS)
    asked = step(ScheduledProcedureStepStartDate=day, ScheduledProcedureStepStartTime=clock)
    assert worklist.ids(asked) == expected.split()


def test_a_profile_can_ask_for_the_times_of_each_day(worklist: Worklist) -> None:
    worklist.put(*DAYS)
    asked = step(
        ScheduledProcedureStepStartDate="20261120-20261122", ScheduledProcedureStepStartTime="0800-1200"
    )
    separate = profile(combine_date_and_time=False)
    assert worklist.ids(asked, separate) == ["20T100000", "21T100000", "22T100000"]


def test_a_profile_can_ignore_accents(worklist: Worklist) -> None:
    worklist.put(item(patient_name="Müller^Åse"))
    asked = asking(PatientName="Muller")
    assert worklist.ids(asked) == []
    assert worklist.ids(asked, profile(ignore_accents=True)) == ["item-1"]


def test_answers_come_by_start_and_then_by_id(worklist: Worklist) -> None:
    worklist.put(*reversed(DAYS), item("b"), item("a"))
    expected = [each.id for each in DAYS[:7]] + ["a", "b"] + [each.id for each in DAYS[7:]]
    assert worklist.ids(everything()) == expected
    assert worklist.ids(step(Modality=["MR", "CT"])) == expected
    assert worklist.ids(asking(PatientID=["P-001", "P-002"])) == expected
    assert [each.id for each in worklist.visible()] == expected


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.NO_SHOW}))
def test_steps_that_are_over_are_left_out_unless_the_query_names_their_status(
    worklist: Worklist, status: Status
) -> None:
    worklist.put(item(performed_procedure_step_status=status))
    over = status in {Status.COMPLETED, Status.DISCONTINUED, Status.CANCELLED}
    assert bool(worklist.ids(step(Modality=""))) is not over
    assert bool(worklist.visible()) is not over
    assert worklist.ids(step(ScheduledProcedureStepStatus=status.dicom_status()))
    shown = profile(statuses=[status])
    assert worklist.ids(step(Modality=""), shown) == ["item-1"]


@pytest.mark.parametrize("asked", ["", "NO_SHOW", "*", "N*", ["NO_SHOW", "SCHEDULED"]])
def test_no_query_finds_an_exam_whose_day_passed(worklist: Worklist, asked: str | list[str]) -> None:
    worklist.put(item(performed_procedure_step_status=Status.NO_SHOW))
    assert worklist.ids(step(ScheduledProcedureStepStatus=asked)) == []
    assert worklist.ids(asking(StudyInstanceUID=item().study_instance_uid)) == []
    assert worklist.visible() == []


def test_a_scan_undoes_no_show_before_the_cloud_has_heard_of_it(worklist: Worklist) -> None:
    worklist.put(item(performed_procedure_step_status=Status.NO_SHOW))
    worklist.overlay = {"item-1": Overlay(Status.IN_PROGRESS, "event", None)}
    assert worklist.ids(step(ScheduledProcedureStepStatus="STARTED")) == ["item-1"]


def test_by_default_a_scanner_sees_from_yesterday_to_thirty_days_ahead(worklist: Worklist) -> None:
    days = {days: (TODAY + timedelta(days)).strftime("%Y%m%d") for days in (-2, -1, 0, 30, 31)}
    worklist.put(*(item(f"day{number}", scheduled_start_date=day) for number, day in days.items()))
    usual = ScannerProfile(ae_title="SCANNER")
    assert worklist.ids(everything(), usual) == ["day-1", "day0", "day30"]
    assert worklist.ids(step(ScheduledProcedureStepStartDate=days[-2]), usual) == []
    assert worklist.ids(asking(PatientID="P-001"), usual) == ["day-1", "day0", "day30"]
    assert [each.id for each in worklist.visible(usual)] == ["day-1", "day0", "day30"]


def test_an_unconfirmed_status_decides_what_is_found(worklist: Worklist) -> None:
    worklist.put(item("a"), item("b", performed_procedure_step_status=Status.DISCONTINUED))
    worklist.overlay = {
        "a": Overlay(Status.COMPLETED, "event", None),
        "b": Overlay(Status.SCHEDULED, "event", None),
    }
    assert worklist.ids(everything()) == ["b"]
    assert worklist.ids(step(ScheduledProcedureStepStatus="COMPLETED")) == ["a"]
    assert [each.performed_procedure_step_status for each in worklist.visible()] == [Status.SCHEDULED]
    worklist.overlay = {"a": Overlay(Status.COMPLETED, "event", 1)}  # the cache shows it by now
    assert worklist.ids(everything()) == ["a"]


STATIONS = [
    item("1-own", scheduled_station_aetitle="SCANNER"),
    item("2-alias", scheduled_station_aetitle="ALIAS"),
    item("3-room", scheduled_station_aetitle="OTHER", station_name="Room 1"),
    item("4-both", scheduled_station_aetitle="ALIAS", station_name="Room 1"),
    item("5-other", scheduled_station_aetitle="OTHER"),
]
MINE = {"station_ae_titles": ["ALIAS"], "station_names": ["Room 1"]}


@pytest.mark.parametrize(
    ("settings", "station", "expected"),
    [
        ({}, "", "1 2 3 4 5"),
        ({}, "SCANNER", "1"),
        ({}, "OTHER", "3 5"),
        ({"restrict_to_station": True}, "", "1"),
        (MINE, "", "1 2 3 4"),
        (MINE, "SCANNER", "1 2 3 4"),
        (MINE, "ALIAS", "1 2 3 4"),
        (MINE, "OTHER", "3"),
        (MINE, "OTH*", "3"),
        (MINE, "NOBODY", ""),
        ({**MINE, "restrict_to_station": False}, "", "1 2 3 4 5"),
        ({**MINE, "restrict_to_station": False}, "SCANNER", "1 2 3 4"),
        ({**MINE, "restrict_to_station": False}, "OTHER", "3 5"),
    ],
)
def test_a_scanner_sees_its_own_exams_no_more_and_no_less(
    worklist: Worklist, settings: dict[str, Any], station: str, expected: str
) -> None:
    worklist.put(*STATIONS)
    found = worklist.ids(step(ScheduledStationAETitle=station), profile(**settings))
    assert [each[0] for each in found] == expected.split()
    by_patient = asking(
        PatientID="P-001", ScheduledProcedureStepSequence=[asking(ScheduledStationAETitle=station)]
    )
    assert worklist.ids(by_patient, profile(**settings)) == found


def test_days_are_counted_from_the_sites_today(worklist: Worklist) -> None:
    days = {days: (TODAY + timedelta(days)).strftime("%Y%m%d") for days in range(-3, 4)}
    worklist.put(*(item(f"day{number}", scheduled_start_date=day) for number, day in days.items()))
    narrow = profile(days_back=1, days_ahead=2)
    assert worklist.ids(everything(), narrow) == ["day-1", "day0", "day1", "day2"]
    assert worklist.ids(step(ScheduledProcedureStepStartDate="-20261122"), narrow) == ["day-1", "day0"]
    assert worklist.ids(step(ScheduledProcedureStepStartDate="20261118-20261119"), narrow) == []
    assert worklist.ids(everything(), profile(days_back=0)) == ["day0", "day1", "day2", "day3"]


def test_only_the_profiles_modalities_are_shown(worklist: Worklist) -> None:
    worklist.put(item("ct", modality="CT"), item("mr"), item("us", modality="US"))
    some = profile(modalities=["CT", "MR"])
    assert worklist.ids(everything(), some) == ["ct", "mr"]
    assert worklist.ids(step(Modality=["MR", "US"]), some) == ["mr"]
    assert worklist.ids(step(Modality="US"), some) == []
    assert worklist.ids(step(Modality="?*"), some) == ["ct", "mr"]


def test_a_list_too_long_for_the_index_finds_the_same(worklist: Worklist) -> None:
    worklist.put(item())
    uids = [f"2.25.{number}" for number in range(700)]
    assert worklist.ids(asking(StudyInstanceUID=[*uids, item().study_instance_uid])) == ["item-1"]
    assert worklist.ids(asking(StudyInstanceUID=uids)) == []
    assert worklist.ids(step(Modality=[f"M{number}" for number in range(30)] + ["MR"])) == ["item-1"]


def test_the_same_bytes_find_what_has_changed_meanwhile(worklist: Worklist) -> None:
    data = encoded(everything())
    assert worklist.ids(data) == []
    worklist.put(item("a"))
    assert worklist.ids(data) == ["a"]
    worklist.put(item("b"))
    assert worklist.ids(data) == ["b"]


def test_a_malformed_identifier_is_rejected_before_anything_is_read(worklist: Worklist) -> None:
    worklist.reader.close()
    with pytest.raises(Rejected):
        worklist.find(b"\x10\x00\x10")
