"""What needs attention, in words. Judged by how old things are, not by what is believed of them.

A loop that hangs remembers no failure; a list that nobody renews grows old all the same. So whatever the
loops say of themselves, a worklist or an event that has waited for longer than its limit is a problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from edge_relay.health.loop_health import LoopHealth
from edge_relay.health.report import HealthReport
from edge_relay.health.words import date_of, since, span
from shared.text.quantity import quantity

_STALE: Final = timedelta(minutes=5)
GRACE: Final = timedelta(seconds=45)
"""One failed exchange is normal: nobody has to act."""
_CERTIFICATE_NOTICE: Final = timedelta(days=30)

_FAILURES: Final = {
    "pull": "the worklist may be out of date: the cloud cannot be reached",
    "push": "MPPS reports cannot be sent to the cloud; they are stored here and sent later",
    "heartbeat": "the heartbeat cannot be sent to the cloud",
    "self_test": "the result of the test participant cannot be sent to the cloud",
    "journal": "MPPS reports cannot be stored; scanners get an error and keep them, queries still work",
    "certificate": "the new TLS certificate cannot be used; the previous one stays in use",
    "self_query": "the relay does not answer its own query",
    "status_page": "the status page does not work",
    "disk": "the relay's folder cannot be written; queries still work",
    "clock": "this machine's clock is wrong",
    "identity": "another machine uses this relay's identity",
    "settings": "the settings were not all taken up",
}
_NEVER: Final = "the relay has not run on this state folder"
_NO_REPORT: Final = (
    "the relay is not running, and its last report is gone, as after a power cut: when it ran is not known"
)
_NO_WORKLIST: Final = (
    "there is no worklist: scanners get an error for their queries until one has been received from the cloud"
)
_TOLERATED: Final = ("pull", "push", "heartbeat", "self_test", "images")
CRITICAL: Final = ("journal", "self_query")
"""Parts without which scanners are not served."""


class Held(NamedTuple):
    """What the relay's two files hold; None where one cannot be read.

    :param waiting_seconds: how long the oldest event that could be sent has been waiting.
    :param missing: events the journal had taken, and no longer has.
    :param complete: whether a whole worklist was received; without one, queries are refused.
    """

    items: int | None
    unreadable: int
    events: int | None
    parked: int
    missing: int
    waiting_seconds: float | None
    complete: bool = True


def cache_age(report: HealthReport, now: datetime) -> float:
    """Return the seconds since the last pull that worked; since the start, if none is known of."""
    return max(0.0, (now - (report.pull.succeeded_at or report.started_at)).total_seconds())


def limit_seconds(report: HealthReport) -> float:
    """Return how old a worklist, or an event to be sent, may be before somebody should look."""
    return GRACE.total_seconds() + report.pull_seconds


def problems(report: HealthReport | None, running: bool, held: Held, now: datetime) -> Iterator[str]:
    """Yield what needs attention."""
    if report is None:
        yield _NEVER if held.items is None and held.events is None else _NO_REPORT
    elif not running:
        yield f"the relay is not running; it was last seen {since(report.written_at, now)}"
    else:
        if (now - report.written_at).total_seconds() > limit_seconds(report):  # each pull renews it
            yield f"the relay has not updated its status since {since(report.written_at, now)}"
        for name, sentence in _FAILURES.items():
            yield from _loop_problem(name, sentence, getattr(report, name), now)
        if not held.complete and now - report.started_at >= GRACE:
            yield _NO_WORKLIST
        yield from _old(report, held, now)
        yield from _certificate_problem(report.certificate_not_after, now)
        yield from _withheld(report.withheld)
    yield from _file_problems(held)


def critical(report: HealthReport | None, running: bool) -> bool:
    """Tell whether scanners are not served, or what they report is lost on them."""
    if report is None or not running:
        return False  # not known
    return any(getattr(report, part).failure for part in CRITICAL)


def _old(report: HealthReport, held: Held, now: datetime) -> Iterator[str]:
    limit = limit_seconds(report)
    age = cache_age(report, now)
    if age > limit and not _is_told(report.pull, now):
        yield f"the worklist is {span(age)} old: no pull has come to an end since"
    waiting = held.waiting_seconds
    if waiting is not None and waiting > limit and not _is_told(report.push, now):
        yield f"an MPPS event has been waiting for {span(waiting)}: no push has come to an end for it"


def _is_told(loop: LoopHealth, now: datetime) -> bool:
    return bool(loop.failure) and (loop.forbidden or now - (loop.failing_since or now) >= GRACE)


def _loop_problem(name: str, sentence: str, loop: LoopHealth, now: datetime) -> Iterator[str]:
    if loop.forbidden:
        yield f"{name}: the cloud refuses this relay; scanners are still served ({loop.failure})"
    elif loop.failure:
        failing_since = loop.failing_since or now
        if name not in _TOLERATED or now - failing_since >= GRACE:
            yield f"{sentence}: {loop.failure} (since {since(failing_since, now)})"
    elif name == "self_query" and loop.succeeded_at and now - loop.succeeded_at > _STALE:
        yield f"the relay has not tested itself since {since(loop.succeeded_at, now)}"


def _certificate_problem(not_after: datetime | None, now: datetime) -> Iterator[str]:
    if not_after is None or not_after - now > _CERTIFICATE_NOTICE:
        return
    verb = "ended" if not_after <= now else "ends"
    yield f"the TLS certificate {verb} on {date_of(not_after)}: put a new one in its place"


def _withheld(counts: Mapping[str, int]) -> Iterator[str]:
    for title, count in sorted(counts.items()):
        exams = quantity(count, "exam is", "exams are")
        yield (
            f"{exams} withheld from scanner {title}: its character set cannot carry an identifier or the "
            "patient's name; set charset in its profile, or change them at the source (sources preview)"
        )


def _file_problems(held: Held) -> Iterator[str]:
    if held.items is None:
        yield "the cache cannot be read"
    if held.events is None:
        yield "the journal cannot be read"
    if held.missing:
        events = quantity(held.missing, "MPPS event is", "MPPS events are")
        yield (
            f"{events} missing from the journal, though scanners were told Success: mwl-relay journal check"
        )
    if held.unreadable:
        items = quantity(held.unreadable, "item")
        yield f"{items} cannot be read: the records are damaged, or this relay is too old"
    if held.parked:
        yield f"{quantity(held.parked, 'MPPS event is', 'MPPS events are')} parked: mwl-relay list --parked"
