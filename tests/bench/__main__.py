"""`make bench`: what the system takes in time and memory on this machine, measured from outside.

Whole processes, real sockets, DCMTK's findscu as the client. Prints a Markdown table; ``--write`` also puts
it into docs/benchmarks.md. Exit code 1 if a limit of the table is not kept.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_relay import dicom_client
from edge_relay.memory import use_one_heap
from edge_relay.pynetdicom_tuning import quiet
from infra.local.stack import LocalStack, StackOptions
from infra.local.story import Story

ITEMS: Final = 1000
RECORDS: Final = 800  # of the simulator's classic project: a little over 1,000 scans
ROUNDS: Final = 5
REPEAT: Final = 200
REPORT: Final = Path(__file__).parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, the median, the spread, and what it may be at most; None: no limit."""

    what: str
    median: float
    least: float
    most: float
    unit: str
    limit: float | None

    def kept(self) -> bool:
        """Tell whether the limit holds."""
        return self.limit is None or self.median <= self.limit


def main() -> int:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    quiet()
    use_one_heap()
    rows = list(_measured())
    text = _table(rows)
    print(text)
    if options.write:
        REPORT.write_text(_HEADING + text, encoding="utf-8")
    return 0 if all(row.kept() for row in rows) else 1


def _measured() -> Iterator[Row]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as folder:
        with LocalStack(StackOptions(folder=Path(folder) / "small")) as stack:
            yield from _loop(stack)
        _say(f"a stack with {ITEMS} items")
        with LocalStack(StackOptions(folder=Path(folder) / "large", records=RECORDS)) as stack:
            _filled(stack)
            yield from _queries(stack)
            if stack.relay is not None:
                megabytes = stack.relay.memory_bytes() / 1e6
                yield _row(f"relay's resident memory, {ITEMS} items", [megabytes], "MB", 100)


def _loop(stack: LocalStack) -> Iterator[Row]:
    _say("the whole loop")
    taken = [_booked(stack, number) for number in range(ROUNDS)]
    yield _row("saved in REDCap -> visible to C-FIND", taken, "s", 2)
    yield _row("resident memory of the whole demo", [sum(stack.memory_bytes().values()) / 1e6], "MB", 500)


def _booked(stack: LocalStack, number: int) -> float:
    """Book one exam as a person does; return the seconds until the scanner sees it."""
    story = Story(stack, within=60, record=f"8000{number:02}")
    began = time.monotonic()
    story.book()
    return time.monotonic() - began


def _filled(stack: LocalStack) -> None:
    """Wait until the relay has its items."""
    deadline = time.monotonic() + 300
    while len(dicom_client.find(stack.peer, dicom_client.worklist_query())) < ITEMS:
        if time.monotonic() > deadline:
            raise SystemExit("the relay did not get its items")
        time.sleep(0.5)


def _queries(stack: LocalStack) -> Iterator[Row]:
    findscu = shutil.which("findscu")
    if findscu is None:
        _say("findscu is absent (Debian: dcmtk); its figures are left out")
        return
    exam = dicom_client.find(stack.peer, dicom_client.worklist_query())[ITEMS // 2]
    one = ["-k", f"0010,0020={exam.PatientID}", "-k", "0010,0010", "-k", "0040,0100[0].0040,0002"]
    peer = stack.peer
    base = [findscu, "-W", "-aet", peer.calling_ae, "-aec", peer.called_ae, peer.host, str(peer.port), *one]
    _say("queries of findscu on one association")

    def milliseconds() -> float:
        once = _seconds(lambda: subprocess.run([*base, "--repeat", "1"], check=True, capture_output=True))
        many = _seconds(
            lambda: subprocess.run([*base, "--repeat", str(REPEAT)], check=True, capture_output=True)
        )
        return (many - once) / (REPEAT - 1) * 1000

    label = f"findscu, 1 match of {ITEMS} items, open association"
    yield _row(label, [milliseconds() for _ in range(ROUNDS)], "ms", 10)


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _row(what: str, values: list[float], unit: str, limit: float | None) -> Row:
    return Row(what, statistics.median(values), min(values), max(values), unit, limit)


def _table(rows: list[Row]) -> str:
    lines = ["| measured | median | least | most | limit |", "|---|---|---|---|---|"]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g} {row.unit}"
        kept = "" if row.kept() else " **(not kept)**"
        figures = " | ".join(f"{value:.2f} {row.unit}" for value in (row.median, row.least, row.most))
        lines.append(f"| {row.what} | {figures} | {limit}{kept} |")
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    return "\n".join(lines) + f"\n\n{when}, {machine}, {ROUNDS} rounds.\n"


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr)


_HEADING = """# Benchmarks

Made by `make bench ARGS=--write`: whole processes over real sockets, DCMTK's findscu as the client. Absolute
figures depend on the machine; comparisons with other servers, as ratios in one run, are still to come.

The relay is measured in the development environment, where libraries find, and load, packages a relay does
not have; installed from `requirements/edge.txt` alone it takes some 11 MB less.

"""

if __name__ == "__main__":
    raise SystemExit(main())
