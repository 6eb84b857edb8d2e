"""DCMTK's findscu as the client: a query's time is the difference between many and one on an association."""

from __future__ import annotations

import shutil
import subprocess
from time import perf_counter
from typing import Final

from tests.bench import items, wire
from tests.bench.client import CALLING
from tests.bench.rounds import Effort, Measure
from tests.bench.servers.server import Server

_MOST: Final = 200


def missing() -> str:
    """Return why it cannot be used; empty if it can."""
    return "" if shutil.which("findscu") else "findscu is not installed (Debian: dcmtk)"


def latency(effort: Effort) -> Measure:
    """Ask for one match on an open association: milliseconds a query."""
    repeats: dict[str, int] = {}

    def measure(server: Server) -> tuple[float, ...]:
        number = server.count // 2
        keys = ["-k", f"0010,0020={items.patient_id(number)}", "-k", "0010,0010"]
        who = ["-aet", CALLING, "-aec", server.called.ae_title]
        where = [server.called.host, str(server.called.port)]

        def seconds(repeat: int) -> float:
            command = ["findscu", "-W", *who, *keys, "--repeat", str(repeat), *where]
            began = perf_counter()
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=effort.budget_seconds)
            except subprocess.TimeoutExpired:
                raise TimeoutError from None
            except subprocess.CalledProcessError as error:
                raise wire.WireError(f"findscu ended with {error.returncode}") from None
            return perf_counter() - began

        if server.name not in repeats:
            few = max(0.0, seconds(6) - seconds(1)) / 5
            repeats[server.name] = max(2, min(_MOST, int(effort.turn_seconds / max(few, 1e-4))))
        many = repeats[server.name]
        return ((seconds(many + 1) - seconds(1)) / many * 1000,)

    return measure
