"""`python -m tests.bench.sync`: a first load and a tick without change, through the Lambda handler.

REDCap is the simulator and DynamoDB is moto, both in processes of their own; what the handler waits for
either is taken apart from what it takes itself. Prints a Markdown table. Exit code 1 if a limit is passed.
With ``--records 100000`` a load takes several invocations; ``--seconds`` says how long one may run. With
``--quick`` the tests' own table model stands in for DynamoDB: moto is too slow for that many.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.local.aws import REDCAP_SECRET_PREFIX, LocalAws
from infra.local.processes import Child
from lambdas.redcap.project import BATCH
from tests.bench.figures import Cell, Goal, Series, Table
from tests.bench.quick_aws import quick_aws
from tests.bench.sync_function import Invocation

RECORDS: Final = 10_000
LIMIT_SECONDS, LIMIT_MEGABYTES, LIMIT_REQUESTS = 30.0, 256.0, 2.0
_PATIENT_SECONDS: Final = 30.0
_PYTHON: Final = (sys.executable, "-m")


def tables(records: int = RECORDS, seconds: float = 300.0, *, quick: bool = False) -> tuple[Table, ...]:
    """Return how long a first load and a tick without change take, and the memory."""
    *load, tick = invocations(records, seconds, quick=quick)
    rows, stand_in = f"{records:,} records", "the table model" if quick else "moto"
    own, cell = sum(each.own + each.redcap for each in load), "sync handler"
    memory = max(each.megabytes for each in (*load, tick))
    goals = records == RECORDS  # the limits are for this size
    return (
        Table(
            f"First load of {rows}, {len(load)} invocation(s), without {stand_in}",
            "s",
            (Cell(cell, Series((own,))),),
            (Goal(f"first load of {rows}", "at most", LIMIT_SECONDS, "s", own),) if goals else (),
        ),
        Table("of it, processor time of the handler's process", "s", _one(load[-1].cpu)),
        Table("of it, waited for the REDCap simulator", "s", _one(sum(each.redcap for each in load))),
        Table(f"beside it, waited for {stand_in}", "s", _one(sum(each.aws for each in load))),
        Table(
            f"Resident memory, first load of {rows}",
            "MB",
            _one(memory),
            (Goal(f"memory of a first load of {rows}", "at most", LIMIT_MEGABYTES, "MB", memory),),
        ),
        _load_requests(records, sum(each.requests for each in load)),
        Table(f"Tick without change, without {stand_in}", "s", _one(tick.own + tick.redcap)),
        Table(
            "Requests to REDCap in a tick without change",
            "requests",
            _one(tick.requests),
            (
                Goal(
                    "requests in a tick without change", "at most", LIMIT_REQUESTS, "requests", tick.requests
                ),
            ),
        ),
        Table("Calls to DynamoDB in a tick without change", "calls", _one(tick.calls)),
    )


def _load_requests(records: int, requests: float) -> Table:
    """Return what a first load asks: all ids, and each batch of records once.

    For the project and its dictionary `apply` has asked, just before.
    """
    most = 1.0 + -(-records // BATCH)
    goal = Goal(f"requests in a first load of {records:,} records", "at most", most, "requests", requests)
    return Table("Requests to REDCap in a first load", "requests", _one(requests), (goal,))


def _one(value: float) -> tuple[Cell, ...]:
    return (Cell("sync handler", Series((value,))),)


def invocations(records: int, seconds: float, *, quick: bool = False) -> list[Invocation]:
    """Load a project from nothing and tick once more, each in as many invocations as it takes.

    :param quick: with the table model of the tests instead of moto; see `tests.bench.quick_aws`.
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
        del os.environ[name]
    project = ("--projects", "classic", "--records", str(records))
    with tempfile.TemporaryDirectory() as folder:
        simulator = Child(
            "REDCap simulator",
            [*_PYTHON, "infra.local.redcap", "--port", "0", "--print-json", *project],
            Path(folder) / "redcap.log",
        )
        try:
            told = json.loads(simulator.wait_for("{", _PATIENT_SECONDS))
            content = json.dumps({"token": told["projects"][0]["tokens"]["relay"]})
            secrets = {f"{REDCAP_SECRET_PREFIX}classic": content}
            with (quick_aws if quick else _moto)(secrets) as environment:
                answer = subprocess.run(
                    [*_PYTHON, "tests.bench.sync_function", told["url"], str(seconds)],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE,
                    check=True,
                )
        finally:
            simulator.stop()
    lines = answer.stdout.decode().splitlines()
    return [Invocation(**json.loads(line)) for line in lines if line.startswith('{"seconds"')]


@contextmanager
def _moto(secrets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    aws = LocalAws()
    aws.start()
    try:
        for name, content in secrets.items():
            aws.put_secret(name, content)
        yield aws.environment
    finally:
        aws.stop()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sync", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS, help="in the project")
    parser.add_argument("--seconds", type=float, default=300.0, help="an invocation may take")
    parser.add_argument("--quick", action="store_true", help="with the tests' table model, not moto")
    options = parser.parse_args()
    measured = tables(options.records, options.seconds, quick=options.quick)
    print("| | |\n|---|---|")
    for table in measured:
        series = table.cells[0].series
        print(f"| {table.title} | {series.median:.2f} {table.unit} |" if series else f"| {table.title} | |")
    return 1 if any(goal.kept is False for table in measured for goal in table.goals) else 0


if __name__ == "__main__":
    raise SystemExit(main())
