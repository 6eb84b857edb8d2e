"""What does not fit the terminal is below each other, with ids in one piece."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_relay.commands.cards import cards, fits

COLUMNS = ("relay", "attention")
ROWS = [("r" * 32, "the worklist is old: " + "word " * 30), ("s" * 32, "")]


def test_a_narrow_table_fits_and_a_wide_one_does_not() -> None:
    assert fits(("a", "b"), [("1", "22")], 12)
    assert not fits(("a", "b"), [("1", "2" * 80)], 80)
    assert fits(("a",), [("one line\n" * 5,)], 80)


def test_ids_are_whole_long_text_is_wrapped_and_empty_values_are_left_out() -> None:
    lines = list(cards(COLUMNS, ROWS, 80))
    assert lines[0] == "relay      " + "r" * 32
    assert lines[1].startswith("attention  the worklist is old:")
    assert lines[2].startswith(" " * 11 + "word")
    assert lines[-2:] == ["", "relay      " + "s" * 32]
    assert max(map(len, lines)) <= 80


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60)


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=20).map(" ".join)), min_size=1, max_size=4))
def test_every_word_is_there_once_and_no_line_is_longer_than_eighty(rows: list[tuple[str, str]]) -> None:
    lines = list(cards(COLUMNS, rows, 80))
    said = " ".join(line[11:] for line in lines).split()
    assert said == [word for row in rows for text in row for word in text.split()]
    assert all(len(line) <= 80 for line in lines)
