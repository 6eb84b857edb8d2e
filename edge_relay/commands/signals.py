"""What the system tells a running relay: to end, or to read its settings anew.

Linux hands signals to the thread that waits for them, and interrupts nobody. macOS and Windows cannot: there
Python writes each signal's number into a socket, and we wait for that. Windows has no SIGHUP; a changed file
of settings is taken up there without being told, as everywhere.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from types import FrameType
from typing import Final


class Told(Enum):
    """What a signal means to us."""

    END = auto()
    READ_SETTINGS = auto()


Wait = Callable[[float], Told | None]
"""Waits so many seconds at most; returns None if nothing was told."""

_NAMED: Final = {
    "SIGTERM": Told.END,
    "SIGINT": Told.END,
    "SIGBREAK": Told.END,  # Windows: Ctrl-Break, which those who run services there send
    "SIGHUP": Told.READ_SETTINGS,
}
MEANINGS: Final = {int(getattr(signal, name)): told for name, told in _NAMED.items() if hasattr(signal, name)}
"""By the signals' numbers: those of them that this system has."""


@contextmanager
def written_to_a_socket() -> Iterator[Wait]:
    """Keep the signals where the system cannot wait for them; see `held`."""
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)

        def wait(seconds: float) -> Told | None:
            ready, _, _ = select.select([reading], [], [], seconds)
            return MEANINGS.get(reading.recv(1)[0]) if ready else None

        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, _noted) for number in MEANINGS}
        try:
            yield wait
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: Python has written the number."""


if sys.platform == "linux":

    @contextmanager
    def held() -> Iterator[Wait]:
        """Keep these signals for the function that the context gives; call it in the main thread.

        What is told while the context ends is not told to anybody: we are ending already.
        """
        ours = set(MEANINGS)

        def wait(seconds: float) -> Told | None:
            came = signal.sigtimedwait(ours, seconds)
            return None if came is None else MEANINGS[came.si_signo]

        # A handler could be interrupted by the other one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ours)
        try:
            yield wait
        finally:
            while signal.sigpending() & ours:
                signal.sigwait(ours)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

else:
    held = written_to_a_socket
