"""The report: goals first, then what every server came to, then how it was measured and on what."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.figures import Cell, Goal, Table
from tests.bench.items import A_DAY, A_SCANNER
from tests.bench.lineup import MANY_THREADS, Lineup
from tests.bench.rounds import Effort
from tests.bench.servers.orthanc import DEFAULT_THREADS
from tests.bench.servers.server import MOST_ASSOCIATIONS

HEADING: Final = """# Benchmarks

`make bench ARGS="--full --write"` writes this page. In one run, it measures all servers side by side on the
same machine: each is its own process, with the same items and the same client. The servers take turns in
rounds, so that a change of the machine's speed affects all of them. Read the ratios: absolute figures depend
on the machine.

"""

METHOD: Final = f"""## How it was measured

- **Items**: each exam has its own patient, {A_DAY} exams a day for each scanner, {A_SCANNER:,} per scanner.
  The relay pulls them from a cloud in another process. wlmscpfs and Orthanc read worklist files. Plain
  pynetdicom holds data sets in memory. pylantir has them in its own table.
- **Client**: our own, on raw sockets. It writes as findscu does: four small writes per request (header and
  content, of the command and of the data set). The syntax is Explicit VR Little Endian. Queries are prepared
  in advance, and each differs from the one before, except for "everything". The time of a query starts at
  its first write and ends at the read that completes its last response. Then the answers are counted; a
  wrong number of matches stops the turn. The column "client" shows how busy the client's own process was. If
  it is high, our server is faster than shown.
- **Nagle's algorithm** is on in the client unless a table says otherwise, as in findscu and most scanners.
  If a server does not acknowledge at once, it costs about 40 to 90 ms per query. "Off on both sides" means
  `TCP_NODELAY=1` for wlmscpfs and Orthanc (DCMTK's network library reads it), and a socket option for plain
  pynetdicom and the client. In the relay it is always off.
- **Settings**: the defaults, except for limits. All servers may have {MOST_ASSOCIATIONS} associations.
  Orthanc has {MANY_THREADS} threads for tests with many clients (by default it serves {DEFAULT_THREADS}, and
  the others wait), and its HTTP server is off. wlmscpfs logs nothing. Plain pynetdicom is a simple server: a
  loop over data sets in memory; its MPPS handlers commit to SQLite (WAL, synchronous=FULL), as the relay's
  journal does. pylantir is started by its own command; its table is filled directly and its sync does not
  run.
- **Figures**: each turn gives the median of its queries. The tables show the median, the lowest and the
  highest of the turns. A ratio divides one median by another. "—" means that there is no figure; the reason
  follows.
- **Start**: the CPU time (user and system) of a command's whole process, with bytecode compiled before.
  Commands end at once, because there is no relay or deployment. On a busy machine, libraries took most of
  the goal: pynetdicom for `echo`, `find`, `mpps` and `conformance`; pydantic, cryptography and httpx for
  `enroll`; pynamodb, which loads botocore, for `mwl-cloud`. The goal stays, also where it is not kept.
- **Today** is measured as it renews itself: most rows are as they were, and are remembered. The first page
  of a new process takes about twice as long.
- **Not measured**: the other servers at 100,000 items. wlmscpfs and Orthanc read every file for each query,
  and the others look at every item.

## What takes the time

- **A pair (N-CREATE and N-SET)** takes the relay's process 5.2 ms of processor time at the machine's slow
  speed: 3.1 ms to read, check, link and journal both messages; 0.8 ms to receive and answer them; 0.9 ms to
  send them to the cloud meanwhile; 0.4 ms for the journal's mark. Of several scanners at once, commits are
  shared: 4.6 ms. About a quarter of the 3.1 ms is SQLite and the commits; the rest is some 3,000 function
  calls of Python. Python runs one thread at a time, so 1,500 pairs a second would leave 0.7 ms for all of
  it. That goal and 2 ms a pair cannot be reached at this speed without doing less for a message, or parts
  of it in another language.
- **Everything**: rows and encoded answers are remembered. What remains is, for each match, some 25 function
  calls to yield it, count it and put its PDUs in order, and the client's reading.

## Questions of the history

![Processor time of each named question, by the number of sites](images/history-questions.svg)

It grows in proportion to the exams, up to 3,000,000 of 100 sites. The figures, and how to measure them:
[history.md](history.md#how-long-a-question-takes).

## What it does not show

All traffic stays on one machine. A network adds its own delay, and here client and servers share the cores.
The client is written in Python, that of many clients at once in C where there is a compiler. The relay runs
in the development environment, where libraries find and load packages that a relay does not have. Installed
from `requirements/edge.txt` alone, it uses about 11 MB less.

"""

_ASKS: Final = {"at least": "≥", "at most": "≤"}


def text(
    tables: Sequence[Table],
    lineup: Lineup,
    failed: dict[str, str],
    effort: Effort,
    seconds: float,
    folder: Path,
) -> str:
    """Return the whole report.

    :param failed: what could not be measured at all, and why.
    :param seconds: how long it took.
    :param folder: where the servers kept their files.
    """
    parts = [
        HEADING + goals(tables),
        circumstances(lineup, failed, effort, seconds, folder),
        METHOD + "## All figures\n",
        details(tables),
    ]
    return "\n".join(parts)


def goals(tables: Sequence[Table]) -> str:
    """Return the table of goals: what was asked, what was reached, and whether it was kept."""
    lines = ["| goal | asked | reached | |", "|---|---|---|---|"]
    lines += [_goal(goal) for table in tables for goal in table.goals]
    return "\n".join(lines) + "\n"


def details(tables: Iterable[Table]) -> str:
    """Return a table for each piece of work: every server's figures."""
    return "\n".join(map(_details, tables))


def circumstances(
    lineup: Lineup, failed: dict[str, str], effort: Effort, seconds: float, folder: Path
) -> str:
    """Return when, where and with what it was measured."""
    lines = [f"- {program} {version}" for program, version in lineup.versions.items()]
    lines += [f"- left out: {program} ({why})" for program, why in lineup.left_out.items()]
    lines += [f"- **failed**: {title} ({why})" for title, why in failed.items()]
    machine = f"{os.cpu_count()} cores{_model()}, {platform.system()} {platform.release()}"
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    lines.append(f"- {when}, {machine}, Python {platform.python_version()}, files on {_file_system(folder)}")
    lines.append(
        f"- {effort.rounds} rounds, turns of {effort.turn_seconds:g} s, {seconds / 60:.0f} minutes in all; "
        f"load when it began: {os.getloadavg()[2]:.1f}"
    )
    return "\n".join(lines) + "\n"


def _goal(goal: Goal) -> str:
    asked = f"{_ASKS[goal.ask]} {goal.limit:g} {goal.unit}".rstrip()
    reached = "—" if goal.reached is None else f"{number(goal.reached)} {goal.unit}".rstrip()
    kept = {True: "kept", False: "**not kept**", None: "not measured"}[goal.kept]
    return f"| {goal.what} | {asked} | {reached} | {kept} |"


def _details(table: Table) -> str:
    lines = [
        f"### {table.title}\n",
        f"| server | median, {table.unit} | least | most | ours is better | client |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_cell(table, cell) for cell in table.cells]
    return "\n".join(lines) + "\n"


def _cell(table: Table, cell: Cell) -> str:
    if cell.series is None:
        return f"| {cell.server} | — ({cell.why}) | | | | |"
    figures = " | ".join(number(value) for value in (cell.series.median, cell.series.least, cell.series.most))
    ratio = table.ratio(cell) if cell is not table.cells[0] else None
    better = "" if ratio is None else f"{number(ratio)} ×"
    client = f"{cell.client:.0%}" if cell.client else ""
    return f"| {cell.server} | {figures} | {better} | {client} |"


def number(value: float) -> str:
    """Return a number with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f" ({names[0]})" if names else ""


def _file_system(folder: Path) -> str:
    """Return the kind of file system a folder is on: what a durable commit costs depends on it."""
    best, kind = "", "an unknown file system"
    try:
        mounts = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return kind
    for line in mounts:
        _, point, its_kind, *_ = line.split()
        if folder.is_relative_to(point) and len(point) > len(best):
            best, kind = point, its_kind
    return kind
