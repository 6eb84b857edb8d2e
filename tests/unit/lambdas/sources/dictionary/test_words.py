"""Lists in messages are short enough to read: the first names, labels cut, and how many more there are."""

from __future__ import annotations

import pytest

from lambdas.sources.dictionary.words import labelled, listed


def test_a_code_stands_with_its_label() -> None:
    assert labelled({"1": "Male", "2": "Female"}) == ["1 (Male)", "2 (Female)"]


def test_a_code_without_a_label_stands_alone() -> None:
    assert labelled({"1": "", "2": "Female"}) == ["1", "2 (Female)"]
    assert labelled(["1", "2"]) == ["1", "2"]


def test_a_long_label_is_cut() -> None:
    (shown,) = labelled({"1": "x" * 100})
    assert shown == f"1 ({'x' * 40})"


@pytest.mark.parametrize(
    ("count", "end"), [(0, ""), (1, "n0"), (12, ", n11"), (13, ", n11 and 1 more"), (40, ", n11 and 28 more")]
)
def test_of_many_names_the_first_are_shown_and_the_rest_counted(count: int, end: str) -> None:
    shown = listed(f"n{number}" for number in range(count))
    assert shown.endswith(end)
    assert shown.count("n") == min(count, 12) + (count > 12)
    assert "n12" not in shown
