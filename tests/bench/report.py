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

Made by `make bench ARGS="--full --write"`. All servers run side by side in one run, each as its
own process on the same machine, with the same items and the same client; they have their turns in rounds, so
that what drifts hits all alike. Absolute figures depend on the machine; the ratios are what to read.

"""

METHOD: Final = f"""## How it was measured

- **Items**: exams of patients of their own, {A_DAY} a day for each scanner, {A_SCANNER:,} a scanner. The
  relay has pulled them from a cloud that runs as another process; wlmscpfs and Orthanc read worklist files;
  plain pynetdicom holds data sets in memory; pylantir has them in its own table.
- **Client**: our own, on raw sockets, with findscu's write pattern: each request is four small writes, the
  header and the content of the command's PDV and of the data set's. Explicit VR Little Endian. Queries are
  made beforehand and differ from one to the next, but for "everything". A query's time is from its first
  write to the read that ends its last response; the answers are counted after that, and a wrong number of
  matches ends the turn. The column "client" says how much of the turn the client's own process was busy:
  where that is high, ours is faster than shown.
- **Nagle's algorithm** is on in the client unless a table says otherwise, as it is in findscu and in most
  scanners. It costs a server that does not acknowledge at once some 40 to 90 ms a query. "Off on both sides"
  means `TCP_NODELAY=1` for wlmscpfs and Orthanc (DCMTK's network library reads it), a socket option for
  plain pynetdicom, and for the client. Ours has it off on its side at all times.
- **Settings**: as they come, but for limits. All may have {MOST_ASSOCIATIONS} associations; Orthanc has
  {MANY_THREADS} threads where many clients call at once (as it comes it serves {DEFAULT_THREADS}, and the
  others wait), and its HTTP server is off. wlmscpfs is quiet. Plain pynetdicom is what one would write in an
  afternoon: a loop over data sets in memory; its MPPS handlers commit to SQLite (WAL, synchronous=FULL), as
  the relay's journal does. pylantir is started by its own command, its table filled directly and its sync
  asleep.
- **Figures**: each turn gives the median of its queries; the tables show the median, the least and the most
  of the turns. A ratio is one median over another. "—" means that there is no figure, and why.
- **Start**: the CPU time, user and system, of a command's whole process, from the interpreter's start to its
  exit code, with bytecode compiled before. Commands end at once, for want of a relay or a deployment.
- **Left out on purpose**: the other servers at 100,000 items. wlmscpfs and Orthanc read every file for each
  query, the others look at every item.

## What it does not tell

All is loopback on one machine: a network adds its own delay, and client and servers share the cores. The
client is Python. The relay runs in the development environment, where libraries find, and load, packages a
relay does not have; installed from `requirements/edge.txt` alone it takes some 11 MB less.

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
