"""A copy of the project, in which faults are planted and tests run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from time import time
from typing import Final

from tests.mutants.fault import Planting
from tests.mutants.reach import MEASURING, Reach, reach_of
from tests.mutants.runner import NOT_ENDED, run_pytest
from tests.structure.imports import PACKAGES, ROOT

_NOT_COPIED: Final = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
LONGEST_RUN_SECONDS: Final = 900.0
_MEASURED: Final = PurePosixPath("build/coverage/data")
"""Where pyproject.toml has coverage write to."""
_PASSED, _FAILED = 0, 1
"""Exit codes of pytest; every other one means that the tests could not be run."""


class Outcome(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "broken"


def sources_of(root: Path) -> dict[PurePosixPath, str]:
    """Return every source file of the packages below a root, by its path from there."""
    files = (file for package in PACKAGES for file in sorted((root / package).rglob("*.py")))
    return {PurePosixPath(file.relative_to(root).as_posix()): file.read_text("utf-8") for file in files}


class Tree:
    """The copy.

    :param root: an empty folder; the copy goes into a folder of it.
    """

    def __init__(self, root: Path) -> None:
        self._root: Final = root / "project"
        shutil.copytree(ROOT, self._root, ignore=_NOT_COPIED)
        self._moments = count(int(time()))

    def sources(self) -> dict[PurePosixPath, str]:
        """Return every source file of the packages, by its path from the project's root."""
        return sources_of(self._root)

    @contextmanager
    def holding(self, planting: Planting) -> Iterator[None]:
        """Have a fault in the copy for a while."""
        before = (self._root / planting.file).read_text("utf-8")
        self._write(planting.file, planting.text)
        try:
            yield
        finally:
            self._write(planting.file, before)

    def measured(self, tests: Sequence[str], longest: float) -> tuple[Outcome, str, Reach]:
        """Run tests without a fault; return as `run` does, and what each of them ran through."""
        outcome, said = self.run([*MEASURING, *tests], longest)
        passed = outcome is Outcome.SURVIVED
        return outcome, said, reach_of(self._root / _MEASURED, self._root) if passed else Reach()

    def judged(
        self, planting: Planting, tests: Sequence[str], reach: Reach, longest: float = LONGEST_RUN_SECONDS
    ) -> tuple[Outcome, str]:
        """Plant a fault, and run the tests that run through it; if none of them fails, all.

        Return as `run` does.
        """
        source = self.sources()[planting.file]
        nearest = reach.of(planting.file, source, planting.line, tests)
        with self.holding(planting):
            if nearest:
                outcome, said = self.run(nearest, longest)
                if outcome is Outcome.KILLED:
                    return outcome, said
            return self.run(tests, longest)

    def run(self, arguments: Sequence[str], longest: float = LONGEST_RUN_SECONDS) -> tuple[Outcome, str]:
        """Run tests until one fails; return whether one did, and which one or what else is to be said.

        :param arguments: the tests, and further options of pytest.
        :param longest: seconds after which a fault counts as one that keeps the tests from ending.
        """
        output = self._root.with_name("output.txt")
        code = run_pytest(self._root, self._root.with_name("compiled"), arguments, output, longest)
        if code == NOT_ENDED:
            return Outcome.KILLED, "the tests did not end"
        if code == _PASSED:
            return Outcome.SURVIVED, ""
        said = output.read_text("utf-8", "replace")
        if code == _FAILED:
            return Outcome.KILLED, _first_failure(said)
        return Outcome.BROKEN, f"pytest ended with {code}: {said.strip()[-500:]}"

    def _write(self, file: PurePosixPath, text: str) -> None:
        path = self._root / file
        path.write_text(text, "utf-8")
        # Python takes a compiled file for current if time (in whole seconds) and size are the same.
        moment = next(self._moments)
        os.utime(path, (moment, moment))


@contextmanager
def copied_tree() -> Iterator[Tree]:
    """Yield a copy of the project as it stands now; it is gone afterwards."""
    with TemporaryDirectory(prefix="mwl-mutants-") as folder:
        yield Tree(Path(folder))


def _first_failure(output: str) -> str:
    for line in output.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split(" - ")[0].partition(" ")[2].rpartition("::")[2]
    return "a test failed"
