"""How long tests wait for what must come: a machine with forty busy processes is twenty times slower."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 60.0
"""Seconds for something that comes at once on an idle machine. Only a test that fails waits them out."""

SOON: Final = PATIENCE / 2
"""Seconds within which "at once" has to happen, where the fault would be to wait for something else."""
