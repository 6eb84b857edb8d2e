"""``python -m tests.rigs.bare_system MODULE ARGUMENTS``: a module as on Windows, which has less than Linux.

What Windows lacks is taken away after everybody else's packages are loaded, and before ours are: signals,
calls of POSIX, Unix sockets, /proc's clocks, `fcntl`. So it shows that ours ask for none of it, and no more:
Windows' own parts are not here, but for a lock that stands in for `msvcrt`.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import runpy
import signal
import socket
import sys
import time
from importlib import import_module
from types import ModuleType

from pynetdicom import _config as pynetdicom_settings

THEIRS = (
    *("http.server", "logging.handlers", "multiprocessing", "sqlite3", "ssl", "subprocess", "tomllib"),
    *("cryptography.x509", "httpx", "jwt", "prometheus_client", "pydantic_settings"),
    *("pydicom", "pynetdicom", "pynetdicom.sop_class", "rich.console", "typer.rich_utils"),
)
NOT_ON_WINDOWS = {
    signal: ("SIGHUP", "pthread_sigmask", "sigpending", "sigtimedwait", "sigwait"),
    os: ("fdatasync", "geteuid", "getuid", "sched_getaffinity", "sched_setaffinity", "sysconf"),
    socket: ("AF_UNIX", "SOCK_CLOEXEC", "SO_PEERCRED", "TCP_QUICKACK"),
    time: ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "clock_gettime"),
}


def locking() -> ModuleType:
    """Return `msvcrt` as far as we use it; it raises what Windows' raises."""
    flock, exclusive = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
    module = ModuleType("msvcrt")

    def lock(descriptor: int, mode: int, count: int) -> None:
        try:
            flock(descriptor, exclusive)
        except BlockingIOError:
            raise OSError(errno.EACCES, "Permission denied") from None

    vars(module).update(LK_NBLCK=2, locking=lock)
    return module


def take_away() -> None:
    """Take away what Windows lacks, from now on."""
    for name in THEIRS:
        import_module(name)
    asyncio.new_event_loop().close()
    pynetdicom_settings.WINDOWS_TIMER_RESOLUTION = None  # it would ask Windows for a finer one
    pair, family = socket.socketpair, socket.AF_UNIX

    def local_pair(*_: object) -> tuple[socket.socket, socket.socket]:
        return pair(family)

    vars(socket)["socketpair"] = local_pair  # Windows makes one of two TCP sockets
    sys.modules["msvcrt"] = locking()
    sys.modules["fcntl"] = None  # type: ignore[assignment]  # an import of it fails
    for module, names in NOT_ON_WINDOWS.items():
        for name in names:
            vars(module).pop(name, None)
    sys.platform = "win32"


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    take_away()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
