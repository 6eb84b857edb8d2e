"""What the status must say of each fault. The list of faults is the whole of what this part breaks."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing, suppress
from functools import partial
from typing import Any, Final
from uuid import uuid4

from edge_relay.client import scu
from shared.errors import MwlError
from tests.faults.named import Fault, Scene
from tests.rigs.relay import began, item

_AWAY: Final = "the cloud cannot be reached: "
_NETWORK: Final = {
    "refuse": "broke the connection off",
    "cut": "broke the connection off",
    "half": "broke the connection off",
    "silence": "did not answer in time",
    "one way": "did not answer in time",
    "drip": "did not answer in time|has had its time",
    "noise": "broke the connection off|could not be reached|did not answer",
    "portal": r"is not JSON .*is a proxy in between\?",
    "encoding": "sent an answer that cannot be unpacked",
    "redirect": r"the cloud answered 302 .*is a proxy in between\?",
}
_ANSWERS: Final = {
    "500": _AWAY + "the cloud answered 500",
    "429": _AWAY + "the cloud answered 429",
    "401": "the cloud refuses this relay|the cloud answered 401",
    "403": "the cloud refuses this relay",
    "html": _AWAY + ".*is not JSON",
    "bad-request-html": _AWAY + "the cloud answered 400",
    "truncated": _AWAY + ".*is not JSON",
    "shape": _AWAY + "the cloud's answer",
    "drop": _AWAY + ".*broke the connection off",
}


def _network(fault: str, at_work: Scene) -> None:
    at_work.line.fault = fault


def _answers(fault: str, at_work: Scene) -> None:
    at_work.cloud.always = fault


def _clock(seconds: float, at_work: Scene) -> None:
    at_work.cloud.clock_skew_seconds = seconds


def _shared(shared: bool, at_work: Scene) -> None:
    at_work.cloud.identity_shared = shared


def _signal(number: signal.Signals, at_work: Scene) -> None:
    os.kill(at_work.process.pid, number)


def _settings(broken: bool, at_work: Scene) -> None:
    """Make relay.toml unreadable, and good again; a relay looks at it every few seconds, and on SIGHUP."""
    path = at_work.process.config_file
    text = path.read_text("utf-8")
    path.write_text(f"# broken [\n[relay\n{text}" if broken else text.partition("[relay\n")[2], "utf-8")
    _signal(signal.SIGHUP, at_work)


def _mpps_refused(at_work: Scene) -> None:
    """Have the cloud take no reports while everything else works, and report."""
    at_work.cloud.mpps_faults.extend(["500"] * 10_000)
    _report(at_work)


def _mpps_taken(at_work: Scene) -> None:
    at_work.cloud.mpps_faults.clear()


def _report(at_work: Scene) -> None:
    with suppress(MwlError):
        scu.create_step(at_work.peer, began(item("walk-in")), f"2.25.{uuid4().int}")


def _journal_locked(at_work: Scene) -> None:
    _locks.append(
        sqlite3.connect(at_work.state / "journal.db", isolation_level=None, check_same_thread=False)
    )
    _locks[-1].execute("BEGIN IMMEDIATE")
    _report(at_work)


def _journal_free(at_work: Scene) -> None:
    with closing(_locks.pop()) as lock:
        lock.rollback()
    _report(at_work)


def _unreadable(raw: dict[str, Any] | None, at_work: Scene) -> None:
    at_work.cloud.put_raw("odd", raw)


def _renamed(name: str, other: str, at_work: Scene) -> None:
    (at_work.state / name).rename(at_work.state / other)


def _fill(at_work: Scene) -> None:
    with (at_work.state / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def _kill(at_work: Scene) -> None:
    at_work.process.end(kill=True)


def _start(at_work: Scene) -> None:
    at_work.peer = at_work.process.start()


_locks: list[sqlite3.Connection] = []


FAULTS: Final[tuple[Fault, ...]] = (
    *(
        Fault(f"network: {name}", _AWAY + f".*({words})", partial(_network, name), partial(_network, "none"))
        for name, words in _NETWORK.items()
    ),
    *(
        Fault(f"cloud: {name}", words, partial(_answers, name), partial(_answers, ""))
        for name, words in _ANSWERS.items()
    ),
    Fault("cloud: takes no MPPS", "MPPS reports cannot be sent .* 500", _mpps_refused, _mpps_taken),
    *(
        Fault(f"clock: {name}", "clock is wrong: .*10 min", partial(_clock, seconds), partial(_clock, 0.0))
        for name, seconds in (("10 minutes slow", 600.0), ("10 minutes fast", -600.0))
    ),
    Fault("identity: copied", "another machine uses", partial(_shared, True), partial(_shared, False)),
    Fault("settings: broken", "were not all taken up", partial(_settings, True), partial(_settings, False)),
    Fault(
        "exam: not readable",
        "1 item cannot be read",
        partial(_unreadable, {"id": "odd"}),
        partial(_unreadable, None),
    ),
    Fault(
        "cache.db: gone",
        "the cache cannot be read",
        partial(_renamed, "cache.db", "away"),
        partial(_renamed, "away", "cache.db"),
    ),
    Fault(
        "journal.db: gone",
        "MPPS reports cannot be stored.*moved or replaced",
        partial(_renamed, "journal.db", "away"),
        partial(_renamed, "away", "journal.db"),
        "CRITICAL",
    ),
    Fault(
        "disk: full",
        "the relay's folder cannot be written",
        _fill,
        lambda at_work: (at_work.state / "ballast").unlink(),
        needs_own_disk=True,
    ),
    Fault("journal: locked", "MPPS reports cannot be stored", _journal_locked, _journal_free, "CRITICAL"),
    Fault(
        "relay: hangs",
        "has not updated its status since",
        partial(_signal, signal.SIGSTOP),
        partial(_signal, signal.SIGCONT),
    ),
    Fault("relay: killed", "the relay is not running; it was last seen", _kill, _start, "UNKNOWN"),
)
