"""Keep the process small: glibc gives every thread a heap of its own and rarely hands memory back."""

from __future__ import annotations

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8  # <malloc.h>


def use_one_heap() -> None:
    """Make all threads share one heap, to be called before there are any; nothing where there is no glibc.

    Two threads an association would otherwise cost a relay with 1,000 items some 10 MB more.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    except (AttributeError, OSError):
        return
