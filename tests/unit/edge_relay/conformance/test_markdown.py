"""Markdown for the statements: tables that cannot break, text without its indentation."""

from __future__ import annotations

from edge_relay.conformance.markdown import drawing, table, tag_text, text, yes_no


def test_a_table_has_a_heading_and_a_line_under_it() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_what_would_end_a_cell_does_not() -> None:
    assert table(("a",), [("x|y\nz",)]).splitlines()[-1] == "| x\\|y z |"


def test_an_empty_cell_is_a_dash() -> None:
    assert table(("a", "b"), [("", " ")]).splitlines()[-1] == "| - | - |"


def test_text_loses_its_indentation_if_it_begins_on_a_new_line() -> None:
    assert text("\n        one\n        two\n", "    drawn") == "one\ntwo\n\n    drawn"


def test_a_drawing_is_indented_by_four_and_keeps_its_shape() -> None:
    assert drawing("\n  a\n    b\n") == "    a\n      b"


def test_tags_and_answers_are_written_as_the_standard_writes_them() -> None:
    assert tag_text(0x0040A730) == "(0040,A730)"
    assert (yes_no(True), yes_no(False)) == ("Y", "N")
