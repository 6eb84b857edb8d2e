"""By what the bookings that were taken off a site's list before a scan are found. Pure."""

from __future__ import annotations

from typing import Final

CANCELLED: Final = "CANCELLED#"


def cancelled_group(site: str) -> str:
    """Return what they are listed by in the index ``by_group``."""
    return f"{CANCELLED}{site}"
