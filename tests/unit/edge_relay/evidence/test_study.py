"""What an archive answers, and what it leaves out, becomes what is known of an exam's images."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydicom.dataset import Dataset

from edge_relay.evidence.study import (
    Series,
    images_found,
    images_query,
    patient_ids,
    series_of,
    series_query,
    study_query,
)
from tests.rigs.builders import an_item

STUDY = "2.25.1"


def answer(**values: Any) -> Dataset:
    dataset = Dataset()
    for name, value in {"StudyInstanceUID": STUDY, **values}.items():
        setattr(dataset, name, value)
    return dataset


def test_each_level_is_asked_by_its_unique_keys() -> None:
    levels = [study_query(STUDY), series_query(STUDY), images_query(STUDY, "2.25.2")]
    assert [each.QueryRetrieveLevel for each in levels] == ["STUDY", "SERIES", "IMAGE"]
    assert {each.StudyInstanceUID for each in levels} == {STUDY}
    assert levels[2].SeriesInstanceUID == "2.25.2"


def test_no_query_asks_for_a_name() -> None:
    asked = {each.keyword for query in (study_query(STUDY), series_query(STUDY)) for each in query}
    assert not asked & {"PatientName", "PatientBirthDate"}


def test_an_archive_that_answers_with_other_studies_too_is_not_believed_about_those() -> None:
    answers = [answer(StudyInstanceUID="2.25.9", PatientID="P9"), answer(PatientID="P1"), Dataset()]
    assert patient_ids(answers, STUDY) == ["P1"]


@pytest.mark.parametrize("value", [None, ""])
def test_a_study_without_a_patient_id_has_an_empty_one(value: str | None) -> None:
    assert patient_ids([answer(PatientID=value)], STUDY) == [""]
    assert patient_ids([answer()], STUDY) == [""]


def test_series_of_another_modality_or_study_are_no_scan_and_each_counts_once() -> None:
    answers = [
        answer(SeriesInstanceUID="2.25.2", Modality="MR", NumberOfSeriesRelatedInstances=5),
        answer(SeriesInstanceUID="2.25.2", Modality="MR", NumberOfSeriesRelatedInstances=5),
        answer(SeriesInstanceUID="2.25.3", Modality="SR"),
        answer(SeriesInstanceUID="2.25.4", Modality="MR", StudyInstanceUID="2.25.9"),
        answer(Modality="MR"),
    ]
    assert series_of(answers, STUDY, "MR") == [Series("2.25.2", "MR", 5)]


@pytest.mark.parametrize(
    ("date", "time", "began"),
    [
        ("20261122", "101530.250000", datetime(2026, 11, 22, 10, 15, 30)),
        ("20261122", "1015", datetime(2026, 11, 22, 10, 15)),
        ("20261122", "", datetime(2026, 11, 22)),
        ("", "101530", None),
    ],
)
def test_a_series_began_when_its_date_and_time_say(date: str, time: str, began: datetime | None) -> None:
    told = answer(SeriesInstanceUID="2.25.2", Modality="MR", SeriesDate=date, SeriesTime=time)
    assert series_of([told], STUDY, "MR")[0].began == began


def test_what_is_found_is_counted_and_the_last_series_says_when() -> None:
    early, late = datetime(2026, 11, 22, 10), datetime(2026, 11, 22, 11)
    series = [Series("1", "MR", 5, late), Series("2", "MR", 7, early), Series("3", "MR", 1)]
    found = images_found(an_item(), "PACS", [an_item().patient_id], series)
    assert found is not None
    assert (found.series_count, found.image_count, found.last_at) == (3, 13, late)


def test_a_count_that_is_not_known_of_every_series_is_not_known() -> None:
    found = images_found(an_item(), "PACS", [an_item().patient_id], [Series("1", "MR", 5), Series("2", "MR")])
    assert found is not None
    assert (found.series_count, found.image_count) == (2, 0)


@pytest.mark.parametrize("ids", [["P-OTHER"], ["P001", "P-OTHER"], [""]])
def test_of_several_patient_ids_the_one_that_is_not_the_exams_is_told(ids: list[str]) -> None:
    found = images_found(an_item(patient_id="P001"), "PACS", ids, [Series("1", "MR", 5)])
    assert found is not None
    assert found.patient_id == ids[-1]


def test_a_study_without_a_series_of_the_modality_says_nothing() -> None:
    assert images_found(an_item(), "PACS", ["P001"], []) is None
    assert images_found(an_item(), "PACS", [], [Series("1", "MR", 5)]) is None
