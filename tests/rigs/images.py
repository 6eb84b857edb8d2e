"""What an archive says of an exam's images."""

from __future__ import annotations

from typing import Any

from shared.steps.study_images import StudyImages
from shared.worklist_item import WorklistItem


def images(item: WorklistItem, **changes: Any) -> StudyImages:
    """Return three series of an exam, under its own ids."""
    whose = {"study_instance_uid": item.study_instance_uid, "patient_id": item.patient_id, "item_id": item.id}
    return StudyImages(**{**whose, "archive": "PACS", "series_count": 3, "image_count": 480, **changes})
