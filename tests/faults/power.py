"""Power cuts: the relay is killed, and its folder put back to what had been synced by then.

``power.c``, preloaded into the relay, keeps a copy of every file as of its last fsync. What scanners were
answered with Success must be in the cloud in the end, although all that was only written is gone. The status
must name each cut, and say nothing once all is well again. It needs a C compiler; without one, this part says
so and does nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import sleep
from typing import Final
from unittest.mock import patch
from uuid import UUID

from edge_relay.client import scu
from edge_relay.client.scu import Peer
from edge_relay.health.status import look
from shared.errors import Conflict, MwlError
from tests.faults.named import A_MINUTE, status_of
from tests.faults.outcome import Outcome
from tests.rigs.relay import FakeCloud, RelayProcess, began, completed, eventually, item, shown

_SOURCE: Final = Path(__file__).with_name("power.c")
_RECOVERY_SECONDS: Final = 20.0


def compiler() -> str | None:
    """Return a C compiler, None if this machine has none."""
    return shutil.which("cc") or shutil.which("gcc")


class _Machine:
    """A relay on a disk that forgets what was not synced."""

    def __init__(self, folder: Path, cloud: FakeCloud, library: Path) -> None:
        self.disk = folder / "disk"
        self._library = library
        self._process = RelayProcess(folder, cloud, log=folder / "relay.log", pull_interval_seconds=0.2)
        self.state = self._process.state_dir

    def switch_on(self) -> Peer:
        """Start the relay."""
        shutil.rmtree(self.disk, ignore_errors=True)
        shutil.copytree(self.state, self.disk)
        preloaded = {
            "LD_PRELOAD": str(self._library),
            "FAULTS_STATE": str(self.state.resolve()),
            "FAULTS_DISK": str(self.disk),
        }
        with patch.dict(os.environ, preloaded):
            return self._process.start()

    def cut(self) -> None:
        """Cut the power: what was not synced is gone."""
        self._process.end(kill=True)
        shutil.rmtree(self.state)
        shutil.copytree(self.disk, self.state)

    def switch_off(self) -> None:
        """End the relay as one does."""
        self._process.end()


def run(folder: Path, cuts: int, seed: int) -> Outcome:
    """Cut the power so often while a scanner reports; return what came of it."""
    outcome, chance = Outcome("power cuts"), Random(seed)
    library, found = folder / "power.so", compiler()
    if found is None:
        outcome.told["skipped"] = "there is no C compiler"
        return outcome
    subprocess.run([found, "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
    acknowledged: list[tuple[str, str]] = []
    with FakeCloud() as cloud:
        cloud.put(item("a"))
        machine = _Machine(folder, cloud, library)
        for _ in range(cuts):
            peer = machine.switch_on()
            eventually(lambda: shown(peer))  # noqa: B023
            if chance.random() < 0.5:
                cloud.stop()
            _report(peer, chance, acknowledged, outcome, machine.cut)
            outcome.faults += 1
            _named(look(machine.state, datetime.now(UTC)).problems, "is not running", outcome)
            cloud.stop()
            _ask_without_cloud(machine, outcome)
            cloud.start()
        machine.switch_on()
        wanted = set(acknowledged)
        with suppress(AssertionError):  # what is lost is named below
            eventually(lambda: wanted <= set(cloud.recorded_kinds()), _RECOVERY_SECONDS)
        with suppress(AssertionError):
            eventually(lambda: not status_of(machine.state).problems, _RECOVERY_SECONDS)
        outcome.wrong_answers += [
            f"after the last cut the status says: {each}" for each in status_of(machine.state).problems
        ]
        machine.switch_off()
        _compare(cloud, acknowledged, outcome)
    return outcome


def _ask_without_cloud(machine: _Machine, outcome: Outcome) -> None:
    """See that the worklist outlived the power cut; then end the relay as one does."""
    peer = machine.switch_on()
    outcome.operations += 1
    if [str(exam.PatientName) for exam in shown(peer)] != ["Doe^Jane"]:
        outcome.wrong_answers.append("after a power cut, and without the cloud, there is no worklist")
    eventually(lambda: status_of(machine.state).health.pull.failure)  # type: ignore[union-attr]
    _named(status_of(machine.state, A_MINUTE).problems, "cloud", outcome, alone=True)
    machine.switch_off()


def _named(said: Sequence[str], words: str, outcome: Outcome, *, alone: bool = False) -> None:
    """Count whether the status names a fault, and perhaps nothing else."""
    if any(words in each for each in said) and not (alone and any(words not in each for each in said)):
        outcome.named += 1
    else:
        outcome.unnamed.append(f"{words}: the status says {'; '.join(said) or 'nothing'}")


def _report(
    peer: Peer,
    chance: Random,
    acknowledged: list[tuple[str, str]],
    outcome: Outcome,
    cut: Callable[[], None],
) -> None:
    """Report steps until the power is cut, at a random moment."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            uid = f"2.25.{UUID(int=chance.getrandbits(128), version=4).int}"
            for kind, send in (
                ("N-CREATE", lambda: scu.create_step(peer, began(item("walk-in")), uid)),  # noqa: B023
                ("N-SET", lambda: scu.set_step(peer, completed(), uid)),  # noqa: B023
            ):
                outcome.operations += 1
                try:
                    send()
                except Conflict:
                    pass
                except MwlError:
                    return  # the power is off
                acknowledged.append((uid, kind))

    worker = threading.Thread(target=work)
    worker.start()
    sleep(chance.uniform(0.05, 0.6))
    cut()
    over.set()
    worker.join(60)


def _compare(cloud: FakeCloud, acknowledged: list[tuple[str, str]], outcome: Outcome) -> None:
    recorded = cloud.recorded_kinds()
    outcome.lost += [f"{uid} {kind}" for uid, kind in set(acknowledged) - set(recorded)]
    ids = [event["event_id"] for event in cloud.recorded]
    outcome.duplicated += [each for each in set(ids) if ids.count(each) > 1]
    outcome.told["acknowledged"] = str(len(acknowledged))
