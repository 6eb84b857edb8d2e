"""What runs of the faults came to, as the table of docs/testing.md. Pure.

A run may be of one area: its row is replaced, and the rows of the other areas stay, each with its day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.mutants.fault import Area, Fault

BEGIN, END = "<!-- begin: made by make mutants -->", "<!-- end: made by make mutants -->"
_ROW: Final = re.compile(
    r"^\| ([\w-]+) \| \d+ \| (\d+) \| (\d+) \| \d+ \| (\d{4}-\d\d-\d\d) \|$", re.MULTILINE
)
_ALIVE: Final = re.compile(r"^- ([\w-]+), (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """What became of one fault.

    :param place: file and line; empty if its text was not found.
    :param outcome: ``killed``, ``survived`` or ``broken`` (the tests could not be run, or the text is gone).
    :param said: which test killed it, or what is wrong.
    """

    area: str
    fault: Fault
    place: str
    outcome: str
    said: str


@dataclass(frozen=True)
class Row:
    """The newest run of one area.

    :param alive: each fault that was not killed: its place and its harm.
    :param day: of the run, YYYY-MM-DD.
    """

    area: str
    planted: int
    killed: int
    alive: tuple[str, ...]
    day: str


def row_of(area: str, results: Iterable[Result], day: str) -> Row:
    """Return what a run of all faults of an area came to."""
    own = [result for result in results if result.area == area]
    alive = tuple(f"{each.place}: {each.fault.harm}" for each in own if each.outcome != "killed")
    return Row(area, len(own), len(own) - len(alive), alive, day)


def rows_of(page: str) -> dict[str, Row]:
    """Return the rows that a page has, by area."""
    _, made, _ = _parts(page)
    alive: dict[str, list[str]] = {}
    for area, told in _ALIVE.findall(made):
        alive.setdefault(area, []).append(told)
    return {
        area: Row(area, int(planted), int(killed), tuple(alive.get(area, ())), day)
        for area, planted, killed, day in _ROW.findall(made)
    }


def table(rows: Mapping[str, Row], areas: Sequence[Area]) -> str:
    """Return the figures of all areas that there are now as Markdown, and every fault that was not killed."""
    head = ["| area | faults today | planted | killed | survived | run on |", "|---|---|---|---|---|---|"]
    lines = [_line(area.name, len(area.faults), rows.get(area.name)) for area in areas]
    known = [rows[area.name] for area in areas if area.name in rows]
    planted, killed = sum(row.planted for row in known), sum(row.killed for row in known)
    total = sum(len(area.faults) for area in areas)
    lines.append(f"| **all** | {total} | {planted} | {killed} | {planted - killed} | |")
    alive = [f"- {row.area}, {told}" for row in known for told in row.alive]
    return "\n".join([*head, *lines, *(["", "Not killed:", "", *alive] if alive else [])])


def replaced(page: str, made: str) -> str:
    """Return a page with what stands between its two marks replaced.

    :raises ValueError: it lacks the marks.
    """
    before, _, after = _parts(page)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def _parts(page: str) -> tuple[str, str, str]:
    before, _, rest = page.partition(BEGIN)
    made, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return before, made, after


def _line(area: str, faults: int, row: Row | None) -> str:
    if row is None:
        return f"| {area} | {faults} | not run | | | |"
    return f"| {area} | {faults} | {row.planted} | {row.killed} | {row.planted - row.killed} | {row.day} |"
