"""Time zones by their IANA names, like Europe/Oslo. Pure."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from shared.errors import Rejected


def time_zone(name: str) -> tzinfo:
    """Return the zone of a name; raise `Rejected` if this machine knows none of that name."""
    if name == "UTC":
        return UTC  # also where there is no time zone database, as on a bare Lambda
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not known; no name at all; a folder of the database
        raise Rejected("is not a time zone this machine knows; write one like Europe/Oslo") from None


def _known(name: str) -> str:
    time_zone(name)
    return name


def _known_or_empty(name: str) -> str:
    return _known(name) if name else name


ZoneName = Annotated[str, AfterValidator(_known)]
OptionalZoneName = Annotated[str, AfterValidator(_known_or_empty)]
