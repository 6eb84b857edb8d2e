"""What nobody sees is taken out of names, and refused in identifiers, whatever it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.mapping.hidden_characters import check_identifier, visible, visible_fault
from shared.errors import Rejected

HIDDEN = [
    "\u200b",
    "\ufeff",
    "\u202e",
    "\u00ad",
    "\u2060",
    "\u200e",
    "\u034f",
    "\u3164",
    "\ufe0f",
    "\U000e0101",
]
BLANK = ["\u00a0", "\u3000", "\u2009", "\u202f", "\u2028"]
WIDE = ["\uff11", "\uff21", "\uff5a"]


@pytest.mark.parametrize("character", HIDDEN, ids=ascii)
def test_a_character_that_nobody_sees_is_taken_out(character: str) -> None:
    assert visible(f"{character}Cu{character}rie") == "Curie"


@pytest.mark.parametrize("character", BLANK, ids=ascii)
def test_every_space_becomes_the_plain_one_and_two_become_one(character: str) -> None:
    assert visible(f"de{character} la {character}Cruz{character}") == "de la Cruz"


def test_full_width_letters_and_digits_become_plain() -> None:
    assert visible("\uff2a\uff4f\uff11\uff19") == "Jo19"


@pytest.mark.parametrize("name", ["Åse Ås", "O'Núñez^Zoë", "山田^太郎", "한국", "Πέτρος", "a  b"])
def test_what_is_as_it_looks_stays_as_it_is(name: str) -> None:
    assert (visible(name), visible_fault(name)) == (name, "")


@pytest.mark.parametrize("character", [*HIDDEN, *BLANK, *WIDE], ids=ascii)
def test_an_identifier_with_one_is_refused_by_its_code_point_and_not_quoted(character: str) -> None:
    with pytest.raises(Rejected, match=f"U\\+{ord(character):04X}") as refused:
        check_identifier(f"SUB{character}42")
    assert "SUB" not in str(refused.value)


@pytest.mark.parametrize("text", ["AB*", "AB*?", "?", "A?B"])
def test_an_identifier_that_means_several_in_a_query_is_none(text: str) -> None:
    with pytest.raises(Rejected, match="stand for other text"):
        check_identifier(text)


@pytest.mark.parametrize("text", ["AB 12", "sub_007_ses_1", "Å-7", "", "A.B/C"])
def test_any_other_identifier_is_left_alone(text: str) -> None:
    assert check_identifier(text) == text


@given(st.text())
def test_what_is_visible_has_nothing_hidden_and_is_visible_already(text: str) -> None:
    seen = visible(text)
    assert visible_fault(seen) == ""
    assert visible(seen) == seen
    assert not any(unicodedata.category(character) == "Cf" for character in seen)
