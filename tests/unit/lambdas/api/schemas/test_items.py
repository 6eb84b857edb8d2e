"""Items as people send them: what may be left out, what counts as a change, and weight in two units."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.api.schemas.items import ItemChanges, ItemFields, ItemView, NewItem, agreed_kg, to_pounds
from lambdas.store.ownership import IDENTITY, PerformedStep, StoredItem
from shared import identifiers
from shared.dicom.optional_attributes import OptionalAttributes
from shared.errors import Rejected
from shared.steps.procedure_step import StepStatus
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.console import full_item

NOW = datetime(2026, 11, 22, 9, 30, 15, tzinfo=UTC)
STEP = PerformedStep(
    sop_instance_uid="2.25.7",
    status=StepStatus.COMPLETED,
    started_at=datetime(2026, 11, 22, 9, 0),
    ended_at=datetime(2026, 11, 22, 9, 40),
    station_aetitle="PRISMA1",
    series_count=4,
)
LEAST = {"patient_name": "Doe^Jo", "patient_id": "sub-1", "modality": "MR"}


def made(**fields: Any) -> WorklistItem:
    new = NewItem.model_validate({**LEAST, **fields})
    return new.to_item("abc123", site="north", now=NOW, station_aetitle="UNASSIGNED")


def stored(**changes: Any) -> StoredItem:
    return StoredItem(item=an_item(**changes), feed_seq=4, edited=("allergies",), status_owner="person")


def test_every_field_of_an_item_can_be_set_or_is_part_of_what_it_is() -> None:
    ours = {"patient_weight_lb"}
    assert set(ItemFields.model_fields) - ours == set(WorklistItem.model_fields) - IDENTITY


def test_name_id_and_modality_make_an_item() -> None:
    item = made(performed_procedure_step_status="SCHEDULED")
    assert (item.scheduled_start_date, item.scheduled_start_time) == ("20261122", "093015")
    assert item.scheduled_station_aetitle == "UNASSIGNED"
    assert item.procedure_description == "MR"
    assert item.study_instance_uid == identifiers.study_instance_uid("abc123")
    assert item.accession_number == identifiers.accession_number("abc123")
    assert item.performed_procedure_step_status is Status.SCHEDULED


def test_what_is_given_is_kept() -> None:
    item = made(
        study_instance_uid="2.25.5",
        accession_number="A1",
        requested_procedure_id="R1",
        scheduled_procedure_step_id="S1",
        scheduled_start_date="2026-12-01",
        scheduled_start_time="08:00",
        scheduled_station_aetitle="MR2",
        procedure_description="Knee",
    )
    assert (item.study_instance_uid, item.accession_number) == ("2.25.5", "A1")
    assert (item.requested_procedure_id, item.scheduled_procedure_step_id) == ("R1", "S1")
    assert (item.scheduled_start_date, item.scheduled_start_time) == ("20261201", "080000")
    assert (item.scheduled_station_aetitle, item.procedure_description) == ("MR2", "Knee")


@pytest.mark.parametrize(
    ("given_fields", "description"),
    [
        ({"study_description": "BRAIN 2"}, "BRAIN 2"),
        ({"protocol_name": "T1"}, "T1"),
        ({"study_description": "BRAIN 2", "protocol_name": "T1"}, "BRAIN 2"),
    ],
)
def test_a_procedure_without_description_takes_the_nearest(
    given_fields: dict[str, str], description: str
) -> None:
    assert made(**given_fields).procedure_description == description


@pytest.mark.parametrize("nothing", [None, ""])
def test_empty_in_a_new_item_is_as_good_as_left_out(nothing: object) -> None:
    fields = dict.fromkeys(ItemFields.model_fields.keys() - LEAST.keys(), nothing)
    assert made(**fields) == made()


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_new_item_has_the_modality_that_is_configured_or_must_name_one(nothing: object) -> None:
    new = NewItem.model_validate({**LEAST, "modality": nothing})
    item = new.to_item("abc123", site="north", now=NOW, station_aetitle="UNASSIGNED", modality="MR")
    assert (item.modality, item.procedure_description) == ("MR", "MR")
    with pytest.raises(Rejected) as caught:
        new.to_item("abc123", site="north", now=NOW, station_aetitle="UNASSIGNED")
    assert caught.value.where == "modality"


def test_the_status_of_an_item_made_by_hand_is_a_persons() -> None:
    assert ItemView.of(StoredItem(item=made(), feed_seq=1)).status_owner == "person"
    assert ItemView.of(StoredItem(item=an_item(), feed_seq=1)).status_owner == "source"


@pytest.mark.parametrize("item", [an_item(), made(), full_item(), an_item(patient_weight_kg="68.039")])
@pytest.mark.parametrize("performed", [(), (STEP,)])
def test_what_is_shown_unchecked_would_pass_every_check(
    item: WorklistItem, performed: tuple[PerformedStep, ...]
) -> None:
    shown = ItemView.of(StoredItem(item=item, feed_seq=1, edited=("allergies",), performed=performed))
    assert ItemView.model_validate(shown.model_dump()) == shown
    assert ItemView.model_validate_json(shown.model_dump_json()) == shown


def test_what_is_shown_of_one_item_is_not_shown_of_the_next() -> None:
    first = ItemView.of(StoredItem(item=full_item(), feed_seq=1, performed=(STEP,)))
    before = first.model_dump()
    assert ItemView.of(StoredItem(item=an_item(), feed_seq=2)).procedure_steps == ()
    assert first.model_dump() == before


@pytest.mark.parametrize("field", ["patient_name", "patient_id"])
@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_a_new_item_needs_a_name_and_an_id(field: str, nothing: object) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**{field: nothing})
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_a_misspelt_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="patient_nmae"):
        made(patient_nmae="x")


def test_sending_back_what_was_shown_changes_nothing() -> None:
    there = stored(patient_weight_kg="68.039", pregnancy_status=4, patient_sex="F")
    shown = ItemView.of(there).model_dump(mode="json")
    assert ItemChanges.model_validate(shown).against(there) == {}


def test_only_what_differs_is_a_change() -> None:
    there = stored()
    shown = ItemView.of(there).model_dump(mode="json") | {"allergies": "latex"}
    assert ItemChanges.model_validate(shown).against(there) == {"allergies": "latex"}


def test_other_ways_to_write_the_same_are_no_change() -> None:
    there = stored()
    same = {"scheduled_start_date": "2026-11-22", "scheduled_start_time": "0930", "modality": "mr"}
    assert ItemChanges.model_validate(same).against(there) == {}


def test_null_empties_a_field() -> None:
    there = stored(allergies="latex", pregnancy_status=3, patient_weight_kg="70")
    changes = ItemChanges.model_validate(
        {"allergies": None, "pregnancy_status": None, "patient_weight_kg": None}
    )
    assert changes.against(there) == {"allergies": "", "pregnancy_status": None, "patient_weight_kg": ""}


def test_what_no_item_may_lack_cannot_be_emptied() -> None:
    for field in ("patient_name", "modality", "scheduled_start_date", "study_instance_uid"):
        with pytest.raises(ValidationError):
            ItemChanges.model_validate({field: None})


@pytest.mark.parametrize("field", sorted(IDENTITY - {"source_instance"}))
def test_what_an_item_is_cannot_be_changed(field: str) -> None:
    with pytest.raises(Rejected) as caught:
        ItemChanges.model_validate({field: "other"}).against(stored())
    assert caught.value.where == field


@given(st.decimals(min_value="0.5", max_value="1500", places=2))
def test_a_weight_given_in_pounds_is_shown_as_it_was_given(pounds: Decimal) -> None:
    assert Decimal(to_pounds(agreed_kg("", str(pounds)))) == pounds


def test_150_pounds_are_68_039_kilograms() -> None:
    assert made(patient_weight_lb=150).patient_weight_kg == "68.039"
    assert to_pounds("68.039") == "150"


def test_round_pounds_keep_their_zeros() -> None:
    assert to_pounds("90.718") == "200"


@pytest.mark.parametrize(("kg", "lb"), [("68", "150"), ("70", "70"), ("68.2", "150")])
def test_pounds_that_disagree_with_kilograms_are_refused(kg: str, lb: str) -> None:
    with pytest.raises(Rejected) as caught:
        made(patient_weight_kg=kg, patient_weight_lb=lb) if kg != "68" else agreed_kg("67.9", lb)
    assert caught.value.where == "patient_weight_lb"


def test_pounds_that_agree_with_kilograms_leave_them() -> None:
    assert made(patient_weight_kg="68.04", patient_weight_lb="150").patient_weight_kg == "68.04"


@pytest.mark.parametrize(
    ("sent", "changes"),
    [
        ({"patient_weight_lb": "200"}, {"patient_weight_kg": "90.718"}),
        ({"patient_weight_kg": "80"}, {"patient_weight_kg": "80"}),
        ({"patient_weight_kg": "80", "patient_weight_lb": ""}, {"patient_weight_kg": "80"}),
        ({"patient_weight_lb": "150"}, {}),
        ({"patient_weight_kg": "", "patient_weight_lb": ""}, {"patient_weight_kg": ""}),
        ({"patient_weight_lb": ""}, {"patient_weight_kg": ""}),
    ],
)
def test_a_weight_is_changed_in_either_unit(sent: dict[str, str], changes: dict[str, str]) -> None:
    there = stored(patient_weight_kg="68.039")
    assert ItemChanges.model_validate(sent).against(there) == changes


def test_of_two_units_the_one_that_differs_counts() -> None:
    there = stored(patient_weight_kg="68.039")
    changes = {"patient_weight_kg": "80", "patient_weight_lb": "150"}
    assert ItemChanges.model_validate(changes).against(there) == {"patient_weight_kg": "80"}


def test_two_units_that_both_differ_must_agree() -> None:
    with pytest.raises(Rejected) as caught:
        ItemChanges.model_validate({"patient_weight_kg": "80", "patient_weight_lb": "200"}).against(
            stored(patient_weight_kg="68.039")
        )
    assert caught.value.where == "patient_weight_lb"


@pytest.mark.parametrize("field", OptionalAttributes.model_fields)
def test_what_consoles_ask_for_besides_can_be_set_shown_and_emptied(field: str) -> None:
    full = full_item()
    value = getattr(full, field)
    item = made(**{field: value})
    assert getattr(item, field) == value
    there = StoredItem(item=item, feed_seq=1)
    assert ItemView.of(there).model_dump()[field] == value
    assert ItemChanges.model_validate({field: None}).against(there) == {field: ""}
    bare = StoredItem(item=made(), feed_seq=1)
    assert ItemChanges.model_validate({field: value}).against(bare) == {field: value}
    assert ItemChanges.model_validate({field: ""}).against(bare) == {}
