"""The cloud side: Lambda entry points and what they call."""

from __future__ import annotations

import gc
import os
from typing import Final

YOUNG_OBJECTS: Final = 50_000
"""How many new objects Python's collector waits for; 700 by default."""

# A cold start makes half a million objects that stay. The collector would look through them again and again,
# and find nothing to free. Here, because nothing of ours is loaded before this package.
gc.set_threshold(YOUNG_OBJECTS, 10, 10)
# pydantic would look for plugins in the metadata of every package that is installed; we use none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
