"""``mwl-relay status --check``: the status as one line and one of Nagios's exit codes."""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_relay.health.status import RelayStatus
from edge_relay.health.words import one_line, span

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class Limits(NamedTuple):
    """Ages in seconds; a warning age of None leaves it to the relay's own judgement."""

    warning_age: float | None
    critical_age: float
    warning_outbox_age: float | None
    critical_outbox_age: float


def checked(found: RelayStatus, limits: Limits) -> int:
    """Return the exit code: the worst of all that is found."""
    if not found.running:
        return UNKNOWN
    levels = [WARNING if found.problems else OK, CRITICAL if found.critical or found.missing else OK]
    levels += [level for level, _ in _too_old(found, limits)]
    return max(levels)


def check_line(found: RelayStatus, level: int, limits: Limits) -> str:
    """Return the line: a word, what is wrong, and figures with their limits."""
    waiting = None if found.outbox is None else found.outbox_age_seconds or 0.0
    age, outbox_age = _figure(found.cache_age_seconds), _figure(waiting)
    figures = [
        f"items={_number(found.items)}",
        f"cache_age={age};{_limit(limits.warning_age)};{limits.critical_age:.0f}",
        f"outbox={_number(found.outbox)}",
        f"outbox_age={outbox_age};{_limit(limits.warning_outbox_age)};{limits.critical_outbox_age:.0f}",
        f"parked={_number(found.parked)}",
        f"missing={_number(found.missing)}",
    ]
    said = (*(sentence for _, sentence in _too_old(found, limits)), *found.problems)
    # What follows a vertical bar is figures, wherever it stands.
    sentence = one_line(said).removeprefix("attention: ").replace("|", "/")
    return f"{_WORDS[level]} - {sentence} | {' '.join(figures)}"


def _too_old(found: RelayStatus, limits: Limits) -> list[tuple[int, str]]:
    ages = (
        ("the worklist is", found.cache_age_seconds, limits.warning_age, limits.critical_age),
        (
            "the oldest MPPS event to send is",
            found.outbox_age_seconds,
            limits.warning_outbox_age,
            limits.critical_outbox_age,
        ),
    )
    told = []
    for what, age, warning, critical in ages:
        if age is not None and age >= critical:
            told.append((CRITICAL, f"{what} {span(age)} old"))
        elif age is not None and warning is not None and age >= warning:
            told.append((WARNING, f"{what} {span(age)} old"))
    return told


def _number(number: int | None) -> str:
    return "U" if number is None else str(number)  # U: not known


def _figure(seconds: float | None) -> str:
    return "U" if seconds is None else f"{seconds:.0f}s"


def _limit(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"
