"""`python -m tests.bench.history FOLDER`: how long each named question takes, by the number of sites.

FOLDER holds a generated year (`python -m tests.rigs.generated_year FOLDER`); smaller years are a part of it,
as hard links. Each question is asked several times, files opened anew, as a person at a desk does. Prints a
Markdown table of the processor time of this process and, of the most sites, of the time that passed; writes a
plot of the processor time with ``--plot``. Exit code 1 if a question passes its limit.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from lambdas.history import desk
from lambdas.history.questions import questions
from tests.rigs.generated_year import Year

LIMIT_SECONDS: Final = 5.0
SITES: Final = (1, 10, 100)
_ROUNDS: Final = 3
_COLOURS: Final = ("#1f6feb", "#8a3b00", "#1a7f37", "#8250df", "#bf3989", "#57606a")


class Cost(NamedTuple):
    """Seconds of the processor, of all threads, and those that passed."""

    processor: float
    elapsed: float


def part_of(year: Path, sites: int, folder: Path) -> Path:
    """Make a year of the first sites of another one, and return it."""
    names = {f"site={name}" for name in Year(sites=sites).names()}
    for file in year.rglob("*.parquet"):
        place = file.relative_to(year)
        if len(place.parts) == 2 or place.parts[2] in names:
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
    return folder


def measured(folder: Path) -> Mapping[str, Cost]:
    """Return what each question takes, opening the files included: the medians of some rounds."""
    found = {}
    for name, question in questions().items():
        rounds = [_cost(folder, question.of_days()) for _ in range(_ROUNDS)]
        found[name] = Cost(median(each.processor for each in rounds), median(each.elapsed for each in rounds))
    return found


def _cost(folder: Path, sql: str) -> Cost:
    began, used = time.perf_counter(), time.process_time()
    desk.ask(str(folder), sql)
    return Cost(time.process_time() - used, time.perf_counter() - began)


def table(found: Mapping[int, Mapping[str, Cost]]) -> Iterator[str]:
    """Yield the lines of a Markdown table: a question a line, a number of sites a column."""
    names = [f"{sites} sites" if sites > 1 else "1 site" for sites in found]
    yield f"| question | {' | '.join(names)} | elapsed, {names[-1]} |"
    yield "|---|" + "---|" * (len(found) + 1)
    for name in questions():
        costs = [of_all[name] for of_all in found.values()]
        cells = [*(each.processor for each in costs), costs[-1].elapsed]
        yield f"| `{name}` | " + " | ".join(f"{cell:.2f} s" for cell in cells) + " |"


def plot(found: Mapping[int, Mapping[str, Cost]]) -> str:
    """Return the processor time by the number of sites as SVG."""
    most_sites = max(found)
    most = max(cost.processor for each in found.values() for cost in each.values()) * 1.1
    lines, texts = [], []
    for place, name in enumerate(questions()):
        colour = _COLOURS[place % len(_COLOURS)]
        points = [
            (60 + 420 * sites / most_sites, 20 + 300 * (1 - each[name].processor / most))
            for sites, each in found.items()
        ]
        dash = ' stroke-dasharray="5 3"' if place >= len(_COLOURS) else ""
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>')
        y = 30 + 22 * place
        lines.append(
            f'<line x1="500" x2="530" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="1.5"{dash}/>'
        )
        texts.append(f'<text x="536" y="{y + 4}" font-size="12">{name}</text>')
    axes = (
        '<rect x="60" y="20" width="420" height="300" fill="none" stroke="#999"/>'
        f'<text x="54" y="28" font-size="11" text-anchor="end">{most:.1f} s</text>'
        '<text x="54" y="322" font-size="11" text-anchor="end">0</text>'
        f'<text x="480" y="340" font-size="12" text-anchor="end">{most_sites} sites</text>'
    )
    title = "<title>Processor time of each question, by the number of sites</title>"
    body = title + axes + "".join(lines + texts)
    size = 'viewBox="0 0 680 350" font-family="sans-serif"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{body}</svg>\n'


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and tell whether the limit holds."""
    parser = argparse.ArgumentParser(description="Time the named questions on a generated year.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sites", type=int, nargs="*", default=list(SITES))
    parser.add_argument("--plot", type=Path, help="where to write the plot, as SVG")
    options = parser.parse_args(arguments)
    found: dict[int, Mapping[str, Cost]] = {}
    for sites in options.sites:
        with TemporaryDirectory(dir=options.folder.parent) as made:
            found[sites] = measured(part_of(options.folder, sites, Path(made)))
    sys.stdout.write("\n".join(table(found)) + "\n")
    if options.plot:
        options.plot.write_text(plot(found), "utf-8")
    return int(max(cost.elapsed for each in found.values() for cost in each.values()) > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
