"""Relay processes that start in a moment, to be killed by the hundred.

A relay spends most of its start on loading modules. Here one process loads them once, and each relay is a
fork of it: ``python -m tests.faults.nursery`` reads the arguments of ``mwl-relay`` line by line, as JSON, and
answers each with the process id of a relay that runs with them. When its input ends, it ends the last one.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import jwt.algorithms  # noqa: F401  as below
from typer.main import get_command

import edge_relay.commands.serving  # noqa: F401  the command would load it in each fork
from edge_relay.cli import app
from tests.rigs.patience import PATIENCE


class Relay:
    """One relay process.

    :param ready_file: it writes its port there once scanners can connect.
    """

    def __init__(self, pid: int, ready_file: Path) -> None:
        self.pid: Final = pid
        self._ready_file: Final = ready_file
        self._handle: Final = os.pidfd_open(pid)

    def port(self) -> int:
        """Wait until scanners can connect; return where."""
        deadline = time.monotonic() + PATIENCE
        while not self._ready_file.exists():
            if self._ended(0) or time.monotonic() > deadline:
                raise AssertionError("the relay did not start")
            time.sleep(0.002)
        return int(json.loads(self._ready_file.read_text("utf-8"))["port"])

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """End it as a power cut would, and wait until it has."""
        self.send(signal.SIGKILL)
        if not self._ended(PATIENCE):
            raise AssertionError("the relay outlives SIGKILL")
        os.close(self._handle)
        self._ready_file.unlink(missing_ok=True)

    def _ended(self, seconds: float) -> bool:
        return bool(select.select([self._handle], [], [], seconds)[0])


class Nursery:
    """Starts relays on the local stack's folder: relay.toml is there, and ``relay`` is the relay's own."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._log: Final = (folder / "nursery.log").open("ab")
        self._process: Final = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._log.close()

    def relay(self) -> Relay:
        """Start a relay; it is not ready yet."""
        ready = self._folder / "relay.ready"
        ready.unlink(missing_ok=True)
        config, state = str(self._folder / "relay.toml"), str(self._folder / "relay")
        asked = ["run", "--config", config, "--state-dir", state, "--ready-file", str(ready)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return Relay(int(self._process.stdout.readline()), ready)


def _be_the_nursery() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need nobody to wait for them
    command, born = get_command(app), []
    gc.collect()
    gc.freeze()  # the forks need not look through what was loaded here
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _be_a_relay(command, json.loads(line))
        born.append(pid)
        print(pid, flush=True)
    for pid in born[-1:]:  # all before it have been killed
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _be_a_relay(command: Callable[..., object], arguments: Sequence[str]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    code = 1
    try:
        command(list(arguments), prog_name="mwl-relay")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _be_the_nursery()
