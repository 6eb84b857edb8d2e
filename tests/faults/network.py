"""A network that loses, delays, cuts one way, drips and lies, between a relay process and its cloud.

A proxy of ours stands in between, in user space: it needs no rights and no kernel module. What happens on the
network's lower levels (loss, reordering, duplicates) TCP turns into delays and cuts, so it is those that
are injected, for a random while each, under a scanner's load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from edge_relay.client import scu
from edge_relay.client.scu import Peer
from shared.errors import Conflict, MwlError
from shared.worklist_item import WorklistItem
from tests.faults.outcome import Outcome
from tests.faults.proxy import Proxy
from tests.rigs.relay import FakeCloud, RelayProcess, began, completed, eventually, item, query, shown

_ITEMS: Final = 10
_WALK_IN: Final = item("walk-in")  # so that the list stays as it is
_RECOVERY_SECONDS: Final = 60.0


class Working:
    """A scanner: reports and asks until it is stopped, and notes what it was answered."""

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
def proxied(cloud: FakeCloud, chance: Random) -> Iterator[Proxy]:
    proxy = Proxy(cloud.port, chance)
    """Have the relay of a cloud call it through a proxy."""
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
    with FakeCloud() as cloud, proxied(cloud, chance) as proxy:
        cloud.put(*items)
        process = RelayProcess(
            folder, cloud, log=folder / "relay.log", cloud_timeout_seconds=1, pull_interval_seconds=0.2
        )
        peer = process.start()
        try:
            eventually(lambda: len(shown(peer)) == _ITEMS)
            scanner = Working(peer, items, chance, outcome)
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
        compare(cloud, scanner.acknowledged, outcome)
    return outcome


def compare(cloud: FakeCloud, acknowledged: list[tuple[str, str]], outcome: Outcome) -> None:
    """Compare what the cloud has with what scanners were answered with Success."""
    recorded = cloud.recorded_kinds()
    outcome.lost += [f"{uid} {kind}" for uid, kind in set(acknowledged) - set(recorded)]
    ids = [event["event_id"] for event in cloud.recorded]
    outcome.duplicated += [each for each in set(ids) if ids.count(each) > 1]
    for uid in {uid for uid, _ in recorded}:
        kinds = [kind for each, kind in recorded if each == uid]
        if kinds != sorted(kinds):
            outcome.out_of_order.append(uid)
