"""What an archive says of an exam's images travels whole, and is kept without the Patient ID."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.steps.study_images import ImagesFound, StudyImages
from tests.rigs.builders import an_item
from tests.rigs.images import images


def test_what_is_told_arrives_as_it_was_told() -> None:
    told = images(an_item(), last_at="2026-11-22T10:20:30")
    assert StudyImages.model_validate_json(told.model_dump_json()) == told


def test_what_is_kept_with_the_exam_has_no_patient_id() -> None:
    told = images(an_item(), patient_id="P-OTHER")
    kept = ImagesFound.of(told, other_patient=True)
    assert (kept.archive, kept.series_count, kept.image_count) == ("PACS", 3, 480)
    assert "P-OTHER" not in kept.model_dump_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"series_count": 0},
        {"image_count": -1},
        {"study_instance_uid": "1.2.x"},
        {"last_at": "2026-11-22T10:20:30Z"},
        {"item_id": "x" * 65},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_no_archive_can_mean_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        images(an_item(), **wrong)
