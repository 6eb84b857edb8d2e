"""A drawing that everybody can read: titled, described, to scale, and safe."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.api.reports.charts import WIDTH, Chart, Series, svg

VALUES = st.none() | st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 1))


def drawn(*series: Series, groups: tuple[str, ...] = ("MR1", "MR2")) -> Element:
    return fromstring(svg(Chart("hours", "Hours", "Booked and used hours", "h", groups, series)))


def bars(root: Element) -> list[tuple[float, float]]:
    """Return where each bar begins and how long it is, but for those of the legend."""
    found = [each for each in root.iter("rect") if each.get("height") != "12"]
    return [(float(each.get("x", "")), float(each.get("width", ""))) for each in found]


def words(root: Element) -> list[str]:
    return [each.text or "" for each in root.iter("text")]


def test_it_has_a_title_and_a_description_that_it_is_labelled_by() -> None:
    root = drawn(Series("booked", [1, 2]))
    named = {each.get("id", ""): each.text for each in root if each.tag in {"title", "desc"}}
    assert named == {"hours-title": "Hours", "hours-desc": "Booked and used hours"}
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", " ".join(named))


def test_bars_are_to_scale() -> None:
    (_, one), (_, two) = bars(drawn(Series("booked", [10, 20])))
    assert two == one * 2


def test_a_negative_value_goes_the_other_way() -> None:
    (left, length), (zero, _) = bars(drawn(Series("delay", [-5, 10])))
    assert round(left + length, 1) == zero


def test_what_is_not_known_has_no_bar_and_no_number() -> None:
    root = drawn(Series("delay", [None, 3]))
    assert len(bars(root)) == 1
    assert "None" not in words(root)


def test_every_value_is_written_beside_its_bar() -> None:
    found = words(drawn(Series("booked", [7.5, 12]), Series("used", [3, 0])))
    assert {"7.5", "12", "3", "booked", "used", "MR1", "MR2"} <= set(found)


def test_a_label_that_is_a_script_is_text() -> None:
    root = drawn(Series("<script>alert(1)</script>", [1]), groups=("</svg><script>",))
    assert not list(root.iter("script"))
    assert "</svg><script>" in words(root)


def test_a_long_label_is_cut() -> None:
    label = next(word for word in words(drawn(Series("a", [1]), groups=("x" * 60,))) if "x" in word)
    assert label == "x" * 23 + "…"


@given(st.lists(VALUES, min_size=2, max_size=2), st.lists(VALUES, min_size=2, max_size=2))
def test_everything_is_inside_the_drawing(one: list[float | None], two: list[float | None]) -> None:
    root = drawn(Series("one", one), Series("two", two))
    for left, width in bars(root):
        assert left >= 0
        assert left + width <= WIDTH


@pytest.mark.parametrize(
    ("values", "marks"), [((0.0, 0.0), ["0", "1"]), ((1.0, 2.0), ["0", "1", "2"]), ((0.5, 0.0), ["0", "0.1"])]
)
def test_what_is_counted_in_whole_numbers_has_no_halves_on_its_axis(
    values: tuple[float, float], marks: list[str]
) -> None:
    ticks = [each.text for each in drawn(Series("a", values)).iter("text") if each.get("class") == "tick"]
    assert ticks[: len(marks)] == marks
    assert len(ticks) == len(marks) or "0.1" in ticks
