"""When a step began and ended, as instants: scanners send local times, and clocks are put back. Pure.

Three things tell which instant a local time means, in this order:

1. Timezone Offset From UTC (0008,0201) in the message that named the time (PS3.3 C.12.1.1.8);
2. the zone the scanner stands in. In the hour that comes twice, the one nearer to when the relay received the
   message is meant. A time in the hour that does not come is read with the offset from before it;
3. for an end without an offset: that of the begin, if it is not the one of the zone, for then the scanner's
   clock does not go by the zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from shared.steps.procedure_step import Step

_OFFSET: Final = re.compile(r"([+-])(\d\d)([0-5]\d)")
_LOWEST, _HIGHEST = timedelta(hours=-12), timedelta(hours=14)  # PS3.3 C.12.1.1.8


def offset_of(text: str) -> timedelta | None:
    """Return the offset that a value of (0008,0201) names, like ``+0100``; None if it names none."""
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    return offset if _LOWEST <= offset <= _HIGHEST else None


def instant(local: datetime, offset: timedelta | None, zone: tzinfo, heard_at: datetime) -> datetime:
    """Return the instant (UTC) that a scanner's local time means.

    :param local: naive.
    :param offset: that the scanner named with it, None if it named none.
    :param zone: where the scanner stands.
    :param heard_at: when the relay received the message, aware.
    """
    if offset is not None:
        return (local - offset).replace(tzinfo=UTC)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second <= first:  # not twice: once, or not at all
        return first
    return min(first, second, key=lambda each: abs(each - heard_at))


def began_at(step: Step, zone: tzinfo) -> datetime | None:
    """Return when a step began (UTC), None if that is not known."""
    if step.started_at is None:
        return None
    heard_at = step.started_heard_at or step.reported_at
    return instant(step.started_at, offset_of(step.started_offset), zone, heard_at)


def ended_at(step: Step, zone: tzinfo) -> datetime | None:
    """Return when a step ended (UTC), None if that is not known, or if it has not."""
    if step.ended_at is None:
        return None
    heard_at = step.ended_heard_at or step.reported_at
    offset = offset_of(step.ended_offset)
    if offset is None:
        offset = _offset_of_its_own(step, zone)
    return instant(step.ended_at, offset, zone, heard_at)


def _offset_of_its_own(step: Step, zone: tzinfo) -> timedelta | None:
    """Return the offset named at the begin, if it is not the one that the zone had then."""
    named, began = offset_of(step.started_offset), began_at(step, zone)
    if named is None or began is None or began.astimezone(zone).utcoffset() == named:
        return None
    return named
