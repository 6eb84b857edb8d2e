"""How times and requests are worded in a relay's status, for the command and for the status page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from edge_relay.health.report import Exchange
from shared.dicom.dimse_status import CANCELLED, SUCCESS, WARNINGS
from shared.text.quantity import quantity

NEVER: Final = "never"
_UNITS: Final = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def one_line(problems: Sequence[str]) -> str:
    """Say how the relay is in one line: the first problem, and how many more there are."""
    if not problems:
        return "all is well"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"attention: {problems[0]}{more}"


def exchange(last: Exchange | None, now: datetime) -> str:
    """Say when something was asked, and how it was answered."""
    if last is None:
        return NEVER
    return f"{ago(last.at, now)}, {outcome(last)}" if outcome(last) else ago(last.at, now)


def outcome(last: Exchange) -> str:
    """Say how a request was answered; nothing for an echo that worked."""
    if last.status == CANCELLED:
        return "cancelled by the scanner"
    if last.status in WARNINGS:
        return f"{last.service} accepted with a warning ({last.status:04X})"
    if last.status != SUCCESS:
        return f"{last.service} refused ({last.status:04X})"
    if last.service == "C-FIND":
        return quantity(last.answers or 0, "item")
    return "" if last.service == "C-ECHO" else f"{last.service} accepted"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago something was, in its largest unit."""
    if moment is None:
        return NEVER
    return f"{span((now - moment).total_seconds())} ago"


def span(seconds: float) -> str:
    """Say how long something lasts, in its largest unit; nothing is shorter than 0 s."""
    whole = max(0, int(seconds))
    size, one, many = next((unit for unit in _UNITS if whole >= unit[0]), _UNITS[-1])
    count = whole // size
    return quantity(count, one, many)


def since(moment: datetime, now: datetime) -> str:
    """Say when something began: the time on this machine's clock, and how long ago."""
    return f"{clock(moment)}, {ago(moment, now)}"


def clock(moment: datetime) -> str:
    """Return a time as this machine's wall clock shows it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def date_of(moment: datetime) -> str:
    """Return the day of a time."""
    return moment.astimezone().strftime("%Y-%m-%d")
