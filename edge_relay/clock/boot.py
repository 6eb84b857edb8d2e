"""The time since this machine was started: it only goes forward, whatever is done to the wall clock.

Ages are measured by it. It goes on while the machine is suspended (CLOCK_BOOTTIME, clock_gettime(2)), and
begins anew when the machine does: across that, only wall clocks can be compared.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def seconds_since_boot() -> float:
    """Return the seconds since this machine was started."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    else:
        return time.monotonic()  # counts from there too, on macOS and Windows


def boot_id() -> str:
    """Return what tells this start of the machine from any other; empty where that may not be read."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""  # a service's sandbox may hide it


class Moment(BaseModel):
    """A moment by both clocks, so that its age can be told later, after a restart too.

    :param boot: the start of the machine that ``seconds`` are counted from; empty: not known.
    :param seconds: since that start.
    :param at: the wall clock's time, which may have been wrong.
    """

    model_config = ConfigDict(frozen=True)

    boot: str = ""
    seconds: float
    at: datetime

    @classmethod
    def now(cls, at: datetime | None = None) -> Moment:
        """Return this moment; ``at`` is the time if there is a better one than this machine's."""
        return cls(boot=boot_id(), seconds=seconds_since_boot(), at=at or datetime.now(UTC))

    def age(self, now: Moment) -> float:
        """Return how many seconds ago it was, never less than is certain.

        In another start of the machine, it was at least as long ago as this start; beyond that the wall
        clocks have to be believed. If it is not known which start it was of, the longer of both is told.
        """
        counted = now.seconds - self.seconds
        if self.boot and self.boot == now.boot:
            return max(0.0, counted)
        told = (now.at - self.at).total_seconds()
        unknown = not self.boot or not now.boot
        least = counted if unknown and counted >= 0 else now.seconds
        return max(0.0, least, told)
