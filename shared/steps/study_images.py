"""What an archive (PACS) says of the images of one exam, for scanners that report no performed step. Pure.

A relay asks the archive and tells the cloud; the cloud decides what it means. An exam is never taken for
another's: the Study Instance UID must be the exam's, and so must the Patient ID, or nothing is believed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NaiveDatetime

from shared.dicom.dicom_text import UI
from shared.text.storable import storable

BY_LIST: Final = "list"
"""Stands for an archive's AE title, where a person's list says that images arrived."""

MOST_FINDINGS: Final = 100
"""The most exams a relay may tell of in one call."""

Count = Annotated[int, Field(ge=0, le=10_000_000)]


class StudyImages(BaseModel):
    """The images of one exam, as an archive answered (C-FIND, PS3.4 Annex C).

    :param item_id: the exam.
    :param study_instance_uid: (0020,000D) as the archive has it.
    :param patient_id: (0010,0020) likewise; empty if it told none.
    :param archive: the archive's AE title; ``list``: a person's list.
    :param series_count: series of the exam's modality; ``image_count``: their instances, 0: not known.
    :param last_at: when the last of these series began, the scanner's local time; None: not known.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, hide_input_in_errors=True)

    item_id: Annotated[str, Field(max_length=64), BeforeValidator(storable)]
    study_instance_uid: UI
    patient_id: Annotated[str, Field(max_length=256), BeforeValidator(storable)] = ""
    archive: Annotated[str, Field(max_length=16), BeforeValidator(storable)] = ""
    series_count: Annotated[Count, Field(ge=1)]
    image_count: Count = 0
    last_at: NaiveDatetime | None = None


class ImagesOutcome(StrEnum):
    """What the cloud made of it."""

    COMPLETED = "completed"
    """The exam is completed by it, or was."""
    OTHER_PATIENT = "other_patient"
    """The images are under another Patient ID: not believed, and shown to people."""
    OTHER_STUDY = "other_study"
    """They are of another study than the exam: not believed."""
    NOT_OPEN = "not_open"
    """Somebody else has the say: a scanner reported the exam, a person set its status, or it is cancelled."""
    GONE = "gone"
    """The exam is not on the list of the relay's site."""


class ImagesResult(BaseModel):
    """The cloud's answer for one exam."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    item_id: str
    outcome: ImagesOutcome


class ImagesFound(BaseModel):
    """What is kept of it with the exam: without the archive's Patient ID.

    :param other_patient: it is under another Patient ID than the exam, and is not believed.
    """

    model_config = ConfigDict(frozen=True)

    archive: str = ""
    series_count: int = 0
    image_count: int = 0
    last_at: datetime | None = None
    other_patient: bool = False

    @classmethod
    def of(cls, told: StudyImages, *, other_patient: bool = False) -> ImagesFound:
        """Return what is kept of what an archive said."""
        kept = told.model_dump(include={"archive", "series_count", "image_count", "last_at"})
        return cls(**kept, other_patient=other_patient)
