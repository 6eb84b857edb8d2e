"""Draws the soak: one panel a figure, as SVG. Pure."""

from __future__ import annotations

from typing import Final

_WIDTH, _HEIGHT, _LEFT, _GAP = 640, 90, 60, 34
_INK: Final = "#1f6feb"


def plotted(csv: str) -> str:
    """Return a plot of a table: a heading, then the seconds and the figures of each moment."""
    lines = csv.strip().splitlines()
    names, rows = lines[0].split(","), [[float(cell) for cell in line.split(",")] for line in lines[1:]]
    seconds = [row[0] for row in rows]
    panels = [
        _panel(place, name, seconds, [row[place + 1] for row in rows]) for place, name in enumerate(names[1:])
    ]
    height = len(panels) * (_HEIGHT + _GAP) + 10
    size = f'viewBox="0 0 {_LEFT + _WIDTH + 20} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{"".join(panels)}</svg>\n'
    )


def _panel(place: int, name: str, seconds: list[float], values: list[float]) -> str:
    top = place * (_HEIGHT + _GAP) + 24
    most = max([*values, 1.0]) * 1.1
    longest = max(seconds[-1], 1.0)
    points = " ".join(
        f"{_LEFT + _WIDTH * at / longest:.1f},{top + _HEIGHT * (1 - value / most):.1f}"
        for at, value in zip(seconds, values, strict=True)
    )
    text = f"{name}: {min(values):g} to {max(values):g}, over {longest:.0f} s"
    return (
        f'<text x="{_LEFT}" y="{top - 6}" font-size="12">{text}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>'
        f'<text x="{_LEFT - 6}" y="{top + 10}" font-size="10" text-anchor="end">{most:.0f}</text>'
        f'<text x="{_LEFT - 6}" y="{top + _HEIGHT}" font-size="10" text-anchor="end">0</text>'
        f'<polyline points="{points}" fill="none" stroke="{_INK}" stroke-width="1.5"/>'
    )
