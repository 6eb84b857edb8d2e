"""How the relay is doing: what ``mwl-relay status`` shows, from a small file the running relay keeps.

It holds times, counts and AE titles; never anything of a participant.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_relay.identity import write_private


class LoopHealth(BaseModel):
    """How pulling or pushing goes; ``failure`` is empty while it works; ``forbidden``: we are refused."""

    model_config = ConfigDict(frozen=True)

    succeeded_at: datetime | None = None
    failing_since: datetime | None = None
    failure: str = ""
    forbidden: bool = False


class ScannerHealth(BaseModel):
    """When a scanner last asked for its worklist, and how many items it was given."""

    model_config = ConfigDict(frozen=True)

    asked_at: datetime
    answers: int


class HealthReport(BaseModel):
    """One moment of a running relay."""

    model_config = ConfigDict(frozen=True)

    pid: int
    written_at: datetime
    address: str
    pull: LoopHealth = LoopHealth()
    push: LoopHealth = LoopHealth()
    scanners: dict[str, ScannerHealth] = {}


class Health:
    """Collects what the relay's threads report. Times come from ``now``: aware, UTC."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now: Final = now
        self._lock: Final = threading.Lock()
        self._loops: Final = {"pull": LoopHealth(), "push": LoopHealth()}
        self._scanners: Final[dict[str, ScannerHealth]] = {}

    def succeeded(self, loop: str) -> None:
        """Note that a pass of ``pull`` or ``push`` worked."""
        with self._lock:
            self._loops[loop] = LoopHealth(succeeded_at=self._now())

    def failed(self, loop: str, sentence: str, *, forbidden: bool) -> None:
        """Note that a pass failed, and why."""
        with self._lock:
            before = self._loops[loop]
            self._loops[loop] = before.model_copy(
                update={
                    "failing_since": before.failing_since or self._now(),
                    "failure": sentence,
                    "forbidden": forbidden,
                }
            )

    def asked(self, ae_title: str, answers: int) -> None:
        """Note a scanner's query."""
        with self._lock:
            self._scanners[ae_title] = ScannerHealth(asked_at=self._now(), answers=answers)

    def report(self, address: str) -> HealthReport:
        """Return how things stand now."""
        with self._lock:
            return HealthReport(
                pid=os.getpid(),
                written_at=self._now(),
                address=address,
                pull=self._loops["pull"],
                push=self._loops["push"],
                scanners=dict(self._scanners),
            )


def write_report(path: Path, report: HealthReport) -> None:
    """Put a report where ``status`` looks for it."""
    write_private(path, report.model_dump_json().encode(), durable=False)


def read_report(path: Path) -> HealthReport | None:
    """Return the last report, None if there is none or it cannot be read."""
    try:
        return HealthReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
