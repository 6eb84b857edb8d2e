"""Messages to the service manager: the datagrams of sd_notify(3).

    READY=1                     scanners can connect
    STATUS=...                  one line for ``systemctl status``
    WATCHDOG=1                  we are alive; without it for WatchdogSec, systemd starts us anew
    STOPPING=1                  we are ending
    EXTEND_TIMEOUT_USEC=...     give us so much longer

Without ``$NOTIFY_SOCKET`` there is no service manager, and nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Final

log = logging.getLogger(__name__)

_SHORTEST_INTERVAL_SECONDS: Final = 0.05


class Notifier:
    """One service manager's socket.

    :param address: a path, or ``@`` and a name in Linux's abstract namespace; empty: nobody listens.
    :param watchdog_seconds: how often the manager wants to hear that we are alive; None: it does not.
    """

    def __init__(self, address: str, watchdog_seconds: float | None = None) -> None:
        self._address: Final = "\0" + address[1:] if address.startswith("@") else address
        self._notified = True
        self.watchdog_seconds: Final = watchdog_seconds

    def ready(self, status: str) -> None:
        """Say that the start is over."""
        self.send("READY=1", _status(status))

    def alive(self, status: str) -> None:
        """Say that we are alive, and how we are."""
        self.send("WATCHDOG=1", _status(status))

    def status(self, status: str) -> None:
        """Say how we are, and no more."""
        self.send(_status(status))

    def stopping(self, seconds: float) -> None:
        """Say that we are ending, and how long it may take."""
        self.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", "STATUS=stopping")

    def starting(self, status: str, seconds: float) -> None:
        """Say that the start goes on, and how much longer it may take."""
        self.send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", _status(status))

    def send(self, *assignments: str) -> None:
        """Send one message; a manager that does not listen is no reason to stop serving scanners."""
        if sys.platform != "linux" or not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
                notifying.setblocking(False)  # a full queue must not hold us up
                notifying.sendto("\n".join(assignments).encode(), self._address)
            self._notified = True
        except OSError as error:
            if self._notified:
                log.warning("no message to the service manager (%s)", error.strerror or error)
            self._notified = False


def from_environment(environment: Mapping[str, str]) -> Notifier:
    """Return the notifier that ``$NOTIFY_SOCKET``, ``$WATCHDOG_USEC`` and ``$WATCHDOG_PID`` describe."""
    address = environment.get("NOTIFY_SOCKET", "")
    if sys.platform != "linux" or not address.startswith(("/", "@")):
        return Notifier("")
    return Notifier(address, _watchdog_seconds(environment))


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    wanted, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not wanted.isascii() or not wanted.isdigit() or (whose and whose != str(os.getpid())):
        return None
    seconds = int(wanted) / 1e6
    return max(seconds, _SHORTEST_INTERVAL_SECONDS) if seconds else None


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())
