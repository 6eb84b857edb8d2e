"""What a run of all faults came to, as the table of docs/testing.md. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.mutants.fault import Fault

BEGIN, END = "<!-- begin: made by make mutants -->", "<!-- end: made by make mutants -->"


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


def table(results: Sequence[Result], day: str) -> str:
    """Return the figures by area as Markdown, and every fault that was not killed."""
    head = [f"Run on {day}.", "", "| area | planted | killed | survived |", "|---|---|---|---|"]
    areas = dict.fromkeys(result.area for result in results)
    rows = [_line(area, [result for result in results if result.area == area]) for area in areas]
    alive = [
        f"- {each.area}, {each.place}: {each.fault.harm}" for each in results if each.outcome != "killed"
    ]
    return "\n".join(
        [*head, *rows, _line("**all**", results), *(["", "Not killed:", "", *alive] if alive else [])]
    )


def replaced(page: str, made: str) -> str:
    """Return a page with what stands between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _old, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def _line(name: str, results: Sequence[Result]) -> str:
    killed = sum(result.outcome == "killed" for result in results)
    return f"| {name} | {len(results)} | {killed} | {len(results) - killed} |"
