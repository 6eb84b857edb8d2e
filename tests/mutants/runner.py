"""Runs tests on the copy, each time in a process of its own in which libraries are imported already.

Each process is forked from one that has imported libraries and nothing of ours: the packages, with a fault in
them, and the tests are imported from the copy every time.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.structure.imports import PACKAGES

NOT_ENDED: Final = -1000
"""Stands for the exit code of tests that did not end in time."""

_LIBRARIES: Final = (
    *("pytest", "hypothesis", "hypothesis.stateful", "pydantic", "pydicom", "pydicom.dataset", "pynetdicom"),
    *("cryptography.x509", "jwt", "pwdlib", "pynamodb.models", "boto3", "moto", "fastapi", "redcap", "rich"),
)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(_LIBRARIES))


def run_pytest(root: Path, compiled: Path, arguments: Sequence[str], output: Path, longest: float) -> int:
    """Run tests in a copy of the project until one fails; return pytest's exit code, or `NOT_ENDED`.

    :param arguments: the tests, and further options of pytest.
    :param compiled: where compiled files go; what was compiled for one run serves the next.
    :param output: the file that takes what pytest says.
    :param longest: how many seconds the tests may take.
    """
    process = _context.Process(target=_child, args=(str(root), str(compiled), list(arguments), str(output)))
    process.start()
    process.join(longest)
    if process.is_alive():
        process.kill()
        process.join()
        return NOT_ENDED
    code = process.exitcode
    process.close()
    return NOT_ENDED if code is None else code


def _child(root: str, compiled: str, wanted: list[str], output: str) -> None:
    os.chdir(root)
    written = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(written, 1)
    os.dup2(written, 2)
    ours = {*PACKAGES, "tests"}
    for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
        del sys.modules[name]
    sys.path.insert(0, root)
    sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
    # For processes that tests start.
    os.environ |= {"PYTHONPATH": root, "PYTHONPYCACHEPREFIX": compiled}
    warnings.resetwarnings()

    import pytest  # noqa: PLC0415 - here it is imported already

    arguments = ["-n", "0", "-x", "-q", "--no-header", "--tb=no", "--hypothesis-profile=mutants"]
    # Some plugins were imported before pytest could look at their asserts; they have none that matter.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    os._exit(pytest.main([*arguments, *wanted]))
