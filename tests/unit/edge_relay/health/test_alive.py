"""A relay is there if its own process is: not a dead one, and not another of the same number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_relay.clock.boot import boot_id, seconds_since_boot
from edge_relay.health.alive import is_alive
from edge_relay.health.report import HealthReport

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


def report(pid: int, boot: str | None = None, uptime: float | None = None) -> HealthReport:
    return HealthReport(
        pid=pid,
        started_at=NOW,
        written_at=NOW,
        address="a port",
        boot=boot_id() if boot is None else boot,
        uptime=seconds_since_boot() if uptime is None else uptime,
    )


def test_whoever_wrote_it_just_now_is_alive() -> None:
    assert is_alive(report(os.getpid()))


def test_a_process_that_has_ended_is_not() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    assert not is_alive(report(int(ended.stdout)))


@linux
def test_a_dead_process_of_which_its_parent_took_no_note_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert is_alive(report(child.pid))
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and left as it is
    try:
        assert not is_alive(report(child.pid))
    finally:
        child.wait()


@linux
def test_another_process_that_was_given_its_number_is_not() -> None:
    """This process began after the report was written, says the report."""
    assert not is_alive(report(os.getpid(), uptime=0.0))


@linux
def test_after_the_machine_was_started_anew_nobody_of_its_number_is() -> None:
    assert not is_alive(report(os.getpid(), boot="another start"))


def test_a_report_of_an_earlier_version_names_a_number_only() -> None:
    assert is_alive(report(os.getpid(), boot="", uptime=0.0))


def test_without_a_proc_file_system_the_number_has_to_do(tmp_path: Path) -> None:
    assert is_alive(report(os.getpid(), uptime=0.0), tmp_path)
    assert not is_alive(report(2**22 + 1), tmp_path)


def test_a_stopped_process_is_alive(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "7").mkdir()
    fields = ["T", *["0"] * 18, "100", "0"]
    (tmp_path / "7" / "stat").write_text(f"7 (a name) with) {' '.join(fields)}")
    assert is_alive(report(7), tmp_path)
