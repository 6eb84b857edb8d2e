"""`make mutants`: plant each fault in a copy of the project, and see whether a test fails.

ARGS="--only feed" plants the faults of one area. ARGS="--write" also puts the figures into docs/testing.md
as soon as an area is done: the rows of areas that were not run stay as they are.
ARGS="--explore 30 --seed 2" makes faults by rule instead of taking those of the table, and shows which
survive: what to do about those is for a person to say. Exit code 1 if a fault of the table survives, or if
its text is no longer found.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from time import monotonic
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.mutants import operators
from tests.mutants.fault import Area, Misplaced, planted
from tests.mutants.faults import AREAS
from tests.mutants.report import Result, replaced, row_of, rows_of, table
from tests.mutants.tree import LONGEST_RUN_SECONDS, Outcome, Tree, copied_tree
from tests.structure.imports import ROOT

PAGE: Final = ROOT / "docs" / "testing.md"
LONGEST_WITHOUT_FAULT_SECONDS: Final = 3600.0
LONGER: Final = 5
"""So many times what they take without a fault, tests may take with one: then it has stopped them."""
_COLOURS: Final = {Outcome.KILLED: "green", Outcome.SURVIVED: "red", Outcome.BROKEN: "yellow"}


def main() -> int:
    """Plant, run, and tell."""
    options = _options()
    wanted = re.compile(options.only)
    areas = [area for area in AREAS if wanted.search(area.name)]
    console = Console(soft_wrap=True)
    with copied_tree() as tree:
        if options.explore:
            return _explore(console, tree, areas, options.explore, options.seed)
        results = _plant_all(console, tree, areas, _write if options.write else _ignore)
    alive = [result for result in results if result.outcome != Outcome.KILLED]
    for result in alive:
        told = f"{result.outcome}: {result.area}: {result.place} {result.fault.harm}. {result.said}"
        console.print(escape(told), style="red")
    console.print(f"{len(results)} faults planted, {len(results) - len(alive)} killed")
    return 1 if alive else 0


def _write(area: Area, results: Sequence[Result]) -> None:
    """Put what an area came to into the page, if its faults could be planted at all."""
    if not any(result.place for result in results if result.area == area.name):
        return
    page = PAGE.read_text("utf-8")
    row = row_of(area.name, results, f"{datetime.now(UTC):%Y-%m-%d}")
    PAGE.write_text(replaced(page, table({**rows_of(page), area.name: row}, AREAS)), "utf-8")


def _ignore(area: Area, results: Sequence[Result]) -> None:
    """Keep nothing of an area."""


def _plant_all(
    console: Console, tree: Tree, areas: Sequence[Area], ended: Callable[[Area, Sequence[Result]], None]
) -> list[Result]:
    results = []
    with _progress(console) as progress:
        task = progress.add_task("", total=sum(len(area.faults) for area in areas))
        for area in areas:
            for result in _results(tree, area):
                results.append(result)
                progress.update(task, advance=1, description=result.area)
                outcome = Outcome(result.outcome)
                told = f"{outcome:<8} {result.area}: {result.place}: {result.fault.harm} [{result.said}]"
                progress.console.print(escape(told), style=_COLOURS[outcome])
            ended(area, results)
    return results


def _results(tree: Tree, area: Area) -> Iterator[Result]:
    sources = tree.sources()
    began = monotonic()
    outcome, said, reach = tree.measured(area.tests, LONGEST_WITHOUT_FAULT_SECONDS)
    longest = max(LONGEST_RUN_SECONDS, LONGER * (monotonic() - began))
    if outcome is not Outcome.SURVIVED:
        wrong = f"without any fault its tests do not pass: {said}"
        yield from (Result(area.name, fault, "", Outcome.BROKEN, wrong) for fault in area.faults)
        return
    for fault in area.faults:
        try:
            planting = planted(fault, sources)
        except Misplaced as error:
            yield Result(area.name, fault, "", Outcome.BROKEN, str(error))
            continue
        outcome, said = tree.judged(planting, area.tests, reach, longest)
        yield Result(area.name, fault, f"{planting.file}:{planting.line}", outcome, said)


def _explore(console: Console, tree: Tree, areas: Sequence[Area], count: int, seed: int) -> int:
    """Plant faults made by rule; there is no right number of survivors, so none is a failure."""
    sources = tree.sources()
    survived = 0
    for area in areas:
        files = _files(area, sources)
        _, _, reach = tree.measured(area.tests, LONGEST_WITHOUT_FAULT_SECONDS)
        with _progress(console) as progress:
            for name, edit in progress.track(operators.sampled(files, count, seed), description=area.name):
                outcome, _ = tree.judged(operators.planting(name, files[name], edit), area.tests, reach)
                if outcome is not Outcome.KILLED:
                    survived += 1
                    told = operators.described(name, files[name], edit)
                    progress.console.print(escape(f"{outcome:<8} {told}"), style=_COLOURS[outcome])
    console.print(f"{survived} faults made by rule were not killed; some of them change nothing that matters")
    return 0


def _files(area: Area, sources: dict[PurePosixPath, str]) -> dict[str, str]:
    """Return the modules in which an area has faults."""
    found = {}
    for fault in area.faults:
        try:
            file = planted(fault, sources).file
        except Misplaced:
            continue
        found[str(file)] = sources[file]
    return found


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="areas whose name it matches")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/testing.md")
    parser.add_argument(
        "--explore", type=int, default=0, metavar="COUNT", help="faults made by rule, per area"
    )
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
