"""What it costs to start a command or a function: the CPU time of its whole process, most of it imports.

Each command runs to its end, which comes at once: the help, or a relay or a deployment that is not there. Its
exit code must be the one that this leads to, for a traceback starts fast.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from shared.errors import Unavailable
from tests.bench.figures import Cell, Goal, Series, Table

HELP_SECONDS: Final = 0.3
START_SECONDS: Final = 0.5
API_SECONDS: Final = 0.6
FUNCTION_SECONDS: Final = 0.35
_MODULES: Final = {"mwl-relay": "edge_relay", "mwl-cloud": "infra"}
_NOWHERE: Final = "--host 127.0.0.1 --port 9"

# The command, and the exit code it ends with in an empty folder and an empty environment.
_HELP: Final = {
    "mwl-relay --help": 0,
    "mwl-relay --version": 0,
    "mwl-relay run --help": 0,
    "mwl-relay find --help": 0,
    "mwl-cloud --help": 0,
    "mwl-cloud --version": 0,
    "mwl-cloud local --help": 0,
    "mwl-cloud sources preview --help": 0,
}
_COMMANDS: Final = {
    "mwl-relay enroll CODE -c relay.toml -s new": 3,
    "mwl-relay run -c relay.toml -s state": 2,
    "mwl-relay status -s state": 3,
    "mwl-relay list -s state": 2,
    "mwl-relay retry ID -s state": 2,
    "mwl-relay backup copy.db -s state": 2,
    "mwl-relay check-config -c relay.toml": 0,
    "mwl-relay check-config --explain": 0,
    "mwl-relay conformance": 0,
    f"mwl-relay echo {_NOWHERE}": 3,
    f"mwl-relay find {_NOWHERE}": 3,
    f"mwl-relay mpps create ID {_NOWHERE}": 3,
    f"mwl-relay mpps set 1.2 {_NOWHERE}": 3,
    "mwl-cloud users list": 2,
    "mwl-cloud relays list": 2,
    "mwl-cloud relays scanners show ID": 2,
    "mwl-cloud sources list": 2,
    "mwl-cloud sources preview north": 2,
    "mwl-cloud sources apply missing.toml": 2,
    "mwl-cloud sources trigger north": 2,
    "mwl-cloud write-backs list": 2,
    "mwl-cloud import-pylantir missing.json": 2,
}
API: Final = "lambdas.api.main"
FUNCTIONS: Final = (
    "lambdas.schedule",
    "lambdas.sync_redcap",
    "lambdas.write_back",
    "lambdas.notices.function",
    "lambdas.notices.self_tests",
    "lambdas.history.stream.handlers",
)
_NOT_WITH_THE_RELAY: Final = ("click", "requests")
"""What libraries load if it is there. The extra ``edge`` does not bring it, but what tests need does."""
_NOT_WITH_A_FUNCTION: Final = "pydantic.v1"
"""What FastAPI loads if it is there. Packages of functions leave it out; see `infra.artefacts.carried`."""

_SETTINGS: Final = '[relay]\ncloud_url = "http://127.0.0.1:9"\n[[scanners]]\nae_title = "PRISMA1"\n'


def tables(folder: Path, rounds: int) -> tuple[Table, ...]:
    """Return what help and what each command takes, with Python itself for comparison.

    :param rounds: how often each is started, after once that is not counted.
    :raises Unavailable: a command ended otherwise than it must.
    """
    (folder / "state").mkdir(parents=True)
    (folder / "relay.toml").write_text(_SETTINGS, "utf-8")
    _hide(folder)
    python = Cell("python -c pass", _series([sys.executable, "-c", "pass"], 0, folder, rounds))
    return (
        _table("Start: help and version", _cells(_HELP, folder, rounds), python, HELP_SECONDS),
        _table(
            "Start: every command but mwl-cloud local",
            _cells(_COMMANDS, folder, rounds),
            python,
            START_SECONDS,
        ),
        _table(
            "Import of the API's function",
            _imports((API,), folder, rounds),
            python,
            API_SECONDS,
        ),
        _table(
            "Import of the other functions", _imports(FUNCTIONS, folder, rounds), python, FUNCTION_SECONDS
        ),
    )


def cpu_seconds(command: Sequence[str], expected: int, folder: Path) -> float:
    """Run a command; return its CPU time, user and system. :raises Unavailable: another exit code came."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(command, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise Unavailable(f"ended with {process.returncode}, not {expected}", where=" ".join(command))
    return used.ru_utime + used.ru_stime


def _cells(commands: Mapping[str, int], folder: Path, rounds: int) -> tuple[Cell, ...]:
    found = []
    for command, expected in commands.items():
        program, *arguments = command.split()
        words = [sys.executable, "-m", _MODULES[program], *arguments]
        found.append(Cell(command, _series(words, expected, folder, rounds)))
    return tuple(found)


def _imports(functions: Sequence[str], folder: Path, rounds: int) -> tuple[Cell, ...]:
    without = f"import sys; sys.modules[{_NOT_WITH_A_FUNCTION!r}] = None; "
    return tuple(
        Cell(f"import {name}", _series([sys.executable, "-c", f"{without}import {name}"], 0, folder, rounds))
        for name in functions
    )


def _series(command: Sequence[str], expected: int, folder: Path, rounds: int) -> Series:
    cpu_seconds(command, expected, folder)  # the first compiles what was not compiled yet
    return Series(tuple(cpu_seconds(command, expected, folder) for _ in range(rounds)))


def _table(title: str, cells: tuple[Cell, ...], python: Cell, most: float) -> Table:
    slowest = max(cell.series.median for cell in cells if cell.series)
    goal = Goal(f"{title}: CPU of the slowest", "at most", most, "s", slowest)
    return Table(title, "s of CPU", (*cells, python), (goal,))


def _hide(folder: Path) -> None:
    """Make a folder whose modules say that they are missing."""
    hiding = folder / "hiding"
    hiding.mkdir()
    for name in _NOT_WITH_THE_RELAY:
        (hiding / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})\n", "utf-8")


def _environment(command: Sequence[str], folder: Path) -> dict[str, str]:
    """Return ours without what would decide how a command ends; bytecode is kept, as in an installation."""
    unwanted = ("AWS_", "MWL_", "REDCAP_", "WORKLIST_", "ACCOUNTS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    if _MODULES["mwl-relay"] in command:
        kept["PYTHONPATH"] = str(folder / "hiding")
    return kept
