"""Memory settings of the process; call before it starts threads.

glibc gives every thread a heap of its own and rarely hands memory back; threads on two cores hand the
interpreter's lock to and fro between them.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from typing import Final

_M_ARENA_MAX: Final = -8  # <malloc.h>


def use_one_heap() -> None:
    """Make all threads share one heap, to be called before there are any; nothing where there is no glibc.

    Two threads an association would otherwise cost a relay with 1,000 items some 10 MB more.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no such library
        return


def settle() -> None:
    """Give back what starting took; start the garbage collector, with what is loaded out of its rounds.

    The libraries' 75,000 objects never become garbage; to look at them all costs some 30 ms each time.
    """
    gc.collect()
    gc.freeze()
    gc.enable()  # `edge_relay.__main__` has it off
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no such library
        return


def stay_on_one_core() -> None:
    """Run all threads on one of the cores allowed; nothing where the system has no such call."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
