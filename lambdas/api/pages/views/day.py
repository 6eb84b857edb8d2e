"""A site's day: what needs somebody, then one table a scanner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from lambdas.api.pages.views.missing import Missing
from lambdas.api.pages.views.site import SiteState, scanners_heard, summary, troubles
from lambdas.api.pages.views.words import NOT_ENDED, Kind, ago, clock_time, person, state_of
from lambdas.store.ownership import WAITING, StoredItem, unended
from lambdas.store.unfinished_write_backs import PerformedStep
from shared.scanners.shown_items import ShownTo
from shared.worklist_item import Status

MARKS: Final = {Status.ARRIVED: "Arrived", Status.NO_SHOW: "Did not come", Status.SCHEDULED: "Back to booked"}
"""What a person may mark, and what the button says."""
_UNDONE: Final = {Status.ARRIVED: (Status.SCHEDULED, Status.NO_SHOW), Status.NO_SHOW: (Status.SCHEDULED,)}
"""What may be marked of an exam that is marked already."""
_TO_COME: Final[frozenset[Kind]] = frozenset({"waiting", "here", "late"})


class Mark(NamedTuple):
    """A button: ``value`` is ``STATUS/item id/version``; ``spoken`` says of which exam it is."""

    label: str
    value: str
    spoken: str


class Row(NamedTuple):
    """An exam in a table.

    :param note: what is worth knowing; ``told``: whether REDCap knows of the scan.
    :param is_next: the scanner's next participant of today.
    """

    item_id: str
    time: str
    name: str
    about: str
    kind: Kind
    words: str
    note: str
    told: str
    marks: tuple[Mark, ...] = ()
    is_next: bool = False


@dataclass(frozen=True)
class ScannerTable:
    """A scanner's exams of the day, and what was last heard of it."""

    scanner: str
    heard: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Day:
    """What the page Today says.

    :param as_of: when that was so, by the site's clock.
    """

    title: str
    summary: str
    as_of: str
    zone: str
    troubles: tuple[str, ...]
    missing: tuple[Missing, ...]
    tables: tuple[ScannerTable, ...]
    empty: str


def day_view(
    state: SiteState,
    day: str,
    items: Sequence[StoredItem],
    performed: Mapping[str, PerformedStep],
    missing: Sequence[Missing] = (),
    shown: Mapping[str, Sequence[ShownTo]] | None = None,
    *,
    hides_names: bool = False,
    may_mark: bool = False,
) -> Day:
    """Return a site's day.

    :param day: ``YYYYMMDD``.
    :param items: its items.
    :param performed: their performed steps, by SOP Instance UID.
    :param shown: which scanners were shown those of them that are `to_come`, by item id.
    :param may_mark: whether who looks may mark who came.
    """
    told_of = shown or {}
    ordered = sorted(items, key=lambda each: (each.item.scheduled_station_aetitle, _order(each)))
    tables = tuple(
        ScannerTable(
            scanner,
            _heard(state, scanner),
            _with_next(
                (
                    exam_row(state, each, performed, told_of, hides_names=hides_names, may_mark=may_mark)
                    for each in own
                ),
                is_today=day == state.today,
            ),
        )
        for scanner, own in groupby(ordered, key=lambda each: each.item.scheduled_station_aetitle)
    )
    return Day(
        title=_title(day),
        summary=summary(state),
        as_of=state.said_at(state.now),
        zone=state.zone_name,
        troubles=troubles(state),
        missing=tuple(missing),
        tables=tables,
        empty="" if tables else _empty(state, day),
    )


def _with_next(rows: Iterable[Row], *, is_today: bool) -> tuple[Row, ...]:
    found = list(rows)
    waiting = (number for number, row in enumerate(found) if row.kind in _TO_COME)
    number = next(waiting, None) if is_today else None
    if number is not None:
        found[number] = found[number]._replace(is_next=True)
    return tuple(found)


def exam_row(
    state: SiteState,
    stored: StoredItem,
    performed: Mapping[str, PerformedStep],
    shown: Mapping[str, Sequence[ShownTo]] | None = None,
    *,
    hides_names: bool = False,
    may_mark: bool = False,
) -> Row:
    """Return an exam as a row of a table."""
    item = stored.item
    steps = [performed[uid] for uid in stored.progress.steps if uid in performed]
    where = NOT_ENDED if unended(stored) else state_of(item, [each.step for each in steps], state.local_now)
    elsewhere = _elsewhere(stored, steps)
    time, name = clock_time(item.scheduled_start_time), person(item.patient_name, hidden=hides_names)
    return Row(
        item_id=item.id,
        time=time,
        name=name,
        about=f"{item.patient_id}, {item.procedure_description}"
        if not hides_names
        else item.procedure_description,
        kind=where.kind,
        words=where.words,
        note="; ".join(filter(None, (where.note, elsewhere, _seen(state, stored, shown or {})))),
        told=told(item.source, steps),
        marks=_marks(stored, state.today, f"{name}, {time}") if may_mark else (),
    )


def to_come(items: Iterable[StoredItem]) -> list[StoredItem]:
    """Return the scans still to come: of these alone a row says which scanners have seen them."""
    return [each for each in items if _is_to_come(each)]


def _is_to_come(stored: StoredItem) -> bool:
    return stored.item.performed_procedure_step_status in WAITING


def _seen(state: SiteState, stored: StoredItem, shown: Mapping[str, Sequence[ShownTo]]) -> str:
    """Return which scanners have seen a scan that is still to come, in words."""
    if not _is_to_come(stored):
        return ""
    seen = sorted(shown.get(stored.item.id, ()), key=lambda to: (to.first_at, to.ae_title))
    return ", ".join(f"seen by {to.ae_title} {state.said_at(to.last_at)}" for to in seen)


def told(source: str, steps: Iterable[PerformedStep]) -> str:
    """Return whether REDCap knows of a scan, in words; empty if there is nothing to tell."""
    states = {each.write_back for each in steps}
    if not source or not states:
        return ""
    if "parked" in states:
        return "REDCap refuses it: see Write-backs"
    return "REDCap is being told" if "due" in states else "in REDCap"


def _elsewhere(stored: StoredItem, steps: Iterable[PerformedStep]) -> str:
    planned = {stored.item.scheduled_station_aetitle, stored.item.station_name}
    others = sorted({each.step.station_aetitle for each in steps} - planned - {""})
    return f"done on {', '.join(others)}" if others else ""


def _marks(stored: StoredItem, today: str, exam: str) -> tuple[Mark, ...]:
    item = stored.item
    status, day = item.performed_procedure_step_status, item.scheduled_start_date
    wanted = _UNDONE.get(status)
    if wanted is None and status in WAITING and day <= today:
        wanted = (Status.ARRIVED, Status.NO_SHOW)
    if wanted is None:
        return ()
    exact = f"{item.id}/{stored.version}"
    return tuple(Mark(MARKS[each], f"{each.value}/{exact}", f"{MARKS[each]}: {exam}") for each in wanted)


def _heard(state: SiteState, scanner: str) -> str:
    asked = state.last_query(scanner)
    if asked is None:
        return "This scanner has not asked for its list yet." if scanners_heard(state) else ""
    return f"Asked for its list {ago(asked, state.now)}, at {state.said_at(asked)}."


def _order(stored: StoredItem) -> tuple[str, str]:
    return stored.item.scheduled_start_time, stored.item.id


def _title(day: str) -> str:
    moment = datetime.strptime(day, "%Y%m%d")  # noqa: DTZ007 - a day has no zone
    return f"{moment:%A} {moment.day} {moment:%B}"


def _empty(state: SiteState, day: str) -> str:
    if day != state.today:
        return "No scan is booked for this day."
    return "No scan is booked for today. A booking in REDCap shows here within a minute."
