"""What a server's processes take, from /proc: itself and all its children."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Use(NamedTuple):
    """What a process and its descendants take.

    :param cpu_seconds: user and system time so far, that of ended and awaited children included.
    :param resident_bytes: shared pages count once for each process.
    :param threads: of all of them.
    :param descriptors: open files of all of them.
    """

    cpu_seconds: float
    resident_bytes: int
    threads: int
    descriptors: int


def use(pid: int) -> Use:
    """Return what a process and its descendants take now."""
    taken = [_one(each) for each in _family(pid)]
    return Use(*(sum(values) for values in zip(*taken, strict=True)))


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _fields(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    family = [pid]
    for each in family:
        family.extend(children.get(each, []))
    return family


def _one(pid: int) -> Use:
    fields = _fields(pid)
    if not fields:
        return Use(0, 0, 0, 0)
    times, threads, pages = fields[11:15], int(fields[17]), int(fields[21])
    try:
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        descriptors = 0
    return Use(sum(map(int, times)) / _TICKS, pages * _PAGE, threads, descriptors)


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third, the state, on; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
