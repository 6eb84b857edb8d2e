"""From an MPPS attribute list to an event, or to the refusal the standard asks for (PS3.4 F.7.2, PS3.7)."""

from __future__ import annotations

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from edge_relay.dicom.step_requirements import ATTRIBUTES, Requirement
from edge_relay.mpps.event import MIX_UP, ended, event_from
from shared.steps.procedure_step import EventKind, ProcedureStepEvent, Refusal, Step, StepStatus
from shared.steps.step_dataset import fold, merged
from tests.rigs.mpps import NOW, attributes, began, completed, discontinued, progress, put, unscheduled

CREATE, SET = EventKind.N_CREATE, EventKind.N_SET
CREATE_TYPE_1 = [row.keyword for row in ATTRIBUTES if row.create.startswith("1/")]
CREATE_TYPE_2 = [row.keyword for row in ATTRIBUTES if row.create.startswith("2/")]
NOT_SETTABLE = [row.keyword for row in ATTRIBUTES if row.set == "-"]
FINAL_TYPE_1 = [row.keyword for row in ATTRIBUTES if row.final == "1"]
SERIES = next(row for row in ATTRIBUTES if row.keyword == "PerformedSeriesSequence").children


def read(
    kind: EventKind, dataset: Dataset, uid: str = "2.25.99", *, strict: bool = True
) -> ProcedureStepEvent | Refusal:
    return event_from(
        kind,
        uid,
        attributes(dataset),
        strict=strict,
        calling_aetitle="SCANNER1",
        received_at=NOW,
        event_id="0" * 32,
    )


def taken(kind: EventKind, dataset: Dataset, *, strict: bool = False) -> ProcedureStepEvent:
    outcome = read(kind, dataset, strict=strict)
    assert isinstance(outcome, ProcedureStepEvent), outcome
    return outcome


def refused(kind: EventKind, dataset: Dataset, uid: str = "2.25.99", *, strict: bool = True) -> Refusal:
    outcome = read(kind, dataset, uid, strict=strict)
    assert isinstance(outcome, Refusal)
    return outcome


def end(dataset: Dataset, *, strict: bool, before: Dataset | None = None) -> ProcedureStepEvent | Refusal:
    create, last = taken(CREATE, before or began()), taken(SET, dataset)
    begun = fold(None, create)
    assert isinstance(begun, Step)
    step = fold(begun, last)
    assert isinstance(step, Step)
    return ended(last, step, merged(create.dataset, last.dataset), strict=strict)


def test_an_event_carries_what_was_received_when_and_from_whom() -> None:
    got = taken(CREATE, began())
    assert (got.sop_instance_uid, got.calling_aetitle, got.received_at) == ("2.25.99", "SCANNER1", NOW)
    assert got.dataset["00400252"] == {"vr": "CS", "Value": ["IN PROGRESS"]}
    assert got.warnings == ()


def test_the_table_knows_what_the_standard_requires_of_everybody() -> None:
    assert CREATE_TYPE_1 == [
        "ScheduledStepAttributesSequence",
        "PerformedProcedureStepID",
        "PerformedStationAETitle",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformedProcedureStepStatus",
        "Modality",
    ]
    assert FINAL_TYPE_1 == [
        "PerformedProcedureStepEndDate",
        "PerformedProcedureStepEndTime",
        "PerformedSeriesSequence",
    ]


def rows(table: tuple[Requirement, ...]) -> list[Requirement]:
    return [each for row in table for each in (row, *rows(row.children))]


def test_every_row_names_an_attribute_there_is_and_types_the_standard_uses() -> None:
    for row in rows(ATTRIBUTES):
        assert tag_for_keyword(row.keyword) is not None, row.keyword
        assert row.create in {"1/1", "2/2", "3/3", "1C/1C"}, row
        assert row.set in {"-", "1/1", "2/2", "3/3", "3/1", "3/2", "1C/1C", "3/1C"}, row
        assert row.final in {"", "1", "2"}, row


@pytest.mark.parametrize("keyword", CREATE_TYPE_1)
def test_a_strict_scanner_must_send_type_1_attributes_and_not_empty(keyword: str) -> None:
    absent, empty = began(), began()
    delattr(absent, keyword)
    setattr(empty, keyword, [] if keyword.endswith("Sequence") else "")
    for dataset, status in ((absent, 0x0120), (empty, 0x0121)):
        refusal = refused(CREATE, dataset)
        assert refusal.status == status
        assert keyword in refusal.comment


@pytest.mark.parametrize("keyword", CREATE_TYPE_1)
def test_a_lenient_scanner_may_leave_them_out_and_it_is_noted(keyword: str) -> None:
    absent, empty = began(), began()
    delattr(absent, keyword)
    setattr(empty, keyword, [] if keyword.endswith("Sequence") else "")
    assert taken(CREATE, absent).warnings == (f"missing: {keyword}",)
    assert taken(CREATE, empty).warnings == (f"empty: {keyword}",)


@pytest.mark.parametrize("keyword", CREATE_TYPE_2)
def test_a_type_2_attribute_may_be_empty_but_not_absent(keyword: str) -> None:
    empty, absent = began(), began()
    setattr(empty, keyword, [] if keyword.endswith("Sequence") else "")
    delattr(absent, keyword)
    assert taken(CREATE, empty, strict=True).warnings == ()
    assert refused(CREATE, absent).status == 0x0120
    assert taken(CREATE, absent).warnings == (f"missing: {keyword}",)


@pytest.mark.parametrize("keyword", NOT_SETTABLE)
def test_an_attribute_that_may_not_be_set_is_no_such_attribute_of_an_n_set(keyword: str) -> None:
    dataset = completed()
    put(dataset, **{keyword: [Dataset()] if keyword.endswith("Sequence") else "1"})
    refusal = refused(SET, dataset)
    assert refusal.status == 0x0105
    assert keyword in refusal.comment
    assert taken(SET, dataset).warnings[0] == f"not allowed: {keyword}"


@pytest.mark.parametrize("row", [row for row in SERIES if row.final], ids=lambda row: row.keyword)
def test_a_series_needs_what_the_final_state_requires(row: Requirement) -> None:
    dataset = completed()
    delattr(dataset.PerformedSeriesSequence[0], row.keyword)
    outcome = end(dataset, strict=True)
    assert isinstance(outcome, Refusal)
    assert outcome.status == 0x0121
    assert row.keyword in outcome.comment
    noted = end(dataset, strict=False)
    assert isinstance(noted, ProcedureStepEvent)
    assert any(row.keyword in warning for warning in noted.warnings)


@pytest.mark.parametrize("keyword", FINAL_TYPE_1)
def test_completing_needs_end_and_series_of_a_strict_scanner(keyword: str) -> None:
    dataset = completed()
    delattr(dataset, keyword)
    outcome = end(dataset, strict=True)
    assert isinstance(outcome, Refusal)
    assert (outcome.status, outcome.comment) == (0x0121, f"empty: {keyword}")
    noted = end(dataset, strict=False)
    assert isinstance(noted, ProcedureStepEvent)
    assert noted.warnings == (f"COMPLETED with empty: {keyword}",)


def test_what_the_end_needs_may_have_come_earlier() -> None:
    earlier = began()
    for keyword in FINAL_TYPE_1:
        setattr(earlier, keyword, getattr(completed(), keyword))
    last = put(Dataset(), PerformedProcedureStepStatus="COMPLETED")
    assert isinstance(end(last, strict=True, before=earlier), ProcedureStepEvent)
    assert isinstance(end(last, strict=True), Refusal)


def test_stopping_before_the_first_series_is_taken_of_a_strict_scanner_too() -> None:
    outcome = end(discontinued(), strict=True)
    assert isinstance(outcome, ProcedureStepEvent)
    assert outcome.warnings == ("DISCONTINUED with empty: PerformedSeriesSequence",)


def test_a_mix_up_is_flagged() -> None:
    outcome = end(discontinued(wrong_entry=True), strict=False)
    assert isinstance(outcome, ProcedureStepEvent)
    assert MIX_UP in outcome.warnings


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("uid", ["1.2.840.10008.1.1", "1.2.840.10008", "abc", "1..2", "1." + "2" * 64, ""])
def test_a_uid_that_no_scanner_may_use_is_an_invalid_instance(uid: str, strict: bool) -> None:
    assert refused(CREATE, began(), uid, strict=strict).status == 0x0117


@pytest.mark.parametrize("strict", [True, False])
def test_a_status_that_is_none_is_an_invalid_value(strict: bool) -> None:
    dataset = put(began(), PerformedProcedureStepStatus="DONE")
    assert refused(SET, dataset, strict=strict).status == 0x0106


@pytest.mark.parametrize("written", ["in progress", " IN PROGRESS  ", "In Progress"])
def test_a_status_in_small_letters_or_padded_is_read(written: str) -> None:
    got = taken(CREATE, put(began(), PerformedProcedureStepStatus=written))
    step = fold(None, got)
    assert isinstance(step, Step)
    assert step.status is StepStatus.IN_PROGRESS
    padded = written.strip() == "IN PROGRESS"
    assert got.warnings == (() if padded else ("invalid: PerformedProcedureStepStatus",))
    if not padded:
        assert refused(CREATE, put(began(), PerformedProcedureStepStatus=written)).status == 0x0106


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PerformedProcedureStepStartDate", "20261399"),
        ("PerformedProcedureStepStartDate", "2026-11-27"),
        ("PerformedProcedureStepStartTime", "25 o'clock"),
        ("PerformedProcedureStepStartTime", "09:30"),
        ("PerformedProcedureStepStartTime", "240001"),
        ("PatientBirthDate", "1990-01-01"),
        ("PerformedProcedureStepID", "1" * 17),
        ("StudyID", "1" * 17),
        ("PerformedProcedureStepDescription", "D" * 65),
        ("Modality", "mr"),
        ("Modality", "M" * 17),
        ("PatientName", "N" * 65),
    ],
)
def test_a_value_that_is_none_of_its_representation_is_named_and_never_quoted(
    keyword: str, value: str
) -> None:
    dataset = put(began(), **{keyword: value})
    assert refused(CREATE, dataset).status == 0x0106
    assert taken(CREATE, dataset).warnings == (f"invalid: {keyword}",)


@pytest.mark.parametrize(("code", "flaw"), [
    ({"CodeMeaning": "Head"}, "CodeValue"),
    ({"CodeValue": "1", "CodeMeaning": "Head"}, "CodingSchemeDesignator"),
    ({"LongCodeValue": "1" * 17, "CodeMeaning": "Head"}, "CodingSchemeDesignator"),
    ({"LongCodeValue": "1" * 17, "CodingSchemeDesignator": "99X", "CodeMeaning": "Head"}, ""),
    ({"URNCodeValue": "urn:x:1", "CodeMeaning": "Head"}, ""),
    ({"CodeValue": "1", "CodingSchemeDesignator": "99X", "CodeMeaning": "Head"}, ""),
])  # fmt: skip
def test_what_a_code_must_have_depends_on_what_it_has(code: dict[str, str], flaw: str) -> None:
    dataset = put(began(), ProcedureCodeSequence=[put(Dataset(), **code)])
    if flaw:
        assert refused(CREATE, dataset).status == 0x0120
        assert taken(CREATE, dataset).warnings == (f"missing: ProcedureCodeSequence>{flaw}",)
    else:
        assert taken(CREATE, dataset).warnings == ()


def test_midnight_may_be_the_end_of_a_day() -> None:
    assert taken(CREATE, put(began(), PerformedProcedureStepStartTime="240000")).warnings == ()


def test_what_real_scanners_send_is_taken_with_one_sentence_a_kind() -> None:
    dataset = unscheduled()
    for keyword in ("PatientBirthDate", "StudyID", "PerformedLocation"):
        delattr(dataset, keyword)
    dataset.PerformedProcedureStepID = ""
    got = taken(CREATE, dataset)
    assert [warning.partition(":")[0] for warning in got.warnings] == ["missing", "empty"]
    assert "PatientBirthDate" in got.warnings[0]


def test_saying_that_it_goes_on_with_more_content_is_fine_of_a_strict_scanner() -> None:
    more = progress()
    more.PerformedSeriesSequence = completed().PerformedSeriesSequence
    assert taken(SET, more, strict=True).warnings == ()


def test_no_warning_ever_holds_a_value() -> None:
    dataset = attributes(put(completed(), PatientName="Secret^Name", PatientID="SECRET-7"))
    outcome = event_from(
        SET, "2.25.1", dataset, strict=True, calling_aetitle="S", received_at=NOW, event_id="0" * 32
    )
    assert isinstance(outcome, Refusal)
    assert "secret" not in outcome.comment.lower()
