"""Every fault has words: what ``mwl-relay status`` must say of it within a minute, and nothing of others.

The relay is a process of its own. Each fault is put in and stays, until the relay has noticed it. Then the
status is looked at as it will be a minute later if nothing changes, for one failed call is not told at once.
The fault is taken away, and the status must say that all is well. ``tests/faults/words.py`` has the words.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, Protocol

from edge_relay.client.scu import Peer
from edge_relay.health.report import LOOPS
from edge_relay.health.report_file import read_report
from edge_relay.health.status import RelayStatus, look
from edge_relay.operations.status_check import Limits, check_line, checked
from edge_relay.operations.status_socket import ask
from edge_relay.storage.state_files import HEALTH_FILE
from tests.faults.network import proxied
from tests.faults.outcome import Outcome
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import FakeCloud, RelayProcess, eventually, item, shown

_DEFAULTS: Final = Limits(None, 4 * 3600, None, 24 * 3600)
_LEVELS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
A_MINUTE: Final = timedelta(minutes=1)
_ITEMS: Final = 3
NAMED_WITHIN = QUIET_WITHIN = PATIENCE
"""Seconds until the relay must have noticed a fault, and the end of one."""


class Line(Protocol):
    """What can be spoiled in ways that have names; "none" is none of them."""

    fault: str


@dataclass
class Scene:
    """A relay at work, and all that can be done to it.

    :param line: what is between relay and cloud.
    :param has_own_disk: whether the relay's folder is a small disk of its own, which can be filled.
    """

    cloud: FakeCloud
    line: Line
    process: RelayProcess
    peer: Peer
    has_own_disk: bool

    @property
    def state(self) -> Path:
        """The relay's folder."""
        return self.process.state_dir

    def status(self, ahead: timedelta = timedelta()) -> RelayStatus:
        """Return the status as it will be in a while, if nothing changes."""
        if not self.process.running:
            return look(self.state, datetime.now(UTC))
        return status_of(self.state, ahead)


def status_of(state: Path, ahead: timedelta = timedelta()) -> RelayStatus:
    """Return the status of a relay that runs, as it will be in a while, if nothing changes."""
    told = ask(state)
    report = told.health if told else read_report(state / HEALTH_FILE)  # it does not answer
    assert report is not None
    then = report.written_at + ahead
    return look(state, then, report.model_copy(update={"written_at": then}) if told else report)


Change = Callable[[Scene], object]


class Fault(NamedTuple):
    """One fault.

    :param words: a regular expression of what the status must say.
    :param level: with which word ``--check`` must begin.
    """

    name: str
    words: str
    begin: Change
    end: Change
    level: str = "WARNING"
    needs_own_disk: bool = False


def run(folder: Path, seed: int, faults: tuple[Fault, ...]) -> Outcome:
    """Put each fault in and take it away; return which were not named, and what was said without any."""
    outcome = Outcome("status")
    with scene(folder, Random(seed)) as at_work:
        quiet(at_work, outcome, "before any fault")
        for fault in faults:
            if fault.needs_own_disk and not at_work.has_own_disk:
                outcome.told[fault.name] = "skipped: mounting a small disk needs root"
            else:
                try_fault(at_work, fault, outcome)
    return outcome


@contextmanager
def scene(folder: Path, chance: Random) -> Iterator[Scene]:
    """Run a relay that has its worklist, behind a proxy, and end it."""
    with FakeCloud() as cloud, proxied(cloud, chance) as proxy, small_disk(folder / "state") as own:
        cloud.put(*(item(f"i{number}") for number in range(_ITEMS)))
        process = RelayProcess(
            folder,
            cloud,
            log=folder / "relay.log",
            cloud_timeout_seconds=1,
            pull_interval_seconds=0.2,
            heartbeat_interval_seconds=0.5,
        )
        peer = process.start()
        try:
            eventually(lambda: len(shown(peer)) == _ITEMS)
            yield Scene(cloud, proxy, process, peer, own)
        finally:
            process.end(kill=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make a folder a disk of its own, if this process may; yield whether it is."""
    folder.mkdir()
    own = os.geteuid() == 0 and _ran("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder))
    try:
        yield own
    finally:
        if own:
            _ran("umount", "-l", str(folder))


def _ran(*command: str) -> bool:
    program = shutil.which(command[0])
    return bool(program) and subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def try_fault(at_work: Scene, fault: Fault, outcome: Outcome) -> None:
    """Put a fault in, see that the status names it, and take it away."""
    outcome.faults += 1
    fault.begin(at_work)
    try:
        found = _named(at_work, fault)
    except AssertionError:
        said = at_work.status(A_MINUTE).problems
        outcome.unnamed.append(f"{fault.name}: the status says {'; '.join(said) or 'nothing'}")
    else:
        outcome.named += 1
        line = check_line(found, checked(found, _DEFAULTS), _DEFAULTS)
        outcome.told[fault.name] = line.partition(" | ")[0]
    fault.end(at_work)
    quiet(at_work, outcome, f"after {fault.name}")


def _named(at_work: Scene, fault: Fault) -> RelayStatus:
    """Return the status once it names a fault, with the level that goes with it."""

    def names() -> RelayStatus | None:
        found = at_work.status(A_MINUTE)
        named = any(re.search(fault.words, problem) for problem in found.problems)
        return found if named and _LEVELS[checked(found, _DEFAULTS)] == fault.level else None

    found: RelayStatus = eventually(names, NAMED_WITHIN)
    return found


def quiet(at_work: Scene, outcome: Outcome, when: str) -> None:
    """See that nothing is said without a fault, nor remembered: it would be said within a minute."""
    outcome.operations += 1
    try:
        eventually(lambda: not _complaints(at_work), QUIET_WITHIN)
    except AssertionError:
        outcome.wrong_answers.append(f"{when} the status says: {'; '.join(_complaints(at_work))}")


def _complaints(at_work: Scene) -> list[str]:
    found = at_work.status()
    failures = [getattr(found.health, loop).failure for loop in LOOPS]
    return [*found.problems, *(failure for failure in failures if failure)]
