"""Nothing becomes markup by accident."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_relay.operations.html import Html, element, joined, void


def test_text_is_escaped_unless_it_is_markup() -> None:
    assert (
        element("p", "a < b", element("b", "&"), data_label='"')
        == '<p data-label="&quot;">a &lt; b<b>&amp;</b></p>'
    )
    assert isinstance(element("p"), Html)


def test_attributes_are_named_as_html_names_them() -> None:
    assert void("meta", http_equiv="refresh") == '<meta http-equiv="refresh">'
    assert element("p", class_="big") == '<p class="big"></p>'


@given(st.text())
def test_no_text_and_no_attribute_opens_a_tag_or_ends_a_value(text: str) -> None:
    made = element("p", text, title=text)
    assert made.count("<") == made.count(">") == 2
    assert made.count('"') == 2


def test_markup_joined_is_markup_once() -> None:
    assert joined([element("b", "x"), " & ", Html("<i>")]) == "<b>x</b> &amp; <i>"
