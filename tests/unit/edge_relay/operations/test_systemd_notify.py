"""The service manager is told in sd_notify's datagrams; one that is gone stops nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from edge_relay.operations.systemd_notify import Notifier, from_environment
from tests.rigs.patience import PATIENCE


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's socket, and how ``$NOTIFY_SOCKET`` spells it."""
    name = f"mwl-relay-test-{uuid4().hex}"
    spelled = str(tmp_path / "notify") if request.param == "path" else f"@{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(spelled if request.param == "path" else f"\0{name}")
        listening.settimeout(PATIENCE)
        yield spelled, listening


def test_each_message_is_one_datagram_of_assignments(manager: tuple[str, socket.socket]) -> None:
    address, listening = manager
    notifier = from_environment({"NOTIFY_SOCKET": address})
    notifier.starting("reading\nthe journal", 90)
    assert listening.recv(4096) == b"EXTEND_TIMEOUT_USEC=90000000\nSTATUS=reading the journal"
    notifier.ready("all is well")
    assert listening.recv(4096) == b"READY=1\nSTATUS=all is well"
    notifier.alive("attention: æ")
    assert listening.recv(4096) == "WATCHDOG=1\nSTATUS=attention: æ".encode()
    notifier.stopping(2.5)
    assert listening.recv(4096) == b"STOPPING=1\nEXTEND_TIMEOUT_USEC=2500000\nSTATUS=stopping"


def test_without_a_manager_nothing_is_sent() -> None:
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}):
        notifier = from_environment(environment)
        notifier.ready("all is well")
        assert notifier.watchdog_seconds is None


def test_a_manager_that_is_gone_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier(str(tmp_path / "gone"))
    notifier.ready("all is well")
    notifier.alive("all is well")
    assert len(caplog.records) == 1


def test_a_manager_that_does_not_read_does_not_hold_us_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        notifier = Notifier(str(tmp_path / "notify"))
        for _ in range(5000):
            notifier.alive("x" * 1000)


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("60000000", "", 60.0),
        ("60000000", "own", 60.0),
        ("60000000", "1", None),
        ("", "", None),
        ("0", "", None),
        ("many", "", None),
        ("-1", "", None),
    ],
)
def test_the_watchdog_is_wanted_by_those_it_is_meant_for(usec: str, pid: str, seconds: float | None) -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_USEC": usec,
        "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid,
    }
    assert from_environment(environment).watchdog_seconds == seconds
