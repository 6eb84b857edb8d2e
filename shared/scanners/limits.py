"""How many scanners there may be. Apart from the profiles, which need DICOM's dictionary."""

from __future__ import annotations

from typing import Final

MOST_SCANNERS: Final = 200
"""Of one relay, overridden from the cloud."""
