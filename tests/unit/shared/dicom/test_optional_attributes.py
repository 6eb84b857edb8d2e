"""Optional attributes cost nothing where they are empty, and are legal DICOM where they are not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.dicom.optional_attributes import OptionalAttributes
from shared.worklist_item import WorklistItem
from tests.rigs.console import full_item
from tests.rigs.relay import item


def test_an_item_without_them_is_written_without_them() -> None:
    assert not OptionalAttributes.model_fields.keys() & item().model_dump(mode="json").keys()
    assert not OptionalAttributes.model_fields.keys() & item().model_dump().keys()


def test_an_item_with_all_of_them_is_read_back_as_it_was() -> None:
    full = full_item()
    assert OptionalAttributes.model_fields.keys() <= full.model_dump(mode="json").keys()
    assert WorklistItem.model_validate_json(full.model_dump_json()) == full


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("smoking_status", "sometimes"),
        ("last_menstrual_date", "20260230"),
        ("scheduled_end_time", "25:00"),
        ("ethnic_group", "x" * 17),
        ("institution_name", "two\nlines"),
        ("patient_comments", "x" * 1025),
        ("clinical_trial_subject_id", "a\\b"),
        ("requesting_physician", "a^b^c^d^e^f"),
    ],
)
def test_what_dicom_has_no_room_for_is_refused(field: str, value: str) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(ValidationError, match=field):
        item(**wrong)
