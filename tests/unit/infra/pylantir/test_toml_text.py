"""TOML that says what was meant, whatever the text in it."""

from __future__ import annotations

import tomllib
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pylantir.toml_text import toml_text

VALUES = st.text(max_size=20) | st.integers(-9, 9) | st.booleans()
TABLES = st.dictionaries(st.text(max_size=5).filter(lambda key: key.isprintable()), VALUES, max_size=3)


@given(st.dictionaries(st.sampled_from("abcde"), VALUES | st.lists(VALUES, max_size=2) | TABLES))
def test_written_toml_says_what_was_meant(data: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(data, "a heading")) == data


def test_tables_and_lists_of_tables_come_after_plain_values() -> None:
    data = {"relay": {"port": 1}, "id": "x", "scanners": [{"ae_title": "A"}, {"ae_title": "B"}]}
    text = toml_text(data)
    assert tomllib.loads(text) == data
    assert text.index("id =") < text.index("[relay]") < text.index("[[scanners]]")


def test_times_and_tables_within_tables_are_written_too() -> None:
    data = {"window": {"opens": time(6, 0), "days": ["mon"], "more": {"a b": True}}}
    assert tomllib.loads(toml_text(data)) == data


def test_a_heading_is_comments() -> None:
    assert toml_text({"a": 1}, "one\n\ntwo") == "# one\n#\n# two\n\na = 1\n"


def test_what_toml_does_not_know_is_not_written() -> None:
    with pytest.raises(TypeError):
        toml_text({"a": None})
