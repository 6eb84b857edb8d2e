"""Since when an item is on the list as it is planned, and since when it is not on it any more. Pure.

    comes on the list, or its day, time or scanner changes before a scan   listed anew; what was known of the
                                                                          plan before is forgotten
    is cancelled, or taken off the list, before a scan                     cancelled
    anything else                                                          nothing changes

No part of an item's content: it never makes an item be written, and no relay hears of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.worklist_item import Status, WorklistItem

_OPEN: Final = (Status.SCHEDULED, Status.ARRIVED, Status.READY)
"""No scan has begun, and none has been given up."""


class Saved(NamedTuple):
    """What is known of when a plan was entered in REDCap.

    :param at: not earlier; None if nothing is known.
    :param exactly: just then: REDCap itself said so.
    :param seen_at: when its row was first seen, if it could not be shown then; None if it could.
    """

    at: datetime | None = None
    exactly: bool = False
    seen_at: datetime | None = None


class Timing(BaseModel):
    """The moments of an item's present plan; None: not known, or not so.

    :param listed_at: since when it is on the list so.
    :param saved_at: when it was saved in REDCap, at the earliest; ``saved_exactly``: just then.
    :param known_at: when it was first known, on the list or not.
    :param cancelled_at: when it was cancelled, or taken off the list, before a scan.
    :param moved: it was taken off because it is at another site now.
    """

    model_config = ConfigDict(frozen=True)

    listed_at: AwareDatetime | None = None
    saved_at: AwareDatetime | None = None
    saved_exactly: bool = False
    known_at: AwareDatetime | None = None
    cancelled_at: AwareDatetime | None = None
    moved: bool = False


def timed(
    timing: Timing, before: WorklistItem | None, after: WorklistItem | None, now: datetime, saved: Saved
) -> Timing:
    """Return an item's timing after a change.

    :param timing: as it was.
    :param before: the item; None if it was not on the list at all. ``after``: likewise.
    """
    was, now_on_list = _listed(before), _listed(after)
    if now_on_list is None:
        if was is None or was.performed_procedure_step_status not in _OPEN:
            return timing
        return timing.model_copy(update={"cancelled_at": None if timing.moved else now})
    if now_on_list.performed_procedure_step_status not in _OPEN and was is not None:
        return timing  # what is put right after a scan has begun, or was missed, was not planned so
    if was is not None and _plan(was) == _plan(now_on_list):
        return timing
    earliest = min(filter(None, (saved.seen_at, saved.at)), default=now)
    return Timing(listed_at=now, saved_at=saved.at, saved_exactly=saved.exactly, known_at=min(earliest, now))


def _listed(item: WorklistItem | None) -> WorklistItem | None:
    is_cancelled = item is not None and item.performed_procedure_step_status is Status.CANCELLED
    return None if is_cancelled else item


def _plan(item: WorklistItem) -> tuple[str, str, str]:
    return item.scheduled_start_date, item.scheduled_start_time, item.scheduled_station_aetitle
