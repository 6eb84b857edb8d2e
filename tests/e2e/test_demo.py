"""`make demo` as a new user runs it: a process of its own, its output read, its end looked at."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.options import StackOptions
from infra.local.processes import resident_bytes
from infra.local.stack import LocalStack
from infra.redcap_simulator import RedcapSimulator, classic
from shared.errors import Rejected
from tests.rigs.patience import PATIENCE


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "infra.local.demo", "--folder", str(folder), *arguments]


def environment(**changes: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "REDCAP_"))}
    return {**inherited, "COLUMNS": "200", **changes}


def run(folder: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments),
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
    )


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A demo that stays up, and the processes it started."""
    demo = subprocess.Popen(
        command(folder, *arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if "Ctrl-C ends everything" in line:
                break
        else:
            pytest.fail("the demo ended: " + "".join(said))
        yield demo, children(demo.pid)
    finally:
        demo.kill()
        demo.wait()
        if demo.stdout is not None:
            demo.stdout.close()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def all_gone(pids: Sequence[int]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}/exe").exists() and alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_the_whole_loop_holds_once_and_the_demo_exits_with_zero(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    played = run(folder, "--once")
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.count("✓") == 6
    assert re.search(r"visible after \d+\.\d\d s", played.stdout)
    assert played.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    for log in folder.glob("*.log"):
        text = log.read_text("utf-8")
        for identifier in ("Núñez", "N\\u00fa", "Zoë", "900007"):
            assert identifier not in text, f"{log.name} names the participant"


def test_a_limit_that_somebody_sets_ends_the_demo_with_one(tmp_path: Path) -> None:
    played = run(tmp_path / "demo", "--once", "--within", "0.000001")
    assert played.returncode == 1
    assert re.search(r"the booking took \d+\.\d\d s to reach the scanner, 1e-06 s allowed", played.stdout)


def on_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the demo on a terminal, which it treats otherwise than a pipe; return its exit code and output."""
    ours, theirs = pty.openpty()
    demo = subprocess.Popen(
        command(folder, *arguments), env=environment(TERM="xterm"), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    with suppress(OSError):  # EIO: the other end was closed
        while some := os.read(ours, 65536):
            said += some
    os.close(ours)
    return demo.wait(PATIENCE), said.decode("utf-8")


def test_on_a_terminal_the_story_is_told_and_nothing_else(tmp_path: Path) -> None:
    code, said = on_a_terminal(tmp_path / "demo", "--once")
    assert code == 0, said
    assert said.count("✓") == 6
    assert len(re.findall(r"look.{0,8}  http://127\.0\.0\.1:\d+/app/(today|find|sources)\b", said)) == 6
    assert "Starting" in said
    assert '"level"' not in said
    assert "Traceback" not in said


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes (Linux)")
def test_ctrl_c_ends_every_process_and_a_crash_does_too(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with running(tmp_path / f"demo-{number.name}") as (demo, started):
            assert len(started) == 2
            total = sum(resident_bytes(pid) for pid in [demo.pid, *started])
            assert total <= 500e6
            demo.send_signal(number)
            code = demo.wait(PATIENCE)
            assert all_gone(started), f"{number.name} left a process"
        assert code == (-9 if number is signal.SIGKILL else 0)


def test_a_port_in_use_is_named_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run(tmp_path / "demo", "--once", "--port", str(port))
        assert refused.returncode == 2
        assert f"port {port}" in refused.stdout
        assert "--port" in refused.stdout
        assert "Traceback" not in refused.stdout + refused.stderr
        for setting, option in (
            ("redcap_port", "--redcap-port"),
            ("dicom_port", "--dicom-port"),
            ("aws_port", "--aws-port"),
        ):
            options = replace(StackOptions(folder=tmp_path / "demo"), **{setting: port})
            with pytest.raises(Rejected, match=option), LocalStack(options):
                pass


def test_a_folder_with_somebodys_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = run(tmp_path, "--once")
    assert refused.returncode == 2
    assert "--folder" in refused.stdout
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_your_own_redcap_is_shown_and_not_written_to(tmp_path: Path) -> None:
    with RedcapSimulator([classic(12)]) as redcap:
        token = redcap.projects[0].token()
        shown = run(tmp_path / "demo", "--once", REDCAP_API_URL=redcap.url, REDCAP_API_TOKEN=token)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert re.search(r"What a scanner is shown: \d\d exams", shown.stdout)
        requests = redcap.requests.all()
        assert requests
        assert {request.action for request in requests} <= {"", "export"}
        assert not any("data" in request.names for request in requests)


def test_a_wrong_token_is_said_to_be_one(tmp_path: Path) -> None:
    with RedcapSimulator([classic(3)]) as redcap:
        refused = run(tmp_path / "demo", "--once", REDCAP_API_URL=redcap.url, REDCAP_API_TOKEN="0" * 32)
    assert refused.returncode == 2
    assert "token" in refused.stdout.lower()
    assert "0" * 32 not in refused.stdout + refused.stderr


def test_a_field_that_does_not_exist_is_named_with_the_closest_that_does(tmp_path: Path) -> None:
    source = Path("infra/sources/classic.toml").read_text("utf-8").replace('"demo_sex"]', '"demo_sexx"]')
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(source.replace('field = "demo_sex"', 'field = "demo_sexx"'), "utf-8")
    refused = run(tmp_path / "demo", "--once", "--source", str(wrong))
    assert refused.returncode == 2
    assert "demo_sexx" in refused.stdout
    assert "did you mean demo_sex" in refused.stdout
