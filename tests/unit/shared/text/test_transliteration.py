"""Names for people who have only an ASCII keyboard, or a scanner that has only ASCII."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.transliteration import plain, plain_character


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("O’Neil", "O'Neil"),
        ("Łukasz", "Lukasz"),
        ("Smith–Jones", "Smith-Jones"),
        ("Strauß", "Strauss"),
        ("Đorđević", "Dordevic"),
        ("Þór Æsir Øst", "Thor Aesir Ost"),
        ("Nguyễn", "Nguyen"),
        ("Żółć", "Zolc"),
        ("Δημήτρης", "Dimitris"),
        ("Щукин Юлия", "Shchukin Iuliia"),
        ("Jürgen", "Jurgen"),
        ("x\u030cy", "xy"),
        ("a\u200bb", "ab"),
        ("wait…", "wait..."),
        ("ﬁ½", "fi1/2"),
        ("Doe^Jane", "Doe^Jane"),
    ],
)
def test_letters_that_no_keyboard_has_become_those_that_stand_for_them(text: str, letters: str) -> None:
    assert plain(text) == letters


@pytest.mark.parametrize("text", ["山田", "ひろし", "김", "محمد", "עברית", "ไทย"])
def test_scripts_whose_reading_only_the_bearer_knows_are_left_alone(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("character", ["＝", "＾", "＼", "≠"])
def test_no_delimiter_of_dicom_comes_of_a_character(character: str) -> None:
    assert plain_character(character) == character


@given(st.characters())
def test_a_character_becomes_ascii_without_delimiters_or_stays_itself(character: str) -> None:
    letters = plain_character(character)
    assert letters == character or (letters.isascii() and not set(letters) & set("\\^="))


@given(st.text(max_size=20))
def test_done_twice_it_changes_nothing_more(text: str) -> None:
    assert plain(plain(text)) == plain(text)
