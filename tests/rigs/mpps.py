"""What tests of MPPS share: the data sets a scanner sends, encoded, and as the relay reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pydicom.config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from edge_relay.client import scu
from edge_relay.dicom.json_model import decode
from edge_relay.mpps import event as mpps
from shared.steps.procedure_step import DataSetJson, EventKind, ProcedureStepEvent
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.relay import began as began_one

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
ITEM = an_item()


def began(*items: WorklistItem) -> Dataset:
    """Return the attribute list of an N-CREATE of a step of these items, with all it must have."""
    first, *others = [began_one(item) for item in items or (ITEM,)]
    for other in others:
        first.ScheduledStepAttributesSequence.append(other.ScheduledStepAttributesSequence[0])
    return first


def unscheduled(item: WorklistItem = ITEM) -> Dataset:
    """Return the attribute list of an N-CREATE that refers to no scheduled step."""
    dataset = began_one(item)
    del dataset.ScheduledStepAttributesSequence
    return dataset


def progress() -> Dataset:
    """Return the modification list of an N-SET that says no more than that it goes on."""
    return put(Dataset(), PerformedProcedureStepStatus="IN PROGRESS")


def completed() -> Dataset:
    """Return the modification list of an N-SET that completes a step."""
    return scu.step_completed(datetime(2026, 11, 22, 9, 58, 0), "2.25.4711")


def discontinued(*, wrong_entry: bool = False) -> Dataset:
    """Return the modification list of an N-SET that gives a step up."""
    return scu.step_discontinued(datetime(2026, 11, 22, 9, 40, 0), wrong_entry=wrong_entry)


def with_images(count: int, dataset: Dataset | None = None) -> Dataset:
    """Return a completing modification list whose one series refers to so many images."""
    ended = dataset or completed()
    images = []
    for number in range(count):
        image = Dataset()
        image.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        image.ReferencedSOPInstanceUID = f"1.3.12.2.1107.5.2.19.45152.2019091213240145678{number * 7919:09d}"
        images.append(image)
    ended.PerformedSeriesSequence[0].ReferencedImageSequence = images
    return ended


def put(dataset: Dataset, **values: Any) -> Dataset:
    """Set values pydicom would object to."""
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=pydicom.config.IGNORE))
    return dataset


def encoded(dataset: Dataset, *, implicit: bool = False) -> bytes:
    """Return a data set as it travels."""
    data = encode(dataset, implicit, is_little_endian=True)
    assert data is not None
    return data


def attributes(dataset: Dataset) -> DataSetJson:
    """Return a data set as the relay reads it."""
    found, warnings = decode(encoded(dataset), implicit=False)
    assert warnings == ()
    return found


def event(
    number: int, dataset: Dataset, uid: str = "2.25.1", *, received_at: datetime = NOW
) -> ProcedureStepEvent:
    """Return the event of a lenient scanner's message: an N-CREATE if it has a start, else an N-SET."""
    kind = EventKind.N_CREATE if "PerformedProcedureStepStartDate" in dataset else EventKind.N_SET
    made = mpps.event_from(
        kind,
        uid,
        attributes(dataset),
        strict=False,
        calling_aetitle="SCANNER1",
        received_at=received_at,
        event_id=UUID(int=number).hex,
    )
    assert isinstance(made, ProcedureStepEvent)
    return made


def again(event: ProcedureStepEvent, number: int, uid: str) -> ProcedureStepEvent:
    """Return the same event as another one, of another step: building data sets takes time."""
    return event.model_copy(update={"event_id": UUID(int=number).hex, "sop_instance_uid": uid})
