"""`mwl-cloud local` prints what somebody needs who administers it from a second terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.patience import PATIENCE

MWL_CLOUD = Path(sys.executable).parent / "mwl-cloud"
OURS = ("AWS_", "REDCAP_", "WORKLIST_", "ACCOUNTS_", "SIGNING_", "WRITE_BACK_", "DUE_")


def bare() -> dict[str, str]:
    """Return an environment in which nothing says where a deployment is."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The lines that a running stack printed for a second terminal, ``export`` ones only."""
    folder = tmp_path_factory.mktemp("local") / "stack"
    with subprocess.Popen(
        [MWL_CLOUD, "local", "--folder", str(folder)],
        env=bare(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as stack:
        try:
            assert stack.stdout is not None
            said: list[str] = []
            for line in stack.stdout:
                said.append(line.rstrip("\n"))
                if "Ctrl-C ends everything" in line:
                    break
            else:
                pytest.fail("the stack ended: " + "\n".join(said))
            yield [line for line in said if line.startswith("export ")]
        finally:
            stack.terminate()
            stack.communicate(timeout=PATIENCE)


def second_terminal(lines: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `mwl-cloud` in a shell that was given these lines."""
    script = "\n".join(["set -eu", *lines, shlex.join([str(MWL_CLOUD), *arguments])])
    return subprocess.run(
        ["sh", "-c", script], env=bare(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "shows"),
    [
        (["relays", "list"], "local"),
        (["sources", "list"], "classic"),
        (["users", "list"], "admin"),
        (["write-backs", "list"], ""),
        (["notices", "list"], ""),
        (["relays", "enroll", "local"], "mwl-relay enroll"),
        (["users", "create", "second", "--role", "read"], "second"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_it_prints_is_all_that_an_administering_command_needs(
    printed: list[str], arguments: list[str], shows: str
) -> None:
    done = second_terminal(printed, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shows in done.stdout


@pytest.mark.slow
def test_without_those_lines_a_command_names_what_is_not_set_and_who_prints_it() -> None:
    refused = second_terminal([], "relays", "list")
    said = " ".join((refused.stdout + refused.stderr).split())
    assert refused.returncode == 2
    assert "WORKLIST_TABLE" in said
    assert "mwl-cloud local prints those" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["WORKLIST_TABLE", "ACCOUNTS_TABLE"])
def test_each_of_those_lines_is_needed(printed: list[str], name: str) -> None:
    without = [line for line in printed if not line.startswith(f"export {name}=")]
    assert len(without) == len(printed) - 1
    refused = second_terminal(without, "relays", "list")
    assert refused.returncode == 2
    assert name in refused.stdout + refused.stderr
