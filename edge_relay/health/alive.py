"""Whether the relay that wrote a report is still there.

That a process has its number is not enough. A dead one keeps its number until its parent has taken note; a
container's first process may never do so. And numbers are given away again, soon after a start of the machine
above all. So the process must live, and have begun before the report was written (proc(5)).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from edge_relay.clock.boot import boot_id
from edge_relay.health.report import HealthReport

_PROC: Final = Path("/proc")
_STATE, _BEGAN = 0, 19  # fields 3 and 22 of /proc/PID/stat, counted after the name
_DEAD: Final = frozenset("ZXx")


def is_alive(report: HealthReport, proc: Path = _PROC) -> bool:
    """Tell whether the process that wrote a report still runs.

    :param proc: the proc file system; without one, that there is a process of this number has to do.
    """
    boot = boot_id()
    if report.boot and boot and report.boot != boot:
        return False  # the machine has been started anew since
    if sys.platform == "win32":
        return True  # asking by a number could end that process; the age of its report has to do
    if not (proc / "self").exists():
        return _exists(report.pid)
    try:
        stat = (proc / str(report.pid) / "stat").read_text("ascii", errors="replace")
    except OSError:
        return _exists(report.pid)  # it may be hidden from us, and there
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE] in _DEAD:
        return False
    began = int(fields[_BEGAN]) / os.sysconf("SC_CLK_TCK")
    return not report.boot or began <= report.uptime


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's, but it is there
    return True
