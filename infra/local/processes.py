"""Child processes that never outlive their parent: not on Ctrl-C, not on a crash, not on kill -9."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from shared.errors import Unavailable

STOP_SECONDS: Final = 8.0


class Started(ABC):
    """What runs while its ``with`` block does: started on entry, ended whatever happens."""

    def __init__(self) -> None:
        self._closing = contextlib.ExitStack()

    @abstractmethod
    def _start(self) -> None:
        """Start; put what is to be ended into ``_closing``."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


class Child:
    """A process whose standard output is read line by line and whose standard error goes to a log file.

    :param name: what people call it.
    :param command: the program and its arguments.
    :param log: where its standard error goes; its last lines are quoted if it dies early.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name, self._log = name, log
        self._lines: queue.Queue[str | None] = queue.Queue()
        # setpriv (util-linux) asks the kernel to end the child when this process is gone, however it went.
        setpriv = shutil.which("setpriv")
        guarded = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [*guarded, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env={**os.environ, **(environment or {})},
                # Ctrl-C is the parent's to handle: it stops children in order.
                start_new_session=True,
            )
        threading.Thread(target=self._read, name=f"{name}-output", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_for(self, word: str, seconds: float) -> str:
        """Return the first line of output that contains ``word``.

        :raises Unavailable: it ended, or said nothing of the kind in time; with the end of its log.
        """
        with contextlib.suppress(queue.Empty):
            while (line := self._lines.get(timeout=seconds)) is not None:
                if word in line:
                    return line.strip()
        status = self._process.poll()
        happened = f"ended with status {status}" if status is not None else f"was not ready in {seconds:g} s"
        raise Unavailable(f"{self.name} {happened}: {self._last_words()}", hint=f"see {self._log}")

    def running(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def memory_bytes(self) -> int:
        """Return its resident memory; 0 where /proc does not tell."""
        return resident_bytes(self.pid)

    def stop(self) -> None:
        """End it: politely, and after `STOP_SECONDS` not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        # The pipe must be emptied for as long as the child lives, or it would block on a full one.
        stream = self._process.stdout
        if stream is not None:
            with contextlib.suppress(ValueError):  # closed by stop()
                for line in stream:
                    self._lines.put(line)
        self._lines.put(None)

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            return "it left no log"
        return lines[-1] if lines else "it said nothing"


def resident_bytes(pid: int) -> int:
    """Return a process's resident memory; 0 where /proc does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
