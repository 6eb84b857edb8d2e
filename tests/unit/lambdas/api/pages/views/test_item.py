"""Every field of an exam is shown with who decides on it."""

from __future__ import annotations

import pytest

from lambdas.api.pages.views.item import EDITABLE, LABELS, field_views, owner_of
from lambdas.store.ownership import IDENTITY, STATUS
from shared.dicom.optional_attributes import OptionalAttributes
from shared.worklist_item import Status, WorklistItem
from tests.rigs.console import full_item
from tests.rigs.site_state import stored


def test_every_field_of_an_item_is_shown() -> None:
    others = OptionalAttributes.model_fields.keys()
    assert LABELS.keys() == WorklistItem.model_fields.keys() - IDENTITY - others
    full = stored(**{name: getattr(full_item(), name) for name in others})
    assert {field.name for field in field_views(full)} == LABELS.keys() | others
    assert {field.name for field in field_views(stored())} == LABELS.keys()


def test_what_an_item_is_cannot_be_edited() -> None:
    assert not EDITABLE & (IDENTITY | {STATUS, "study_instance_uid"})


def test_redcap_decides_until_a_person_does() -> None:
    item = stored(edited=("patient_name",))
    assert owner_of("patient_name", item) == "a person"
    assert owner_of("patient_id", item) == "REDCap"
    assert owner_of("patient_id", stored(source="")) == "a person"


def test_the_status_belongs_to_who_set_it_last() -> None:
    assert owner_of(STATUS, stored()) == "REDCap"
    assert owner_of(STATUS, stored(status_owner="mpps")) == "the scanner"
    assert owner_of(STATUS, stored(source="", status_owner="mpps")) == "the scanner"


@pytest.mark.parametrize(
    ("status", "why"),
    [(Status.NO_SHOW, "its day passed"), (Status.SCHEDULED, "its scan was begun and never ended")],
)
def test_what_the_clock_decided_says_why(status: Status, why: str) -> None:
    assert owner_of(STATUS, stored(status=status, status_owner="clock")) == why


def test_hidden_names_hide_what_tells_who_it_is() -> None:
    shown = {field.name: field.value for field in field_views(stored(), hides_names=True)}
    assert [shown[name] for name in ("patient_name", "patient_id", "patient_birth_date")] == ["hidden"] * 3
    assert shown["modality"] == "MR"
    assert {field.name: field.value for field in field_views(stored())}["patient_name"] == "Núñez^Zoë"
