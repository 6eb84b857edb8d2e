"""A network that loses, delays, cuts one way, drips and lies, between a relay process and its cloud.

A proxy of ours stands in between, in user space: it needs no rights and no kernel module. What happens on the
network's lower levels (loss, reordering, duplicates) TCP turns into delays and cuts, so it is those that
are injected, for a random while each, under a scanner's load.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from edge_relay.client import scu
from edge_relay.client.scu import Peer
from shared.errors import Conflict, MwlError
from shared.worklist_item import WorklistItem
from tests.faults.outcome import Outcome
from tests.rigs.relay import FakeCloud, RelayProcess, began, completed, eventually, item, query, shown

_ITEMS: Final = 10
_WALK_IN: Final = item("walk-in")  # so that the list stays as it is
_PORTAL: Final = b"<html><body>Please log in to the guest network</body></html>"
_REDIRECT: Final = b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n"
_RECOVERY_SECONDS: Final = 60.0


class Proxy:
    """Hands bytes on between the relay and its cloud, in the way that ``fault`` names."""

    FAULTS: Final = (
        "refuse", "cut", "half", "silence", "one way", "drip", "delay", "noise", "portal", "redirect",
    )  # fmt: skip

    def __init__(self, target: int, chance: Random) -> None:
        self.fault = "none"
        self._target = target
        self._chance = chance
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End all."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client, self.fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, fault: str) -> None:
        with client:
            self._open.add(client)
            with suppress(OSError):
                self._answer(client, fault)
            self._open.discard(client)

    def _answer(self, client: socket.socket, fault: str) -> None:
        if fault == "refuse":
            return
        if fault in {"portal", "redirect"}:
            client.recv(65536)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(_PORTAL)
            client.sendall(_REDIRECT if fault == "redirect" else head + _PORTAL)
            return
        with socket.create_connection(("127.0.0.1", self._target), 10) as server:
            self._open.add(server)
            up = threading.Thread(target=self._pump, args=(client, server, "none"), daemon=True)
            up.start()
            self._pump(server, client, fault)
            up.join(10)
            self._open.discard(server)

    def _pump(self, source: socket.socket, target: socket.socket, fault: str) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if fault in {"silence", "one way"}:
                    continue  # the request arrived; nobody hears the answer
                if fault == "delay":
                    self._stopping.wait(self._chance.uniform(0.1, 1.5))
                if fault == "half":
                    target.sendall(data[: len(data) // 2])
                    break
                if fault == "cut":
                    break
                self._hand_on(target, bytearray(data), fault)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _hand_on(self, target: socket.socket, data: bytearray, fault: str) -> None:
        if fault == "noise":
            data = bytearray(self._chance.randbytes(len(data)))
        if fault != "drip":
            target.sendall(data)
            return
        for byte in data:
            target.sendall(bytes((byte,)))
            if self._stopping.wait(0.02):
                return


class _Scanner:
    """Reports and asks until it is stopped, and notes what it was answered."""

    def __init__(self, peer: Peer, items: list[WorklistItem], chance: Random, outcome: Outcome) -> None:
        self._peer, self._chance, self._outcome = peer, chance, outcome
        self._names = {each.patient_name for each in items}
        self._stopping = threading.Event()
        self._heard = time.monotonic()
        self.acknowledged: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            uid = f"2.25.{UUID(int=self._chance.getrandbits(128), version=4).int}"
            self._tell(uid, "N-CREATE", lambda: scu.create_step(self._peer, began(_WALK_IN), uid))  # noqa: B023
            self._ask()
            self._tell(uid, "N-SET", lambda: scu.set_step(self._peer, completed(), uid))  # noqa: B023

    def _tell(self, uid: str, kind: str, send: Callable[[], object]) -> None:
        self._outcome.operations += 1
        try:
            send()
        except Conflict:
            pass
        except MwlError as error:
            self._outcome.others.append(f"{kind} was not answered with Success: {error}")
            return
        self.acknowledged.append((uid, kind))
        self._hear()

    def _ask(self) -> None:
        self._outcome.operations += 1
        names = {str(answer.PatientName) for answer in shown(self._peer, query())}
        self._outcome.wrong_answers += [f"{name} is not on the list" for name in names - self._names]
        if len(names) != len(self._names):
            self._outcome.wrong_answers.append(f"{len(names)} of {len(self._names)} exams were shown")
        self._hear()

    def _hear(self) -> None:
        now = time.monotonic()
        self._outcome.longest_silence = max(self._outcome.longest_silence, now - self._heard)
        self._heard = now


@contextmanager
def _proxied(cloud: FakeCloud, chance: Random) -> Iterator[Proxy]:
    proxy = Proxy(cloud.port, chance)
    own, cloud.port = cloud.port, proxy.port  # what the relay is told to call
    try:
        yield proxy
    finally:
        cloud.port = own
        proxy.close()


def run(folder: Path, seconds: float, seed: int) -> Outcome:
    """Let each fault last for a share of the time while a scanner works; return what came of it."""
    outcome, chance = Outcome("network"), Random(seed)
    items = [item(f"i{n}", patient_name=f"Name{n}^X", patient_id=f"P{n}") for n in range(_ITEMS)]
    with FakeCloud() as cloud, _proxied(cloud, chance) as proxy:
        cloud.put(*items)
        process = RelayProcess(folder, cloud, cloud_timeout_seconds=1, pull_interval_seconds=0.2)
        peer = process.start()
        try:
            eventually(lambda: len(shown(peer)) == _ITEMS)
            scanner = _Scanner(peer, items, chance, outcome)
            for fault in chance.sample(Proxy.FAULTS, len(Proxy.FAULTS)):
                proxy.fault = fault
                outcome.faults += 1
                time.sleep(seconds / len(Proxy.FAULTS))
                proxy.fault = "none"
            scanner.stop()
            began_at = time.monotonic()
            wanted = set(scanner.acknowledged)
            eventually(lambda: wanted <= set(cloud.recorded_kinds()), _RECOVERY_SECONDS)
            outcome.told["all delivered after the last fault"] = f"{time.monotonic() - began_at:.1f} s"
        finally:
            process.end()
        _compare(cloud, scanner.acknowledged, outcome)
    return outcome


def _compare(cloud: FakeCloud, acknowledged: list[tuple[str, str]], outcome: Outcome) -> None:
    recorded = cloud.recorded_kinds()
    outcome.lost += [f"{uid} {kind}" for uid, kind in set(acknowledged) - set(recorded)]
    ids = [event["event_id"] for event in cloud.recorded]
    outcome.duplicated += [each for each in set(ids) if ids.count(each) > 1]
    for uid in {uid for uid, _ in recorded}:
        kinds = [kind for each, kind in recorded if each == uid]
        if kinds != sorted(kinds):
            outcome.out_of_order.append(uid)
