"""`make bench`: what the relay takes in time and memory on this machine, side by side with other servers.

Whole processes, real sockets. Prints a Markdown report; ``--write`` also puts it into docs/benchmarks.md.
Exit code 1 if a goal that was measured is not kept. A quick run takes a few minutes with 1,000 items;
``--full`` takes some ten, with 10,000 and 100,000 too.
"""

from __future__ import annotations

import argparse
import gc
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from edge_relay.operations.memory import use_one_heap
from shared.errors import MwlError
from tests.bench import api_calls, report, start, sync, today_page, whole_loop
from tests.bench.figures import Table
from tests.bench.lineup import PROGRAMS, Lineup
from tests.bench.rounds import FULL, QUICK, Effort, say
from tests.bench.scenarios import Scenario, scenarios
from tests.bench.wire import WireError
from tests.structure.imports import ROOT

REPORT: Final = ROOT / "docs" / "benchmarks.md"
WHOLE_LOOP: Final = "whole loop"
TODAY: Final = "today at the dashboard"
API: Final = "calls of the API"
START: Final = "start of the commands"
SYNC: Final = "sync of a large project"


def main() -> int:
    """Measure, print, and write if asked to."""
    options = _options()
    wanted = re.compile(options.only, re.IGNORECASE)
    effort = FULL if options.full else QUICK
    effort = replace(effort, associations=options.associations or effort.associations)
    chosen = [
        each
        for each in scenarios()
        if (each.full if options.full else each.quick) and wanted.search(each.title)
    ]
    lineup = Lineup([each for each in PROGRAMS if any(each in scenario.programs for scenario in chosen)])
    use_one_heap()
    gc.disable()  # a collection in the client would be taken for a slow answer
    began = monotonic()
    run = Run(lineup, effort)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stage in dict.fromkeys(each.stage for each in chosen):
            run.stage([each for each in chosen if each.stage == stage], folder / f"{stage}")
        if wanted.search(WHOLE_LOOP):
            run.attempt(WHOLE_LOOP, lambda: whole_loop.tables(folder / "loop"))
        if wanted.search(TODAY):
            run.attempt(TODAY, today_page.tables)
        if wanted.search(API):
            run.attempt(API, api_calls.tables)
        if wanted.search(START):
            run.attempt(START, lambda: start.tables(folder / "start", effort.rounds))
        if options.full and wanted.search(SYNC):
            run.attempt(SYNC, sync.tables)
        text = report.text(run.tables, lineup, run.failed, effort, monotonic() - began, folder)
    print(text)
    if options.write:
        REPORT.write_text(text, encoding="utf-8")
    return 1 if run.failed or any(goal.kept is False for each in run.tables for goal in each.goals) else 0


class Run:
    """What was measured so far; a piece that fails takes nothing else with it."""

    def __init__(self, lineup: Lineup, effort: Effort) -> None:
        self._lineup, self._effort = lineup, effort
        self.tables: list[Table] = []
        self.failed: dict[str, str] = {}

    def stage(self, chosen: Sequence[Scenario], folder: Path) -> None:
        """Run the scenarios that share servers."""
        entrants = list(dict.fromkeys(entrant for each in chosen for entrant in each.entrants))
        try:
            with self._lineup.running(entrants, folder) as running:
                for each in chosen:
                    self.attempt(each.title, partial(each.run, running, self._effort))
        except MwlError as error:
            self._fail(f"{chosen[0].stage:,} items", error)

    def attempt(self, title: str, work: Callable[[], Sequence[Table]]) -> None:
        """Do one piece of work, and tell who waits what it gave."""
        say(title)
        try:
            tables = work()
        except (MwlError, OSError, WireError) as error:
            return self._fail(title, error)
        for table in tables:
            for cell in table.cells:
                median = f"{report.number(cell.series.median)} {table.unit}" if cell.series else cell.why
                say(f"    {cell.server}: {median}")
        self.tables += tables
        gc.collect()
        return None

    def _fail(self, title: str, error: Exception) -> None:
        self.failed[title] = str(error) or type(error).__name__
        say(f"    failed: {self.failed[title]}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="10,000 and 100,000 items too, and more rounds")
    parser.add_argument("--write", action="store_true", help="put the report into docs/benchmarks.md")
    parser.add_argument("--only", default="", metavar="PATTERN", help="scenarios whose title it matches")
    parser.add_argument("--associations", type=int, default=0, help="how many must leave the memory flat")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
