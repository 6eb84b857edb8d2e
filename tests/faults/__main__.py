"""``make faults``: breaks the running system and says what came of it; 1 if anything is wrong."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.options import StackOptions
from infra.local.stack import LocalStack
from tests.faults import crashes


def main() -> int:
    """Run all, or as much as asked; return the exit code."""
    asked = _asked()
    for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
        del os.environ[name]
    began = time.monotonic()
    with TemporaryDirectory() as folder, LocalStack(StackOptions(folder=Path(folder) / "demo")) as stack:
        while not stack.worklist():
            time.sleep(0.05)
        outcome = crashes.run(stack, asked.kills, asked.scanners, asked.seed)
    for what, figure in (
        ("relay killed", outcome.kills),
        ("MPPS acknowledged", outcome.reports),
        ("worklists answered", outcome.queries),
        ("sent again, unanswered", outcome.unanswered),
        ("lost", len(outcome.lost)),
        ("duplicated", len(outcome.duplicated)),
        ("out of order", len(outcome.out_of_order)),
        ("wrong answers", outcome.wrong_answers),
        ("longest silence", f"{outcome.longest_silence:.1f} s"),
        ("took", f"{time.monotonic() - began:.0f} s"),
    ):
        print(f"{what:24}{figure:>10}")
    print("\n".join(("", "Wrong:", *outcome.wrong())) if outcome.wrong() else "\nNothing wrong.")
    return 1 if outcome.wrong() else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="how often the relay is killed (default: 500)")
    parser.add_argument("--scanners", type=int, default=4, help="how many work at once (default: 4)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other moments (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
