"""Worklist queries and responses: what is asked, what is returned (PS3.4 Annex K)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pydicom.config
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.filewriter import dcmwrite

from edge_relay.charset import CharacterSet
from edge_relay.mwl import Query, Reading, matches, parse_query, respond
from edge_relay.worklist_attributes import PRIVATE_DESIGNATOR, WORKLIST
from shared.errors import Rejected
from shared.worklist_item import Status, WorklistItem
from tests.relay_rig import item, query

STANDARD = Reading()
UTF8 = CharacterSet(["ISO_IR 192"])


def asking(**keys: Any) -> Dataset:
    asked = Dataset()
    for keyword, value in keys.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        # Scanners send what they like: pydicom must not judge it here.
        asked.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=pydicom.config.IGNORE))
    return asked


def step(**keys: Any) -> Dataset:
    return asking(ScheduledProcedureStepSequence=[asking(**keys)])


def found(asked: Dataset, *items: WorklistItem, reading: Reading = STANDARD) -> list[str]:
    parsed = parse_query(asked, reading)
    return [each.id for each in items if matches(parsed, each)]


def answer(asked: Dataset, each: WorklistItem | None = None, charset: CharacterSet = UTF8) -> Dataset:
    return respond(parse_query(asked), each or item(), charset)[0]


@contextmanager
def strict_pydicom() -> Iterator[None]:
    before = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    try:
        yield
    finally:
        pydicom.config.settings.reading_validation_mode = before


def keywords(dataset: Dataset) -> set[str]:
    return {element.keyword for element in dataset}


@pytest.mark.parametrize(
    ("asked", "hit"),
    [
        (asking(PatientName="DOE*"), True),
        (asking(PatientName="ROE"), False),
        (asking(PatientID="P-001"), True),
        (asking(PatientID="P-002"), False),
        (asking(AccessionNumber=item().accession_number), True),
        (asking(AccessionNumber="X"), False),
        (asking(StudyInstanceUID=["1.2", item().study_instance_uid]), True),
        (asking(StudyInstanceUID="1.2"), False),
        (asking(RequestedProcedureID=item().requested_procedure_id), True),
        (asking(RequestedProcedureID="X"), False),
        (asking(PatientBirthDate="19800229"), True),
        (asking(PatientBirthDate="-19791231"), False),
        (asking(PatientSex="F"), True),
        (asking(PatientSex="M"), False),
        (step(ScheduledStationAETitle="MR1"), True),
        (step(ScheduledStationAETitle="MR2"), False),
        (step(Modality="MR"), True),
        (step(Modality=["CT", "MR"]), True),
        (step(Modality="CT"), False),
        (step(ScheduledProcedureStepStartDate="20261122"), True),
        (step(ScheduledProcedureStepStartDate="20261123-"), False),
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
    ],
)
def test_every_matching_key_selects(asked: Dataset, hit: bool) -> None:
    each = item(performing_physician="Wu^Li", station_name="Room 1")
    assert bool(found(asked, each)) is hit


@pytest.mark.parametrize("status", list(Status))
def test_steps_that_are_over_are_left_out_unless_the_query_names_their_status(status: Status) -> None:
    each = item(performed_procedure_step_status=status)
    over = status in {Status.COMPLETED, Status.DISCONTINUED, Status.CANCELLED}
    assert bool(found(step(Modality=""), each)) is not over
    assert found(step(ScheduledProcedureStepStatus=status.dicom_status()), each)


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
    day: str, clock: str, expected: str
) -> None:
    asked = step(ScheduledProcedureStepStartDate=day, ScheduledProcedureStepStartTime=clock)
    assert found(asked, *DAYS) == expected.split()


def test_a_profile_can_ask_for_the_times_of_each_day() -> None:
    asked = step(
        ScheduledProcedureStepStartDate="20261120-20261122", ScheduledProcedureStepStartTime="0800-1200"
    )
    separate = Reading(combine_date_and_time=False)
    assert found(asked, *DAYS, reading=separate) == ["20T100000", "21T100000", "22T100000"]


def test_the_conditions_for_the_store_follow_from_the_keys() -> None:
    asked = step(Modality="MR", ScheduledProcedureStepStartDate="20261120-20261122")
    asked.PatientID = "P-*"
    conditions = {c.field: c for c in parse_query(asked).conditions}
    assert conditions["modality"].values == ("MR",)
    assert conditions["scheduled_start_date"][2:] == ("20261120", "20261122")
    assert "patient_id" not in conditions


def test_the_answer_has_every_key_asked_for_and_no_other() -> None:
    asked = asking(PatientName="", PatientID="", MedicalAlerts="", ReferencedStudySequence=[])
    asked.ScheduledProcedureStepSequence = [asking(Modality="", ScheduledProcedureStepStartTime="")]
    got = answer(asked)
    assert keywords(got) == keywords(asked) | {"SpecificCharacterSet"}
    assert keywords(got.ScheduledProcedureStepSequence[0]) == {"Modality", "ScheduledProcedureStepStartTime"}


@pytest.mark.parametrize("asked", [[], [Dataset()]])
def test_a_sequence_without_keys_asks_for_all_of_its_attributes(asked: list[Dataset]) -> None:
    got = answer(asking(ScheduledProcedureStepSequence=asked))
    inner = keywords(got.ScheduledProcedureStepSequence[0])
    assert {"Modality", "ScheduledStationAETitle", "ScheduledProcedureStepID"} <= inner
    assert got.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence[0].CodeValue == "BRAIN_T1"


def test_text_always_declares_its_character_set_and_its_absence_needs_none() -> None:
    assert answer(asking(PatientName="")).SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in answer(asking(StudyInstanceUID=""))


def test_what_a_character_set_cannot_carry_degrades_visibly() -> None:
    name = item(patient_name="Łukasz^Åse^山")
    asked = asking(PatientName="")
    got, lossless = respond(parse_query(asked), name, CharacterSet(["ISO_IR 100"]))
    assert str(got.PatientName) == "?ukasz^Åse^?"
    assert got.SpecificCharacterSet == "ISO_IR 100"
    assert not lossless
    assert str(answer(asked, item(patient_name="Åse"), CharacterSet(["ISO_IR 6"])).PatientName) == "Ase"


def test_japanese_names_survive_iso_2022() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    got = answer(
        asking(PatientName=""), item(patient_name=name), CharacterSet(["ISO 2022 IR 6", "ISO 2022 IR 87"])
    )
    assert str(round_trip(got).PatientName) == name


def test_a_status_in_progress_is_started_towards_the_scanner() -> None:
    got = answer(
        step(ScheduledProcedureStepStatus=""), item(performed_procedure_step_status=Status.IN_PROGRESS)
    )
    assert got.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED"


def test_a_short_protocol_is_a_code_value_in_a_private_scheme() -> None:
    code = answer(query()).ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        "BRAIN_T1",
        PRIVATE_DESIGNATOR,
        "BRAIN_T1",
    )
    assert "LongCodeValue" not in code


def test_a_long_protocol_is_a_long_code_value_even_if_the_short_one_was_asked_for() -> None:
    protocol = "A protocol of more than sixteen"
    keys = asking(CodeValue="", CodingSchemeDesignator="", CodeMeaning="")
    asked = step(ScheduledProtocolCodeSequence=[keys])
    got = answer(asked, item(protocol_name=protocol, hisris_coding_designator="L"))
    code = got.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence[0]
    assert code.LongCodeValue == protocol
    assert code.CodingSchemeDesignator == "L"
    assert "CodeValue" not in code


def test_no_protocol_is_an_empty_sequence() -> None:
    got = answer(query(), item(protocol_name=""))
    assert len(got.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence) == 0


def test_the_study_description_falls_back_to_the_procedure() -> None:
    asked = asking(RequestedProcedureDescription="")
    assert answer(asked).RequestedProcedureDescription == "MR brain"
    assert (
        answer(asked, item(study_description="Ageing study")).RequestedProcedureDescription == "Ageing study"
    )


@pytest.mark.parametrize(
    ("asked", "incomplete"),
    [
        (asking(PatientName=""), False),
        (asking(PatientName="", EthnicGroup=""), True),
        (asking(PatientName="", PatientAddress=""), False),
        (asking(PatientName="", PatientAddress="Main Street"), True),
        (step(Modality="", CommentsOnTheScheduledProcedureStep=""), True),
    ],
)
def test_an_unsupported_optional_key_is_noticed(asked: Dataset, incomplete: bool) -> None:
    assert parse_query(asked).incomplete is incomplete


def test_an_unsupported_key_hides_nothing() -> None:
    assert found(asking(PatientID="", EthnicGroup="any", PatientAddress="any"), item()) == ["item-1"]


@pytest.mark.parametrize(
    "asked",
    [
        Dataset(),
        asking(SpecificCharacterSet="ISO_IR 192"),
        asking(ScheduledProcedureStepSequence=[asking(Modality="MR"), asking(Modality="CT")]),
        step(ScheduledProcedureStepStartDate="20261399"),
        step(ScheduledProcedureStepStartTime="99"),
    ],
)
def test_a_malformed_identifier_is_rejected(asked: Dataset) -> None:
    with pytest.raises(Rejected):
        parse_query(asked)


def round_trip(dataset: Dataset, *, implicit: bool = False) -> Dataset:
    buffer = BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=True)
    buffer.seek(0)
    return dcmread(buffer, force=True)


TEXT = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=16)


@given(name=TEXT, patient_id=TEXT, alerts=TEXT, clock=st.times(), day=st.dates())
def test_every_answer_is_legal_dicom_for_a_strict_reader(
    name: str, patient_id: str, alerts: str, clock: Any, day: Any
) -> None:
    each = item(
        patient_name=name,
        patient_id=patient_id,
        medical_alerts=alerts,
        scheduled_start_time=clock,
        scheduled_start_date=day,
        pregnancy_status=4,
        patient_size_m="1.7",
    )
    with strict_pydicom():
        got = round_trip(answer(query(), each))
        values = dict(walk(got))
    assert values["PatientWeight"] == 61.235
    assert all(not str(value).startswith("1.2.840.10008.") for value in values.values())


def walk(dataset: Dataset) -> Iterator[tuple[str, Any]]:
    for element in dataset:
        if element.VR == "SQ":
            for each in element.value:
                yield from walk(each)
        else:
            yield element.keyword, element.value


TYPE_1 = {
    "PatientName",
    "PatientID",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledProcedureStepDescription",
    "ScheduledProcedureStepID",
}


def test_type_1_attributes_are_never_empty() -> None:
    sparse = {name: "" for name in ("protocol_name", "patient_birth_date", "patient_sex", "accession_number")}
    values = dict(walk(answer(query(), item(**sparse))))
    assert all(values[keyword] not in {None, ""} for keyword in TYPE_1)


@given(seed=st.sets(st.sampled_from(sorted(k for k in map(int, WORKLIST))), min_size=1))
def test_any_subset_of_keys_is_answered_with_exactly_these_keys(seed: set[int]) -> None:
    asked = Dataset()
    for tag in seed:
        entry = WORKLIST[tag]
        asked.add_new(tag, getattr(entry, "vr", "SQ"), None if hasattr(entry, "vr") else [])
    got = answer(asked)
    assert {int(e.tag) for e in got} - {0x00080005} == seed


def test_queries_can_be_compared() -> None:
    assert isinstance(parse_query(query()), Query)
    assert parse_query(query(Modality="MR")) == parse_query(query(Modality="MR"))
