"""The wheel in empty environments, as pip, pipx and uvx install it: what works, and what it says without.

Packages come from the index, or from uv's cache.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.structure.imports import ROOT

pytestmark = pytest.mark.timeout(900)

UV = [sys.executable, "-m", "uv"]
NOT_SOURCES = (
    ".git",
    ".venv*",
    ".demo",
    ".local",
    ".aws-sam",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
)
SETTINGS = '[relay]\ncloud_url = "https://worklist.example.org"\n[[scanners]]\nae_title = "PRISMA1"\n'


def clean() -> dict[str, str]:
    """Return our environment without what points at our packages or deployments."""
    unwanted = ("AWS_", "MWL_", "REDCAP_", "WORKLIST_", "ACCOUNTS_", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def done(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**clean(), **environment},
    )


def succeeded(*command: object, **environment: str) -> str:
    ended = done(*command, **environment)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by way of the sdist, from a copy of the sources: building writes into them."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "src", symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    # Without git, a version that comes from tags has to be told.
    told = {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MWL_RELAY": "0.0.1"}
    build = [*UV, "build", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder / "dist"]
    succeeded(*build, folder / "src", **told)
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What makes an environment with an extra of the wheel, once each; returns its folder of commands."""
    made: dict[str, Path] = {}

    def install(extra: str) -> Path:
        if extra not in made:
            folder = tmp_path_factory.mktemp("environment") / (extra or "base")
            succeeded(*UV, "venv", "--python", sys.executable, folder)
            wanted = f"mwl-relay[{extra}] @ {wheel.as_uri()}" if extra else f"mwl-relay @ {wheel.as_uri()}"
            succeeded(*UV, "pip", "install", "--python", folder / "bin" / "python", wanted)
            made[extra] = folder / "bin"
        return made[extra]

    return install


Installed = Callable[[str], Path]


@pytest.mark.parametrize(
    ("extra", "command", "line"),
    [
        ("", "mwl-relay --help", "mwl-relay needs the extra 'edge' (Python module 'typer' is missing)"),
        ("", "mwl-cloud users list", "mwl-cloud needs the extra 'cloud' (Python module 'typer' is missing)"),
        ("", "mwl-cloud local", "mwl-cloud needs the extra 'local' (Python module 'typer' is missing)"),
        ("edge", "mwl-cloud users list", "mwl-cloud needs the extra 'cloud'"),
        ("cloud", "mwl-cloud local", "mwl-cloud needs the extra 'local'"),
        ("cloud", "mwl-relay echo", "mwl-relay needs the extra 'edge'"),
    ],
)
def test_without_its_extra_a_command_names_it_in_one_line(
    installed: Installed, extra: str, command: str, line: str
) -> None:
    program, *arguments = command.split()
    ended = done(installed(extra) / program, *arguments)
    assert ended.returncode == 1
    assert ended.stderr.startswith(line)
    assert re.search(r": pip install 'mwl-relay\[\w+\]'\n$", ended.stderr)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("extra", ["edge", "cloud", "local"])
def test_with_an_extra_its_commands_give_help_and_version(installed: Installed, extra: str) -> None:
    programs = {"edge": ["mwl-relay"], "cloud": ["mwl-cloud"], "local": ["mwl-relay", "mwl-cloud"]}[extra]
    for program in programs:
        assert f"Usage: {program}" in succeeded(installed(extra) / program, "--help")
        assert re.fullmatch(rf"{program} \d+\.\S+\n", succeeded(installed(extra) / program, "--version"))
        shown = succeeded(
            installed(extra) / program, **{f"_{program.replace('-', '_').upper()}_COMPLETE": "source_bash"}
        )
        assert f"complete -o default -F _{program.replace('-', '_')}_completion {program}" in shown


def test_a_relay_checks_its_settings_and_tells_how_it_is(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text(SETTINGS, "utf-8")
    command = installed("edge") / "mwl-relay"
    assert "good, 1 scanner" in succeeded(command, "check-config", "--config", tmp_path / "relay.toml")
    assert done(command, "status", "--state-dir", tmp_path / "state").returncode == 3
    refused = done(command, "run", "-c", tmp_path / "relay.toml", "-s", tmp_path / "state")
    assert (refused.returncode, "has not been enrolled" in refused.stderr) == (2, True)


def test_uvx_runs_it_without_installing(wheel: Path) -> None:
    wanted = f"mwl-relay[edge] @ {wheel.as_uri()}"
    said = succeeded(*UV, "tool", "run", "--python", sys.executable, "--from", wanted, "mwl-relay", "--help")
    assert "Usage: mwl-relay" in said


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def local_stack(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """``mwl-cloud local``, run from the wheel: where AWS is played, and the relay's port."""
    aws, dicom = free_port(), free_port()
    folder = tmp_path_factory.mktemp("local")
    command = [installed("local") / "mwl-cloud", "local", "--aws-port", aws, "--dicom-port", dicom]
    process = subprocess.Popen(
        [*map(str, command), "--folder", str(folder / "stack")],
        cwd=folder,
        env={**clean(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C ends everything" in line:
            break
    try:
        assert "Ctrl-C ends everything" in said[-1], "".join(said)
        yield f"http://127.0.0.1:{aws}", dicom
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=120)
    assert "no process is left" in rest
    assert process.returncode == 0


def test_the_local_stack_runs_from_the_wheel_and_is_administered(
    local_stack: tuple[str, int], installed: Installed
) -> None:
    endpoint, _ = local_stack
    deployment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-central-1",
        "WORKLIST_TABLE": "WorklistTable",
        "ACCOUNTS_TABLE": "AccountsTable",
    }
    command = installed("cloud") / "mwl-cloud"
    assert "admin" in succeeded(command, "users", "list", **deployment)
    assert "Nothing was written." in succeeded(command, "sources", "preview", "classic", **deployment)


def test_the_relay_of_the_local_stack_answers_another_installation(
    local_stack: tuple[str, int], installed: Installed
) -> None:
    _, port = local_stack
    asked = ("--port", port, "--calling", "PRISMA1")
    assert "answers" in succeeded(installed("edge") / "mwl-relay", "echo", *asked)
