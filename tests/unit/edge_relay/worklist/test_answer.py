"""Answers as a scanner reads them: every key asked for and no other, legal, in syntax and character set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pydicom.config
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from edge_relay.dicom.elements import read
from edge_relay.worklist.attributes import PRIVATE_DESIGNATOR, WORKLIST, Sequence, Tree, attributes
from edge_relay.worklist.overlay import Overlay
from shared.dicom.charset import CharacterSet
from shared.scanners.scanner_profile import MOST_DAYS, ScannerProfile
from shared.worklist_item import Status, WorklistItem
from tests.rigs.relay import item
from tests.rigs.worklist import TODAY, UTF8, Worklist, asking, decoded, everything, step

SYNTAXES = pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "explicit"])


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[Worklist]:
    opened = Worklist(tmp_path, item())
    yield opened
    opened.close()


def answer(worklist: Worklist, asked: Dataset, each: WorklistItem | None = None, **options: Any) -> Dataset:
    if each is not None:
        worklist.put(each)
    (only,) = worklist.answers(asked, **options)
    return only


def keywords(dataset: Dataset) -> set[str]:
    return {element.keyword for element in dataset}


def walk(dataset: Dataset) -> Iterator[tuple[str, Any]]:
    for element in dataset:
        if element.VR == "SQ":
            for each in element.value:
                yield from walk(each)
        else:
            yield element.keyword, element.value


@contextmanager
def strict_pydicom() -> Iterator[None]:
    before = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    try:
        yield
    finally:
        pydicom.config.settings.reading_validation_mode = before


@SYNTAXES
def test_the_answer_has_every_key_asked_for_and_no_other(worklist: Worklist, implicit: bool) -> None:
    asked = asking(PatientName="", PatientID="", MedicalAlerts="", ReferencedStudySequence=[])
    asked.ScheduledProcedureStepSequence = [asking(Modality="", ScheduledProcedureStepStartTime="")]
    got = answer(worklist, asked, implicit=implicit)
    assert keywords(got) == keywords(asked)
    assert keywords(got.ScheduledProcedureStepSequence[0]) == {"Modality", "ScheduledProcedureStepStartTime"}


def test_only_unsupported_keys_are_left_out(worklist: Worklist) -> None:
    asked = asking(PatientID="", PatientReligiousPreference="any", PatientAge="any", PatientAddress="")
    assert worklist.find(asked).incomplete
    (only,) = worklist.answers(asked)
    assert keywords(only) == {"PatientID", "PatientAge", "PatientAddress"}


TAGS = [tag for tag in WORKLIST]
STEP_TAGS = [
    tag
    for entry in WORKLIST.values()
    if entry.returned == "1" and isinstance(entry, Sequence)
    for tag in entry.children
]


def some_of(tree: Tree, tags: set[int], inner: set[int]) -> Dataset:
    asked = Dataset()
    for tag in tags:
        entry = tree[tag]
        if isinstance(entry, Sequence):
            within = inner & set(entry.children)
            asked.add_new(tag, "SQ", [some_of(entry.children, within, set())] if within else [])
        else:
            asked.add_new(tag, entry.vr, None)
    return asked


def same_keys(asked: Dataset, got: Dataset, tree: Tree) -> None:
    assert [int(e.tag) for e in got] == sorted(int(e.tag) for e in asked)
    for element in asked:
        entry = tree[int(element.tag)]
        if isinstance(entry, Sequence) and element.value and got[element.tag].value:
            same_keys(element.value[0], got[element.tag].value[0], entry.children)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    tags=st.sets(st.sampled_from(TAGS), min_size=1),
    inner=st.sets(st.sampled_from(STEP_TAGS), min_size=1),
    implicit=st.booleans(),
)
def test_any_choice_of_keys_is_answered_with_exactly_these(
    tags: set[int], inner: set[int], implicit: bool
) -> None:
    with TemporaryDirectory() as folder:
        worklist = Worklist(Path(folder), item())
        asked = some_of(WORKLIST, tags, inner)
        same_keys(asked, answer(worklist, asked, implicit=implicit), WORKLIST)
        worklist.close()


FULL = item(
    issuer_of_patient_id="oslo",
    patient_size_m="1.7",
    pregnancy_status=4,
    medical_alerts="pacemaker",
    allergies="latex",
    referring_physician_name="Ref^Er",
    study_description="Ageing",
    station_name="Room 1",
    performing_physician="Wu^Li",
    hisris_coding_designator="L",
)


@SYNTAXES
@pytest.mark.parametrize(
    "charset", [("ISO_IR 192",), ("ISO_IR 100",), ("ISO_IR 6",), ("ISO 2022 IR 6", "ISO 2022 IR 87")]
)
def test_every_value_is_the_items(worklist: Worklist, implicit: bool, charset: tuple[str, ...]) -> None:
    with strict_pydicom():
        values = dict(walk(answer(worklist, everything(), FULL, implicit=implicit, charset=charset)))
    assert "SpecificCharacterSet" not in values  # all is ASCII
    expected = {
        each.keyword: str(each.value(FULL) or "")
        for each in attributes(WORKLIST)
        if each.read is not None and each.keyword != "LongCodeValue" and not each.within
    }
    assert {k: str(v) for k, v in values.items() if k in expected} == expected
    assert not any(value for keyword, value in values.items() if keyword not in expected)


TEXT = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=16)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    name=TEXT,
    patient_id=TEXT,
    alerts=TEXT,
    clock=st.times(),
    day=st.dates(TODAY - timedelta(MOST_DAYS), TODAY + timedelta(MOST_DAYS)),
    implicit=st.booleans(),
)
def test_every_answer_is_legal_dicom_for_a_strict_reader(
    name: str, patient_id: str, alerts: str, clock: Any, day: Any, implicit: bool
) -> None:
    each = item(
        patient_name=name,
        patient_id=patient_id,
        medical_alerts=alerts,
        scheduled_start_time=clock,
        scheduled_start_date=day,
        pregnancy_status=4,
    )
    with TemporaryDirectory() as folder, strict_pydicom():
        worklist = Worklist(Path(folder), each)
        values = dict(walk(answer(worklist, everything(), implicit=implicit)))
        worklist.close()
    assert (values["PatientName"], values["PatientID"], values["MedicalAlerts"]) == (
        each.patient_name,
        each.patient_id,
        each.medical_alerts,
    )
    assert values["PatientWeight"] == 61.235
    assert all(not str(value).startswith("1.2.840.10008.") for value in values.values())


def test_type_1_attributes_are_never_empty(worklist: Worklist) -> None:
    sparse = {name: "" for name in ("protocol_name", "patient_birth_date", "patient_sex", "accession_number")}
    values = dict(walk(answer(worklist, everything(), item(**sparse))))
    type_1 = {
        each.keyword
        for each in attributes(WORKLIST)
        if each.returned == "1" and not each.within and not each.keyword.startswith("Referenced")
    }
    assert {"PatientName", "StudyInstanceUID", "ScheduledProcedureStepID"} <= type_1
    described = {"RequestedProcedureDescription", "ScheduledProcedureStepDescription"}
    assert all(values[keyword] not in {None, ""} for keyword in type_1 | described)


def declared(got: Dataset) -> list[str]:
    terms = got.get("SpecificCharacterSet") or []
    return [terms] if isinstance(terms, str) else [str(term or "") for term in terms]


KANJI = ("", "ISO 2022 IR 87")


@SYNTAXES
@pytest.mark.parametrize(
    ("name", "charset", "terms"),
    [
        ("Doe^Jane", ("ISO_IR 192",), []),
        ("Doe^Jane", KANJI, []),
        ("Müller", ("ISO_IR 192",), ["ISO_IR 192"]),
        ("Müller", ("ISO_IR 100",), ["ISO_IR 100"]),
        ("Łukasz", ("ISO_IR 100",), []),
        ("Yamada=山田", KANJI, list(KANJI)),
        ("Yamada=山田", ("ISO_IR 100",), []),
    ],
)
def test_an_answer_declares_the_least_set_its_text_needs(
    worklist: Worklist, implicit: bool, name: str, charset: tuple[str, ...], terms: list[str]
) -> None:
    worklist.put(item(patient_name=name))
    assert declared(answer(worklist, asking(PatientName=""), charset=charset, implicit=implicit)) == terms
    assert declared(answer(worklist, asking(PatientID=""), charset=charset, implicit=implicit)) == []


def test_a_fixed_value_beyond_ascii_declares_the_set(worklist: Worklist) -> None:
    fixed = ScannerProfile(ae_title="SCANNER", fixed_values={"InstitutionName": "Sykehus Ås"})
    got = answer(worklist, asking(PatientID="", InstitutionName=""), scanner=fixed, charset=("ISO_IR 100",))
    assert (declared(got), got.InstitutionName) == (["ISO_IR 100"], "Sykehus Ås")


IDENTIFIERS = {
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer_of_patient_id",
    "AccessionNumber": "accession_number",
    "RequestedProcedureID": "requested_procedure_id",
    "ScheduledProcedureStepID": "scheduled_procedure_step_id",
}


@pytest.mark.parametrize("field", IDENTIFIERS.values())
@pytest.mark.parametrize("identifier", ["Ł438E6", "Đ438E6", "Δ438E6", "–438E6", "山438E6"])
def test_an_exam_whose_identifier_cannot_be_carried_is_withheld(
    worklist: Worklist, field: str, identifier: str
) -> None:
    worklist.put(item(id="withheld", **{field: identifier}), item(id="shown", **{field: "É438E6"}))
    latin = ScannerProfile(ae_title="SCANNER", charset="ISO_IR 100")
    for asked in (asking(PatientName=""), everything()):
        found = worklist.find(asked, latin, charset=("ISO_IR 100",)).answers
        assert [each.item_id for each in found if each] == ["shown"]
    assert sorted(worklist.ids(everything())) == ["shown", "withheld"]
    assert [each.id for each in worklist.visible(latin, ("ISO_IR 100",))] == ["shown"]
    assert worklist.withheld(latin, ("ISO_IR 100",)) == 1
    assert worklist.withheld(latin, UTF8) == 0


def test_an_exam_whose_patient_would_have_no_name_is_withheld(worklist: Worklist) -> None:
    worklist.put(item(patient_name="山田^太郎"))
    assert worklist.answers(asking(PatientID=""), charset=("ISO_IR 100",)) == []
    assert worklist.withheld(ScannerProfile(ae_title="SCANNER"), ("ISO_IR 100",)) == 1


def test_only_a_scanners_own_exams_count_as_withheld_from_it(worklist: Worklist) -> None:
    worklist.put(item(id="mr", patient_id="Ł1", modality="MR"), item(id="ct", patient_id="Ł1", modality="CT"))
    one = ScannerProfile(ae_title="SCANNER", modalities=("CT",))
    assert worklist.withheld(one, ("ISO_IR 100",)) == 1


@pytest.mark.parametrize("protocol", ["Łeb", "Łeb i kręgosłup szyjny"])
def test_a_code_that_cannot_be_carried_is_no_other_code(worklist: Worklist, protocol: str) -> None:
    worklist.put(item(protocol_name=protocol))
    asked = step(ScheduledProtocolCodeSequence=[asking(CodeValue="")])
    found = [each for each in worklist.find(asked, charset=("ISO_IR 100",)).answers if each]
    assert [each.lossless for each in found] == [False]
    (got,) = decoded(found[0].identifier).ScheduledProcedureStepSequence
    assert list(got.ScheduledProtocolCodeSequence) == []


ANY_ID = st.text(
    st.characters(categories=["L", "N", "P", "S"], exclude_characters="\\*?"), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(
    identifier=ANY_ID,
    terms=st.sampled_from(
        [("ISO_IR 100",), ("ISO_IR 144",), ("ISO_IR 13",), KANJI, ("GBK",), ("ISO_IR 192",)]
    ),
)
def test_an_identifier_arrives_as_it_is_or_not_at_all(identifier: str, terms: tuple[str, ...]) -> None:
    with TemporaryDirectory() as folder:
        worklist = Worklist(Path(folder), item(patient_id=identifier))
        (held,) = worklist.visible()
        found = [
            each.identifier for each in worklist.find(asking(PatientID=""), charset=terms).answers if each
        ]
        worklist.close()
    sent = {
        CharacterSet(terms).decode(read(data, implicit=True)[0x00100020].value).rstrip() for data in found
    }
    assert sent <= {held.patient_id}


@SYNTAXES
def test_what_a_character_set_cannot_carry_degrades_visibly(worklist: Worklist, implicit: bool) -> None:
    worklist.put(item(patient_name="Łukasz^Åse=山"))
    asked = asking(PatientName="")
    got = answer(worklist, asked, charset=("ISO_IR 100",), implicit=implicit)
    assert str(got.PatientName) == "Lukasz^Åse"
    found = worklist.find(asked, charset=("ISO_IR 100",))
    assert [each.lossless for each in found.answers if each] == [False]
    assert [each.lossless for each in worklist.find(asked).answers if each] == [True]
    unasked = worklist.find(asking(PatientID=""), charset=("ISO_IR 100",))
    assert [each.lossless for each in unasked.answers if each] == [True]


@SYNTAXES
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (("ISO_IR 100",), "Åse^Ödön"),
        (("ISO 2022 IR 6", "ISO 2022 IR 87"), "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (("ISO 2022 IR 13", "ISO 2022 IR 87"), "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (("ISO 2022 IR 6", "ISO 2022 IR 149"), "Hong^Gildong=洪^吉洞=홍^길동"),
        (("GB18030",), "Wang^XiaoDong=王^小东"),
    ],
)
def test_names_survive_in_the_scanners_character_set(
    worklist: Worklist, implicit: bool, charset: tuple[str, ...], name: str
) -> None:
    got = answer(
        worklist, asking(PatientName=""), item(patient_name=name), charset=charset, implicit=implicit
    )
    assert str(got.PatientName) == name


def test_a_status_in_progress_is_started_towards_the_scanner(worklist: Worklist) -> None:
    each = item(performed_procedure_step_status=Status.IN_PROGRESS)
    got = answer(worklist, step(ScheduledProcedureStepStatus=""), each)
    assert got.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED"


@SYNTAXES
def test_an_unconfirmed_status_is_laid_over_the_answer(worklist: Worklist, implicit: bool) -> None:
    worklist.overlay["item-1"] = Overlay(Status.IN_PROGRESS, "event", None)
    got = answer(worklist, step(ScheduledProcedureStepStatus=""), implicit=implicit)
    assert got.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED"


def test_a_short_protocol_is_a_code_value_in_a_private_scheme(worklist: Worklist) -> None:
    code = answer(worklist, everything()).ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        "BRAIN_T1",
        PRIVATE_DESIGNATOR,
        "BRAIN_T1",
    )
    assert "LongCodeValue" not in code


@SYNTAXES
def test_a_long_protocol_is_a_long_code_value_even_if_the_short_one_was_asked_for(
    worklist: Worklist, implicit: bool
) -> None:
    protocol = "A protocol of more than sixteen"
    asked = step(
        ScheduledProtocolCodeSequence=[asking(CodeValue="", CodingSchemeDesignator="", CodeMeaning="")]
    )
    each = item(protocol_name=protocol, hisris_coding_designator="L")
    got = answer(worklist, asked, each, implicit=implicit)
    code = got.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence[0]
    assert [element.keyword for element in code] == ["CodingSchemeDesignator", "CodeMeaning", "LongCodeValue"]
    assert (code.LongCodeValue, code.CodingSchemeDesignator) == (protocol, "L")


def test_no_protocol_is_an_empty_sequence(worklist: Worklist) -> None:
    got = answer(worklist, everything(), item(protocol_name=""))
    assert len(got.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence) == 0


def test_the_study_description_falls_back_to_the_procedure(worklist: Worklist) -> None:
    asked = asking(RequestedProcedureDescription="")
    assert answer(worklist, asked).RequestedProcedureDescription == "MR brain"
    described = item(study_description="Ageing study")
    assert answer(worklist, asked, described).RequestedProcedureDescription == "Ageing study"
