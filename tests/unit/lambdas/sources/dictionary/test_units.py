"""A measure whose field says another unit than the definition is refused, with what to set."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.sources.file import check_against
from shared.errors import Rejected
from tests.rigs.dictionary import field
from tests.unit.lambdas.mapping.test_record_shapes import source

WEIGHT, SIZE = "patient_weight_kg", "patient_size_m"


def refusals(
    target: str, name: str = "asked", label: str = "", note: str = "", unit: str | None = None, **more: Any
) -> str:
    asked = {**field(name, "f", validation="number"), "field_label": label, "field_note": note}
    metadata = [*(field(each, "f") for each in ("study_id", "last_name", "mri_date", "mri_time")), asked]
    mapping = {"field": name, **({"unit": unit} if unit else {})}
    try:
        check_against(source({target: mapping}, **more), metadata, at_apply=True)
    except Rejected as refused:
        return refused.what
    return ""


@pytest.mark.parametrize(
    ("target", "name", "label", "unit"),
    [
        (WEIGHT, "w", "Weight (lb)", "lb"),
        (WEIGHT, "w", "Weight [lbs.]", "lb"),
        (WEIGHT, "w", "Weight in pounds", "lb"),
        (WEIGHT, "mri_wt_lbs", "Weight", "lb"),
        (WEIGHT, "weight_lb", "", "lb"),
        (WEIGHT, "w", "Birth weight (g)", "g"),
        (WEIGHT, "w", "<div>Weight <i>(lbs)</i></div>", "lb"),
        (SIZE, "h", "Height (cm)", "cm"),
        (SIZE, "height_cm", "Height", "cm"),
        (SIZE, "h", "Height in centimetres", "cm"),
        (SIZE, "h", "Height (in)", "in"),
        (SIZE, "h", "Height, inches", "in"),
        (SIZE, "mri_ht_in", "Height", "in"),
        (SIZE, "h", 'Height (")', "in"),
    ],
)
def test_a_unit_in_label_or_name_has_to_be_declared(target: str, name: str, label: str, unit: str) -> None:
    said = refusals(target, name, label)
    assert said.startswith(f"fields.{target}: {name} seems to be in {unit}, and without unit it is taken for")
    assert f'set unit = "{unit}"' in said
    assert refusals(target, name, label, unit=unit) == ""


@pytest.mark.parametrize(
    ("target", "label", "what"),
    [
        (WEIGHT, "Weight (stone)", "stones"),
        (WEIGHT, "Weight (st)", "stones"),
        (WEIGHT, "Weight (oz)", "ounces"),
        (SIZE, "Height (ft)", "feet"),
        (SIZE, "Height in mm", "mm"),
    ],
)
def test_a_unit_we_cannot_take_is_refused_with_what_to_map_instead(
    target: str, label: str, what: str
) -> None:
    said = refusals(target, label=label)
    assert f"seems to be in {what}" in said
    assert "let REDCap calculate one" in said


def test_the_note_below_the_field_counts_too() -> None:
    assert 'set unit = "lb"' in refusals(WEIGHT, label="Weight", note="in lbs")


@pytest.mark.parametrize(
    ("target", "name", "label", "unit"),
    [
        (WEIGHT, "w_lbs", "Weight (kg)", None),  # people read the label
        (WEIGHT, "w", "Weight (kg)", None),
        (WEIGHT, "weight_in_kg", "", None),
        (WEIGHT, "w", "Weight", None),
        (WEIGHT, "g_weight", "Weight of the participant", None),
        (WEIGHT, "w", "Weight (kg or lb)", "lb"),
        (SIZE, "h", "Height (m)", None),
        (SIZE, "h", "Height as measured in the clinic", None),
        (SIZE, "height_in_cm", "", "cm"),
        (SIZE, "h", "Height without shoes", None),
    ],
)
def test_what_says_the_same_unit_or_none_is_fine(
    target: str, name: str, label: str, unit: str | None
) -> None:
    assert refusals(target, name, label, unit=unit) == ""


@pytest.mark.parametrize(
    ("target", "label", "unit"),
    [(WEIGHT, "Weight (lb)", "kg"), (WEIGHT, "Weight (kg)", "lb"), (SIZE, "Height (cm)", "in")],
)
def test_a_declared_unit_that_is_not_the_labels_is_refused(target: str, label: str, unit: str) -> None:
    assert f"and unit is {unit}; set unit" in refusals(target, label=label, unit=unit)


def test_a_label_with_two_units_wants_one_of_them_declared() -> None:
    said = refusals(WEIGHT, label="Weight (kg or lb)")
    assert "seems to be in kg or lb" in said
    assert 'set unit = "kg" or set unit = "lb"' in said


def test_a_template_or_part_does_not_hide_the_unit() -> None:
    asked = {**field("asked", "f", validation="number"), "field_label": "Weight (lb)"}
    metadata = [*(field(each, "f") for each in ("study_id", "last_name", "mri_date", "mri_time")), asked]
    definition = source({WEIGHT: "{w}"}, parts={"w": "asked"})
    with pytest.raises(Rejected, match="asked seems to be in lb"):
        check_against(definition, metadata, at_apply=True)
