"""An exam reaches a scanner with its own identifiers, or not at all."""

from __future__ import annotations

import pytest

from shared.dicom.charset import character_set
from shared.scanners.identity import IDENTIFIERS, can_carry, can_name
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item

LATIN_1, UTF_8 = ("ISO_IR 100",), ("ISO_IR 192",)


@pytest.mark.parametrize("field", IDENTIFIERS.values())
@pytest.mark.parametrize("letter", ["\u0141", "\u0110", "\u0394"])
def test_an_identifier_that_a_set_lacks_a_letter_of_withholds_the_exam(field: str, letter: str) -> None:
    item = an_item(**{field: f"{letter}438E6"})
    assert not can_carry(LATIN_1, item)
    assert can_carry(UTF_8, item)


def test_what_the_set_has_is_carried() -> None:
    assert can_carry(LATIN_1, an_item(patient_id="\u00c5438"))


def test_every_identifier_is_a_field_of_an_item() -> None:
    assert set(IDENTIFIERS.values()) <= WorklistItem.model_fields.keys()


def test_a_name_is_written_in_letters_that_stand_for_others() -> None:
    assert can_name(character_set(LATIN_1), "\u0141ukasz^Jan")


def test_a_name_of_which_nothing_is_left_is_none() -> None:
    assert not can_name(character_set(LATIN_1), "\u5c71\u7530^\u592a\u90ce")
