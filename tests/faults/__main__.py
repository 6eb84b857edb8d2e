"""``make faults``: breaks the running system and says what came of it; 1 if anything is wrong."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from infra.local.options import StackOptions
from infra.local.stack import LocalStack
from tests.faults import cloud, crashes, damage, named, network, outage, power, scanners, security
from tests.faults.outcome import Outcome, table
from tests.faults.plot import plotted
from tests.faults.wires import part as machines
from tests.faults.words import FAULTS

Part = Callable[[Path, argparse.Namespace], Outcome]


def _crashes(folder: Path, asked: argparse.Namespace) -> Outcome:
    for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
        del os.environ[name]
    with LocalStack(StackOptions(folder=folder / "demo")) as stack:
        while not stack.worklist():
            time.sleep(0.05)
        stack.stop_functions()  # of no use here, and they take the processor from the API
        return crashes.run(stack, asked.kills, asked.scanners, asked.seed, 60 * asked.crash_minutes)


def _scanners(folder: Path, asked: argparse.Namespace) -> Outcome:
    outcome = scanners.run(folder, asked.connects, 60 * asked.soak_minutes, asked.seed)
    if asked.plot is not None:
        asked.plot.write_text(plotted((folder / "soak.csv").read_text("utf-8")), "utf-8")
    return outcome


PARTS: Final[dict[str, Part]] = {
    "status": lambda folder, asked: named.run(folder, asked.seed, FAULTS),
    "damage": lambda folder, asked: damage.run(folder, asked.trials, asked.seed),
    "power": lambda folder, asked: power.run(folder, asked.cuts, asked.seed),
    "network": lambda folder, asked: network.run(folder, 60 * asked.network_minutes, asked.seed),
    "machines": lambda folder, asked: machines.run(folder, 60 * asked.network_minutes, asked.seed),
    "outage": lambda folder, asked: outage.run(folder, asked.outage_hours, asked.seed),
    "cloud": lambda folder, asked: cloud.run(folder, asked.steps, asked.seed),
    "scanners": _scanners,
    "security": lambda folder, _: security.run(folder),
    "crashes": _crashes,
}


def main() -> int:
    """Run all, or as much as asked; return the exit code."""
    asked = _asked()
    outcomes = []
    for name in asked.only or PARTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcomes.append(_run(PARTS[name], asked))
    print(table(outcomes))
    for outcome in outcomes:
        for what, figure in outcome.told.items():
            print(f"{outcome.name}: {what}: {figure}")
    wrong = [what for outcome in outcomes for what in outcome.wrong()]
    print("\n".join(("", "Wrong:", *wrong)) if wrong else "\nNothing wrong.")
    return 1 if wrong else 0


def _run(part: Part, asked: argparse.Namespace) -> Outcome:
    began = time.monotonic()
    logging.disable(logging.CRITICAL)
    folder = Path(mkdtemp(prefix="mwl-faults-"))
    try:
        outcome = part(folder, asked)
    finally:
        logging.disable(logging.NOTSET)
    outcome.seconds = time.monotonic() - began
    if outcome.wrong():
        outcome.told["its files are kept in"] = str(folder)
    else:
        shutil.rmtree(folder)
    return outcome


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts only")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other moments")
    parser.add_argument("--trials", type=int, default=3000, help="files damaged")
    parser.add_argument("--cuts", type=int, default=10, help="power cuts")
    parser.add_argument("--network-minutes", type=float, default=1, help="of bad network")
    parser.add_argument("--outage-hours", type=int, default=72, help="simulated, without the cloud")
    parser.add_argument("--steps", type=int, default=45, help="reported through a faulty cloud")
    parser.add_argument("--connects", type=int, default=5000, help="opened and closed")
    parser.add_argument("--soak-minutes", type=float, default=2, help="of queries with churn")
    parser.add_argument("--plot", type=Path, help="draw the soak into this SVG file")
    parser.add_argument("--kills", type=int, default=500, help="of the relay, at most")
    parser.add_argument("--crash-minutes", type=float, default=7, help="and no longer than this")
    parser.add_argument("--scanners", type=int, default=3, help="how many work while it is killed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
