"""The cloud side: Lambda entry points and what they call.

Python's collector of cyclic garbage looks through all new objects each time their number has grown by 700. A
start makes a million that all stay: to look that often is a fifth of its processor time, and finds nothing.
"""

from __future__ import annotations

import gc
from typing import Final

OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000
"""Some ten megabytes: so much garbage waits at most, beside what counting references frees at once."""

_young, *_older = gc.get_threshold()
if 0 < _young < OBJECTS_BETWEEN_COLLECTIONS:  # 0: somebody has turned it off
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *_older)
