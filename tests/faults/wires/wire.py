"""Two machines and the wire between them: network namespaces, and packets lost, late, twice, out of order.

The kernel does all but the wire: each namespace has addresses, routes and a TCP of its own. The wire is a
pair of TUN devices (Linux, tuntap.rst) with this process in between, which does with packets what
tc-netem(8) does; that is a module which many kernels lack. It needs root and ``ip`` (iproute2).
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

NEAR, FAR = "10.99.0.1", "10.99.0.2"
"""The addresses of the two machines."""
_TUN: Final = Path("/dev/net/tun")
_SET_INTERFACE: Final = 0x400454CA  # TUNSETIFF, linux/if_tun.h
_TUN_WITHOUT_HEADER: Final = 0x0001 | 0x1000  # IFF_TUN | IFF_NO_PI
_NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET, setns(2)
_PACKET: Final = 65_536


class Weather(NamedTuple):
    """What happens to packets; shares of them, and seconds.

    :param up: whether packets of the near machine arrive at the far one; ``down``: the other way.
    """

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    twice: float = 0.0
    overtaken: float = 0.0
    harmed: float = 0.0
    up: bool = True
    down: bool = True


WEATHERS: Final = {
    "none": Weather(),
    "loss of 20 %": Weather(loss=0.2),
    "0.3 s late, more or less": Weather(delay=0.3, jitter=0.2),
    "half of them twice": Weather(twice=0.5),
    "a third overtaken": Weather(delay=0.01, overtaken=0.33),
    "a tenth harmed": Weather(harmed=0.1),
    "all of it": Weather(0.05, 0.05, 0.05, 0.1, 0.1, 0.02),
    "cut on the way up": Weather(up=False),
    "cut on the way down": Weather(down=False),
    "cut": Weather(up=False, down=False),
}


class Wire:
    """Carries packets between two TUN devices, as ``fault`` says: one of `WEATHERS`."""

    def __init__(self, near: int, far: int, chance: Random) -> None:
        self.fault = "none"
        self.carried = self.spoiled = 0
        self._near, self._far, self._chance = near, far, chance
        self._flying: list[tuple[float, int, int, bytes]] = []
        self._numbers = count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(10)
        for device in (self._near, self._far):
            os.close(device)

    def _run(self) -> None:
        while not self._stopping.is_set():
            left = max(0.0, self._flying[0][0] - time.monotonic()) if self._flying else 0.05
            ready, _, _ = select.select([self._near, self._far], [], [], min(left, 0.05))
            for device in ready:
                self._send(os.read(device, _PACKET), upwards=device == self._near)
            while self._flying and self._flying[0][0] <= time.monotonic():
                _, _, device, packet = heapq.heappop(self._flying)
                os.write(device, packet)

    def _send(self, packet: bytes, *, upwards: bool) -> None:
        weather, draw = WEATHERS[self.fault], self._chance.random
        arrives = weather.up if upwards else weather.down
        if not arrives or draw() < weather.loss:
            self.spoiled += 1
            return
        self.carried += 1
        if draw() < weather.harmed:
            self.spoiled += 1
            at = self._chance.randrange(20, len(packet))  # behind the IP header: a checksum tells
            packet = packet[:at] + bytes((packet[at] ^ 0x10,)) + packet[at + 1 :]
        for _ in range(2 if draw() < weather.twice else 1):
            late = weather.delay + self._chance.uniform(-weather.jitter, weather.jitter)
            late = 0.0 if draw() < weather.overtaken else late  # it overtakes the others
            target = self._far if upwards else self._near
            entry = (time.monotonic() + max(0.0, late), next(self._numbers), target, packet)
            heapq.heappush(self._flying, entry)


class Machine:
    """A network namespace, and a thread that lives in it: what it starts, lives there too."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        _ip("netns", "add", name)
        self._thread = ThreadPoolExecutor(1, initializer=self._enter)

    def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something on this machine."""
        return self._thread.submit(work, *arguments).result()

    def add_address(self, address: str) -> None:
        """Give it one more address, of its own."""
        if not ip_address(address).is_loopback:
            _ip("-n", self.name, "addr", "add", address, "dev", "lo")

    def close(self) -> None:
        """End it; what was started on it must have ended."""
        self._thread.shutdown()
        _ip("netns", "del", self.name)

    def _enter(self) -> None:
        handle = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(handle)


def why_not() -> str:
    """Return why there can be no two machines here; empty if there can."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if shutil.which("ip") is None:
        return "ip (iproute2) is missing"
    if not _TUN.exists():
        return f"{_TUN} is missing"
    probe = f"mwl-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], check=False, capture_output=True).returncode:
        return "network namespaces cannot be made here"
    _ip("netns", "del", probe)
    return ""


@contextmanager
def two_machines(chance: Random) -> Iterator[tuple[Wire, Machine, Machine]]:
    """Yield a wire, the near machine and the far one."""
    own = f"{os.getpid():x}{chance.randrange(4096):x}"
    near, far = Machine(f"mwl-near-{own}"), Machine(f"mwl-far-{own}")
    try:
        wire = Wire(_plugged(near, f"mn{own}"[:15], NEAR), _plugged(far, f"mf{own}"[:15], FAR), chance)
        try:
            yield wire, near, far
        finally:
            wire.close()
    finally:
        near.close()
        far.close()


def _plugged(machine: Machine, device: str, address: str) -> int:
    """Give a machine its end of the wire; return the other end."""
    handle = os.open(_TUN, os.O_RDWR)
    fcntl.ioctl(handle, _SET_INTERFACE, struct.pack("16sH", device.encode(), _TUN_WITHOUT_HEADER))
    _ip("link", "set", device, "netns", machine.name)
    _ip("-n", machine.name, "addr", "add", f"{address}/24", "dev", device)
    for each in (device, "lo"):
        _ip("-n", machine.name, "link", "set", each, "up")
    return handle


def _ip(*arguments: str) -> None:
    subprocess.run([shutil.which("ip") or "ip", *arguments], check=True, capture_output=True)
