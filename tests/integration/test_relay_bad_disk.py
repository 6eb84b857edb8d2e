"""A disk that is full or read-only: worklists are answered, and the status says what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import sleep

import pytest
from typer.testing import CliRunner

from edge_relay.cli import app
from edge_relay.client import scu
from edge_relay.operations.status_socket import ask
from shared.errors import MwlError
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import FakeCloud, RelayProcess, began, eventually, item, query, shown


def mount(*arguments: str) -> bool:
    command = [shutil.which("mount") or "mount", *arguments]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)):
        pytest.skip("mounting a small disk needs root")
    folder.chmod(0o700)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        running.put(item("a"), item("b"))
        yield running


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def make_read_only(disk: Path) -> None:
    assert mount("-o", "remount,ro", str(disk))


def started(tmp_path: Path, cloud: FakeCloud) -> tuple[RelayProcess, scu.Peer]:
    relay = RelayProcess(tmp_path, cloud, heartbeat_interval_seconds=0.2)
    return relay, relay.start()


@pytest.mark.parametrize("harm", [make_read_only, fill])
@pytest.mark.parametrize("kill", [True, False], ids=["after a crash", "after a stop"])
def test_a_relay_that_starts_on_a_bad_disk_answers_worklists_and_says_what_is_wrong(
    tmp_path: Path, disk: Path, cloud: FakeCloud, harm: Callable[[Path], None], kill: bool
) -> None:
    relay, peer = started(tmp_path, cloud)
    eventually(lambda: len(shown(peer, query())) == 2)
    relay.end(kill=kill)
    relay = RelayProcess(tmp_path, cloud, heartbeat_interval_seconds=0.2)
    harm(disk)
    peer = relay.start()
    assert len(shown(peer, query())) == 2
    stored = is_stored(peer)  # a -wal that a crash has left may have room for it
    found = eventually(lambda: (told := ask(disk)) and told.problems and told)
    assert found.running
    assert found.items == 2
    assert any("folder cannot be written" in problem for problem in found.problems)
    assert any("MPPS reports cannot be stored" in problem for problem in found.problems) != stored
    assert harm is fill or not stored
    result = CliRunner().invoke(app, ["status", "--check", "--state-dir", str(disk)])
    assert (result.exit_code, result.output.split()[0]) == ((1, "WARNING") if stored else (2, "CRITICAL"))
    relay.end()


def is_stored(peer: scu.Peer) -> bool:
    """Tell whether a report is taken; if not, it has to be with the status to send it again."""
    try:
        scu.create_step(peer, began(item("a")), "2.25.7")
    except MwlError as error:
        if "0213" not in str(error):
            raise
        return False
    return True


def test_a_disk_that_fills_up_in_use_is_told_and_does_not_fill_the_log(
    tmp_path: Path,
    disk: Path,
    cloud: FakeCloud,
    capfd: pytest.CaptureFixture[str],
) -> None:
    relay, peer = started(tmp_path, cloud)
    eventually(lambda: len(shown(peer, query())) == 2)
    fill(disk)
    found = eventually(lambda: (told := ask(disk)) and told.problems and told)
    assert any("folder cannot be written" in problem for problem in found.problems)
    capfd.readouterr()
    sleep(1.5)  # thirty passes of each loop
    assert len(shown(peer, query())) == 2
    relay.end()
    lines = [line for line in capfd.readouterr().err.splitlines() if "cannot be written" in line]
    assert len(lines) <= 2, lines


@pytest.mark.parametrize(
    ("name", "says"), [("relay.lock", "relay.lock"), ("cache.db", "cache.db"), ("port", "cannot listen on")]
)
def test_a_start_that_fails_says_what_failed(tmp_path: Path, cloud: FakeCloud, name: str, says: str) -> None:
    relay = RelayProcess(tmp_path, cloud)
    command = [sys.executable, "-m", "edge_relay", "run", "--config", str(relay.config_file)]
    command += ["--state-dir", str(relay.state_dir)]
    if name == "port":
        text = relay.config_file.read_text().replace("port = 0", f"port = {cloud.port}", 1)
        relay.config_file.write_text(text)
    else:
        (relay.state_dir / name).mkdir()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 2
    assert says in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
