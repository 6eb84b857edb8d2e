"""From an MPPS data set to an event, or to the refusal the standard asks for (PS3.4 F.7.2, PS3.7 Annex C)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pydicom.config
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from edge_relay.mpps import event_from, linked_items, to_json
from shared.procedure_step import EventKind, ProcedureStepEvent, Refusal
from tests.relay_rig import began, completed, discontinued, item

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)


def read(kind: EventKind, dataset: Dataset, uid: str = "2.25.99") -> ProcedureStepEvent | Refusal:
    return event_from(kind, uid, dataset, calling_aetitle="SCANNER1", received_at=NOW, event_id="0" * 32)


def event(kind: EventKind, dataset: Dataset) -> ProcedureStepEvent:
    outcome = read(kind, dataset)
    assert isinstance(outcome, ProcedureStepEvent)
    return outcome


def put(dataset: Dataset, **values: Any) -> Dataset:
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=pydicom.config.IGNORE))
    return dataset


def test_an_event_carries_what_was_received_when_and_from_whom() -> None:
    got = event(EventKind.N_CREATE, began(item()))
    assert (got.sop_instance_uid, got.calling_aetitle, got.received_at) == ("2.25.99", "SCANNER1", NOW)
    assert got.dataset["00400252"] == {"vr": "CS", "Value": ["IN PROGRESS"]}
    assert got.warnings == ()


@pytest.mark.parametrize(
    "keyword",
    [
        "ScheduledStepAttributesSequence",
        "PerformedProcedureStepID",
        "PerformedStationAETitle",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformedProcedureStepStatus",
        "Modality",
    ],
)
def test_a_type_1_attribute_must_be_there_and_not_empty(keyword: str) -> None:
    absent, empty = began(item()), began(item())
    delattr(absent, keyword)
    setattr(empty, keyword, [] if keyword.endswith("Sequence") else "")
    for dataset, status in ((absent, 0x0120), (empty, 0x0121)):
        refusal = read(EventKind.N_CREATE, dataset)
        assert isinstance(refusal, Refusal)
        assert refusal.status == status
        assert keyword in refusal.comment


def test_a_scheduled_step_must_name_its_study() -> None:
    dataset = began(item())
    dataset.ScheduledStepAttributesSequence[0].StudyInstanceUID = ""
    refusal = read(EventKind.N_CREATE, dataset)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 0x0121


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.1", "1.2.840.10008", "abc", "1..2", "1." + "2" * 64, ""])
def test_a_uid_that_no_scanner_may_use_is_an_invalid_object_instance(uid: str) -> None:
    refusal = read(EventKind.N_CREATE, began(item()), uid)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 0x0117


def test_a_status_that_is_none_is_an_invalid_value() -> None:
    dataset = put(began(item()), PerformedProcedureStepStatus="DONE")
    refusal = read(EventKind.N_SET, dataset)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 0x0106


def test_completing_without_end_or_series_is_kept_with_warnings() -> None:
    dataset = Dataset()
    dataset.PerformedProcedureStepStatus = "COMPLETED"
    assert event(EventKind.N_SET, dataset).warnings == (
        "COMPLETED without PerformedProcedureStepEndDate",
        "COMPLETED without PerformedProcedureStepEndTime",
        "COMPLETED without PerformedSeriesSequence",
    )
    assert event(EventKind.N_SET, completed()).warnings == ()


def test_an_illegal_date_is_a_warning_that_does_not_quote_it() -> None:
    dataset = put(began(item()), PerformedProcedureStepStartDate="20261399")
    assert event(EventKind.N_CREATE, dataset).warnings == ("start is not a legal date and time",)


def test_an_element_that_cannot_be_read_is_left_out_and_the_rest_kept() -> None:
    dataset = discontinued()
    tag = Tag(0x0010, 0x21C0)
    dataset[tag] = RawDataElement(tag, "US", 3, b"abc", 0, False, True)
    attributes, warnings = to_json(dataset)
    assert "00400252" in attributes
    assert warnings == ("element (0010,21C0) could not be read and was left out",)


def test_a_step_is_linked_to_every_item_it_names() -> None:
    first, second, other = item("a"), item("b"), item("c")
    dataset = began(first)
    dataset.ScheduledStepAttributesSequence.append(began(second).ScheduledStepAttributesSequence[0])
    got = event(EventKind.N_CREATE, dataset)
    assert linked_items(got, [other, second, first]) == ("a", "b")


def test_a_step_is_linked_by_accession_number_and_never_by_patient() -> None:
    each = item()
    dataset = began(each)
    scheduled = dataset.ScheduledStepAttributesSequence[0]
    scheduled.StudyInstanceUID = "2.25.1"
    scheduled.ScheduledProcedureStepID = ""
    assert linked_items(event(EventKind.N_CREATE, dataset), [each]) == ()
