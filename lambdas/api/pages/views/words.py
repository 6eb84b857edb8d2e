"""How the dashboard says things: names, times, durations and where an exam stands. Pure.

Moments with a zone are shown in the site's; what a scanner reports is the site's local time already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from shared.steps.procedure_step import Step, StepStatus
from shared.worklist_item import Status, WorklistItem

Kind = Literal["waiting", "here", "running", "late", "done", "off"]
"""What a state looks like; the words say the same."""

LATE_MINUTES: Final = 5
"""An exam that has not begun so long after its time is called late."""
SILENT_SECONDS: Final = 300
"""A relay tells of itself every minute; after so long without a word it is called silent."""


class State(NamedTuple):
    """Where an exam stands, in words; ``note`` adds what is worth knowing."""

    kind: Kind
    words: str
    note: str = ""


_WAITS: Final[Mapping[Status, tuple[Kind, str]]] = {
    Status.SCHEDULED: ("waiting", "booked"),
    Status.ARRIVED: ("here", "arrived"),
    Status.READY: ("here", "ready"),
}
NOT_ENDED: Final = State("late", "begun, not ended", "say whether it was done")
"""Of an exam that a scanner began, and whose end nobody waits for any more."""


@lru_cache(maxsize=1024)  # a page that renews itself says the same names again
def person(name: str, *, hidden: bool = False) -> str:
    """Return a DICOM person name as people write it, ``Zoë Núñez``; letters of another script in brackets.

    :param hidden: initials only.
    """
    groups = [_as_written(group) for group in name.split("=")[:2]]
    latin, other = groups[0], groups[1] if len(groups) > 1 else ""
    written = f"{latin} ({other})" if latin and other else latin or other or name
    if not hidden:
        return written
    return " ".join(f"{part[0]}." for part in (latin or other).split()) or "-"


def _as_written(group: str) -> str:
    family, given, middle, prefix, suffix = (group.split("^") + [""] * 5)[:5]
    return " ".join(part.strip() for part in (prefix, given, middle, family, suffix) if part.strip())


def clock_time(text: str) -> str:
    """Return a DICOM time, ``093000.5``, as ``09:30``."""
    return f"{text[:2]}:{text[2:4]}" if len(text) >= 4 else text


def day_of(text: str) -> str:
    """Return ``YYYYMMDD`` as ``27 November 2026``; anything else as it is."""
    try:
        moment = datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return text
    return f"{moment.day} {moment:%B %Y}"


def with_dashes(day: str) -> str:
    """Return a ``YYYYMMDD`` as a form's field for a day has it; empty stays empty."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else ""


def at(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a moment as ``11:20``, with the day if that is another."""
    local = moment.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%B %H:%M}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was: ``40 s ago``."""
    return f"{duration(now - moment)} ago"


def duration(span: timedelta) -> str:
    """Return a duration in one or two units; a negative one, from clocks that differ, is none."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def hours(span: timedelta) -> str:
    """Return a duration in hours, ``1.5 h``, as time of a scanner is counted."""
    return f"{span.total_seconds() / 3600:.1f}".removesuffix(".0") + " h"


def planned_start(item: WorklistItem) -> datetime:
    """Return when an exam is planned, to the minute, in the site's local time."""
    # By hand: strptime takes ten times as long, and a full day asks for hundreds.
    day, start = item.scheduled_start_date, item.scheduled_start_time
    hour, minute = int(start[:2]), int(start[2:4] or "0")
    return datetime(int(day[:4]), int(day[4:6]), int(day[6:8]), hour, minute)  # noqa: DTZ001 - local to the site


def planned_end(item: WorklistItem) -> datetime | None:
    """Return when an exam is planned to end, local to the site; None if nobody said, or before its start."""
    clock = item.scheduled_end_time
    if not clock:
        return None
    day = item.scheduled_end_date or item.scheduled_start_date
    hour, minute = int(clock[:2]), int(clock[2:4] or "0")
    end = datetime(int(day[:4]), int(day[4:6]), int(day[6:8]), hour, minute)  # noqa: DTZ001 - local to the site
    return end if end > planned_start(item) else None


def state_of(item: WorklistItem, steps: Sequence[Step], local_now: datetime) -> State:
    """Return where an exam stands.

    :param steps: its performed steps.
    :param local_now: the site's time, naive.
    """
    status = item.performed_procedure_step_status
    started = min((step.started_at for step in steps if step.started_at), default=None)
    ended = max((step.ended_at for step in steps if step.ended_at), default=None)
    if status is Status.IN_PROGRESS:
        return _running(item, started, local_now)
    if status is Status.COMPLETED:
        return State("done", f"done {_span(started, ended)}".strip(), _delay(item, started))
    if status is Status.DISCONTINUED:
        return State("off", f"stopped {ended:%H:%M}" if ended else "stopped", _reason(steps))
    if status is Status.CANCELLED:
        return State("off", "cancelled")
    if status is Status.NO_SHOW:
        return State("off", "did not come")
    return _waiting(item, status, local_now)


def _running(item: WorklistItem, started: datetime | None, local_now: datetime) -> State:
    since = f", {duration(local_now - started)}" if started else ""
    return State("running", f"on the scanner{since}", _delay(item, started))


def _waiting(item: WorklistItem, status: Status, local_now: datetime) -> State:
    kind, said = _WAITS[status]
    late = (local_now - planned_start(item)).total_seconds() / 60
    if late < LATE_MINUTES:
        return State(kind, said)
    not_started = f"not started, {duration(timedelta(minutes=late))} late"
    return State("late", not_started if kind == "waiting" else f"{said}, {not_started}")


def _span(started: datetime | None, ended: datetime | None) -> str:
    if started and ended:
        return f"{started:%H:%M}-{ended:%H:%M}"
    moment = started or ended
    return f"{moment:%H:%M}" if moment else ""


def _delay(item: WorklistItem, started: datetime | None) -> str:
    if started is None:
        return ""
    planned = planned_start(item)
    if started.date() != planned.date():
        return f"started {started.day} {started:%B %H:%M}"
    said = f"started {started:%H:%M}"
    minutes = round((started - planned).total_seconds() / 60)
    return f"{said} ({minutes:+d} min)" if minutes else said


def _reason(steps: Sequence[Step]) -> str:
    codes = [step.discontinuation_reason for step in steps if step.status is StepStatus.DISCONTINUED]
    return f"reason code {codes[-1]}" if codes and codes[-1] else ""
