"""Bars as SVG, made on the server: titled, described, and never the only place where a figure stands. Pure.

Colours come from the page's style sheet, by class, so that they follow the reader's light or dark mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH: Final = 720
_LABEL, _RIGHT, _BAR, _GAP, _TOP, _BOTTOM = 190, 70, 18, 12, 34, 30
"""In units of the drawing: room for labels and for the last value, a bar's height, what is between groups."""
_LONGEST_LABEL: Final = 24
_STEPS: Final = (1, 2, 5, 10)


@dataclass(frozen=True)
class Series:
    """One bar in each group: what it is called, and its values; None: not known, no bar."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    :param id: names the drawing in its page.
    :param title: and ``description``: in words, for who cannot see it.
    :param groups: the label of each group.
    """

    id: str
    title: str
    description: str
    unit: str
    groups: Sequence[str]
    series: Sequence[Series]


def svg(chart: Chart) -> str:
    """Return a chart of horizontal bars as an SVG element, every text in it escaped."""
    of_group = len(chart.series) * _BAR + _GAP
    height = _TOP + of_group * len(chart.groups) + _BOTTOM
    labelled = f"{chart.id}-title {chart.id}-desc"
    root = Element("svg", {"role": "img", "viewBox": f"0 0 {WIDTH} {height}", "aria-labelledby": labelled})
    root.set("class", "chart")
    SubElement(root, "title", {"id": f"{chart.id}-title"}).text = chart.title
    SubElement(root, "desc", {"id": f"{chart.id}-desc"}).text = chart.description
    _legend(root, chart.series)
    scale = _scale(chart)
    _axis(root, scale, height, chart.unit)
    for number, group in enumerate(chart.groups):
        top = _TOP + number * of_group
        label = {"x": str(_LABEL - 8), "y": _text(top + len(chart.series) * _BAR / 2 + 5), "class": "label"}
        SubElement(root, "text", label).text = _short(group)
        for place, series in enumerate(chart.series):
            _bar(root, scale, series.values[number], top + place * _BAR, place)
    return tostring(root, encoding="unicode")


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    step: float

    def x(self, value: float) -> float:
        return _LABEL + (value - self.low) / (self.high - self.low) * (WIDTH - _LABEL - _RIGHT)


def _scale(chart: Chart) -> _Scale:
    """Return an axis that begins and ends at round numbers, and has 0 on it: whole ones for whole values."""
    known = [value for series in chart.series for value in series.values if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    span = (high - low) or 1.0
    magnitude = 10.0 ** floor(log10(span / 5))
    step = next(magnitude * each for each in _STEPS if magnitude * each * 5 >= span)
    if all(float(value).is_integer() for value in known):
        step = max(step, 1.0)
    below, above = floor(low / step), -floor(-high / step)
    return _Scale(below * step, max(above, below + 1) * step, step)


def _legend(root: Element, series: Sequence[Series]) -> None:
    x = float(_LABEL)
    for place, each in enumerate(series):
        box = {"x": _text(x), "y": "8", "width": "12", "height": "12", "class": f"bar b{place}"}
        SubElement(root, "rect", box)
        SubElement(root, "text", {"x": _text(x + 18), "y": "19"}).text = each.name
        x += 40 + 8.5 * len(each.name)


def _axis(root: Element, scale: _Scale, height: int, unit: str) -> None:
    bottom = height - _BOTTOM
    for number in range(round((scale.high - scale.low) / scale.step) + 1):
        value = scale.low + number * scale.step
        x = _text(scale.x(value))
        SubElement(root, "line", {"x1": x, "x2": x, "y1": str(_TOP - 4), "y2": str(bottom), "class": "grid"})
        mark = {"x": x, "y": str(bottom + 18), "class": "tick"}
        SubElement(root, "text", mark).text = f"{value:g}"
    SubElement(root, "text", {"x": str(WIDTH - 4), "y": str(bottom + 18), "class": "unit"}).text = unit


def _bar(root: Element, scale: _Scale, value: float | None, top: float, place: int) -> None:
    if value is None:
        return
    zero, end = scale.x(0), scale.x(value)
    left, width = min(zero, end), abs(end - zero)
    shape = {"x": _text(left), "y": _text(top + 2), "width": _text(width), "height": str(_BAR - 4)}
    SubElement(root, "rect", {**shape, "class": f"bar b{place}"})
    at = {"x": _text(max(zero, end) + 5), "y": _text(top + _BAR - 5), "class": "value"}
    SubElement(root, "text", at).text = f"{value:g}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _text(number: float) -> str:
    return f"{number:.1f}"
