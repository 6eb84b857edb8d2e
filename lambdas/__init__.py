"""The cloud side: Lambda entry points and what they call."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 50_000
"""How many new objects Python's collector waits for; 700 by default."""

# A cold start makes half a million objects that stay. The collector would look through them again and again,
# and find nothing to free. Here, because nothing of ours is loaded before this package.
gc.set_threshold(YOUNG_OBJECTS, 10, 10)
