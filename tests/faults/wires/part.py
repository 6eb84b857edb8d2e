"""A relay and its cloud on two machines: packets lost and late, names that lead nowhere, opened TLS."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

from shared.worklist_item import WorklistItem
from tests.faults.named import Fault, Scene, quiet, try_fault
from tests.faults.network import Working, compare
from tests.faults.outcome import Outcome
from tests.faults.wires.name_server import NameServer
from tests.faults.wires.wire import FAR, NEAR, WEATHERS, Machine, Wire, two_machines, why_not
from tests.rigs.relay import FakeCloud, RelayProcess, eventually, item, shown
from tests.rigs.tls import Authority

_NAME: Final = "cloud.mwl-relay.test"
_NOBODY: Final = "10.99.0.77"
_ITEMS: Final = 10
_TIMEOUT: Final = 2.0
_RECOVERY_SECONDS: Final = 60.0
_AWAY: Final = "the cloud cannot be reached: .*"
_CUTS: Final = ("cut on the way up", "cut on the way down", "cut")
_NAMES: Final = {
    "no such name": "its name cannot be looked up",
    "trouble": "its name cannot be looked up",
    "silence": "its name cannot be looked up",
    _NOBODY: "could not be reached in time",
    NEAR: "its certificate comes from an authority this machine does not trust",
}
"""What the name server does, and what the status must say. At our own address, somebody opens TLS."""


class _Straight:
    """A line that is not spoiled."""

    fault = "none"


def run(folder: Path, seconds: float, seed: int) -> Outcome:
    """Let each weather last for a share of the time while a scanner works; then cut, lie and intercept."""
    outcome, chance = Outcome("two machines"), Random(seed)
    if reason := why_not():
        outcome.told["skipped"] = reason
        return outcome
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    with (
        patch.dict(os.environ, {"SSL_CERT_FILE": str(ours.file)}),
        two_machines(chance) as (wire, near, far),
        closing(_name_server(near)) as names,
        _at_work(folder, near, far, _context(ours, "cloud")) as at_work,
    ):
        at_work.line = wire
        near.do(_weather, at_work, wire, seconds, chance, outcome)
        for cut in _CUTS:
            _try(near, at_work, f"wire: {cut}", cut, "in time", outcome)
        at_work.line = names
        with _opened_tls(near, at_work.cloud.port, _context(theirs, "portal")):
            for lie, words in _NAMES.items():
                _try(near, at_work, f"names: {lie}", lie, words, outcome)
        outcome.told["packets carried, spoiled"] = f"{wire.carried:,}, {wire.spoiled:,}"
    return outcome


def _try(near: Machine, at_work: Scene, name: str, fault: str, words: str, outcome: Outcome) -> None:
    begin, end = partial(_spoil, fault), partial(_spoil, "none")
    near.do(try_fault, at_work, Fault(name, _AWAY + words, begin, end), outcome)


def _weather(at_work: Scene, wire: Wire, seconds: float, chance: Random, outcome: Outcome) -> None:
    kinds = [name for name in WEATHERS if name != "none" and name not in _CUTS]
    working = Working(at_work.peer, [_exam(number) for number in range(_ITEMS)], chance, outcome)
    for kind in chance.sample(kinds, len(kinds)):
        wire.fault = kind
        outcome.faults += 1
        time.sleep(seconds / len(kinds))
    wire.fault = "none"
    working.stop()
    began_at, wanted = time.monotonic(), set(working.acknowledged)
    eventually(lambda: wanted <= set(at_work.cloud.recorded_kinds()), _RECOVERY_SECONDS)
    outcome.told["all delivered after the last weather"] = f"{time.monotonic() - began_at:.1f} s"
    compare(at_work.cloud, working.acknowledged, outcome)
    quiet(at_work, outcome, "after the weather")


def _spoil(fault: str, at_work: Scene) -> None:
    at_work.line.fault = fault


@contextmanager
def _opened_tls(near: Machine, port: int, tls: ssl.SSLContext) -> Iterator[None]:
    """Listen at the near machine's own address as somebody who opens TLS does: with another authority."""
    portal = FakeCloud(NEAR, tls=tls)
    portal.port = port
    near.do(portal.start)
    try:
        yield
    finally:
        near.do(portal.stop)


def _context(authority: Authority, name: str) -> ssl.SSLContext:
    issued = authority.issue(name, host=_NAME)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    return context


def _name_server(near: Machine) -> NameServer:
    """Listen on the near machine where it looks for its name server."""
    lines = [line.split() for line in Path("/etc/resolv.conf").read_text("utf-8").splitlines()]
    host = next(words[1] for words in lines if words[:1] == ["nameserver"])
    near.add_address(host)
    return near.do(NameServer, host, FAR)


@contextmanager
def _at_work(folder: Path, near: Machine, far: Machine, tls: ssl.SSLContext) -> Iterator[Scene]:
    """Run a relay on the near machine, its cloud on the far one."""
    cloud = FakeCloud(FAR, name=_NAME, tls=tls)
    far.do(cloud.start)
    try:
        cloud.put(*(_exam(number) for number in range(_ITEMS)))
        timing = {"cloud_timeout_seconds": _TIMEOUT, "pull_interval_seconds": 0.2}
        process = near.do(lambda: RelayProcess(folder, cloud, port=0, log=folder / "relay.log", **timing))
        peer = near.do(process.start)
        try:
            near.do(eventually, lambda: len(shown(peer)) == _ITEMS)
            yield Scene(cloud, _Straight(), process, peer, has_own_disk=False)
        finally:
            process.end(kill=True)
    finally:
        far.do(cloud.stop)


def _exam(number: int) -> WorklistItem:
    return item(f"i{number}", patient_name=f"Name{number}^X", patient_id=f"P{number}")
