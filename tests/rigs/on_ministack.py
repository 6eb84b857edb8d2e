"""``python -m tests.rigs.on_ministack ARGUMENTS``: pytest, with the tables in MiniStack instead of moto.

Two implementations of DynamoDB that nobody of us wrote: what holds on both is not one's peculiarity.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.deployed.ministack import MiniStack
from tests.structure.imports import ROOT


def main() -> int:
    """Run pytest; its exit status."""
    program = ROOT / ".venv-ministack/bin/ministack"
    with tempfile.TemporaryDirectory() as folder, MiniStack(program, Path(folder)) as cloud:
        command = [sys.executable, "-m", "pytest", "-n", "0", *sys.argv[1:]]
        environment = {**os.environ, "MWL_DYNAMODB": cloud.endpoint}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
