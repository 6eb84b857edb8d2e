"""What to ask an archive about a study, and what its answers mean (PS3.4 Annex C, Study Root). Pure.

First the study (whose is it?), then its series. Which keys an archive supports beyond the unique ones is its
own choice (PS3.4 C.2.2.1.3), so that what it leaves out is not known: the number of images is then counted
one level below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydicom.dataset import Dataset

from shared.steps.study_images import StudyImages
from shared.worklist_item import WorklistItem

MOST_COUNTED: Final = 50
"""Series whose images are counted one by one, if the archive does not say how many they are."""


class Series(NamedTuple):
    """A series as an archive has it.

    :param images: 0: not said.
    :param began: local; None: not said.
    """

    uid: str
    modality: str
    images: int = 0
    began: datetime | None = None


def study_query(study_instance_uid: str) -> Dataset:
    """Return what asks whose a study is."""
    query = _query("STUDY", study_instance_uid)
    query.PatientID = ""
    return query


def series_query(study_instance_uid: str) -> Dataset:
    """Return what asks for a study's series."""
    query = _query("SERIES", study_instance_uid)
    query.SeriesInstanceUID = ""
    query.Modality = ""
    query.SeriesDate = ""
    query.SeriesTime = ""
    query.NumberOfSeriesRelatedInstances = ""
    return query


def images_query(study_instance_uid: str, series_instance_uid: str) -> Dataset:
    """Return what asks for a series' images."""
    query = _query("IMAGE", study_instance_uid)
    query.SeriesInstanceUID = series_instance_uid
    query.SOPInstanceUID = ""
    return query


def patient_ids(answers: Iterable[Dataset], study_instance_uid: str) -> list[str]:
    """Return under which Patient IDs an archive has a study; none if it has it not.

    An archive that does not match by Study Instance UID answers with other studies too: they are left out.
    """
    own = (each for each in answers if str(each.get("StudyInstanceUID", "")) == study_instance_uid)
    return [str(each.get("PatientID", None) or "") for each in own]


def series_of(answers: Iterable[Dataset], study_instance_uid: str, modality: str) -> list[Series]:
    """Return a study's series of a modality, each once.

    What others put into the study (a report, a consent form) is no sign of a scan.
    """
    found = {
        str(each.SeriesInstanceUID): _series(each)
        for each in answers
        if str(each.get("StudyInstanceUID", study_instance_uid)) == study_instance_uid
        and each.get("SeriesInstanceUID")
        and str(each.get("Modality", "")) == modality
    }
    return list(found.values())


def images_found(
    item: WorklistItem, archive: str, ids: Sequence[str], series: Sequence[Series]
) -> StudyImages | None:
    """Return what an archive has of an exam; None: nothing.

    :param ids: the Patient IDs the study is under: one that is not the exam's own is the one that is told.
    """
    if not ids or not series:
        return None
    own = item.patient_id.strip(" ")
    known = all(each.images for each in series)
    return StudyImages(
        item_id=item.id,
        study_instance_uid=item.study_instance_uid,
        patient_id=next((each for each in ids if each.strip(" ") != own), item.patient_id),
        archive=archive,
        series_count=len(series),
        image_count=sum(each.images for each in series) if known else 0,
        last_at=max((each.began for each in series if each.began), default=None),
    )


def _query(level: str, study_instance_uid: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = level
    query.StudyInstanceUID = study_instance_uid
    return query


def _series(answer: Dataset) -> Series:
    date, time = str(answer.get("SeriesDate", "") or ""), str(answer.get("SeriesTime", "") or "")
    return Series(
        uid=str(answer.SeriesInstanceUID),
        modality=str(answer.get("Modality", "")),
        images=_whole(answer.get("NumberOfSeriesRelatedInstances", None)),
        began=_moment(date, time),
    )


def _whole(value: object) -> int:
    text = str(value or "").strip()
    return int(text) if text.isdecimal() and len(text) <= 7 else 0


def _moment(date: str, time: str) -> datetime | None:
    digits = (time.split(".", maxsplit=1)[0].strip() + "000000")[:6]
    try:
        return datetime.strptime(date.strip() + digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - the scanner's local time
    except ValueError:
        return None
