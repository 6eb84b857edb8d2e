"""Which exams a scan without a booking may have been: ranked, with the reasons. Pure.

    same Patient ID                     50     similar Patient ID          20
    same name                           25     similar name                10
    planned within 30 minutes           20     within 2 hours              10     the same day     5
    planned on the same scanner         10
    another scan is linked to it       -15

Nothing is linked by itself: a guess is for a person to judge.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from lambdas.store.ownership import StoredItem
from shared.steps.procedure_step import Step

ALIKE: Final = 0.8
MOST: Final = 20


@dataclass(frozen=True)
class Candidate:
    """An item that a step may be of, the higher its ``score`` the likelier, and why."""

    stored: StoredItem
    score: int
    why: tuple[str, ...]


def candidates(
    step: Step, *, patient_name: str, patient_id: str, items: Iterable[StoredItem]
) -> list[Candidate]:
    """Return the items that a step may be of, the likeliest first; without those that nothing speaks for.

    :param patient_name: as the scanner reported it, likewise ``patient_id``; empty if it did not.
    """
    found = []
    for stored in items:
        if stored.item.id in step.item_ids:
            continue
        reasons = list(_reasons(step, patient_name, patient_id, stored))
        score = sum(points for points, _ in reasons)
        if score > 0:
            found.append(Candidate(stored, score, tuple(why for _, why in reasons)))
    found.sort(key=lambda each: (-each.score, each.stored.item.scheduled_start_time, each.stored.item.id))
    return found[:MOST]


def _reasons(step: Step, name: str, patient_id: str, stored: StoredItem) -> Iterator[tuple[int, str]]:
    item = stored.item
    yield from _likeness(patient_id, item.patient_id, "Patient ID", same=50, similar=20)
    yield from _likeness(_words(name), _words(item.patient_name), "name", same=25, similar=10)
    if step.station_aetitle and step.station_aetitle == item.scheduled_station_aetitle:
        yield 10, "planned on the same scanner"
    planned = datetime.strptime(f"{item.scheduled_start_date}{item.scheduled_start_time[:4]}", "%Y%m%d%H%M")  # noqa: DTZ007 - both are the scanner's local time
    if step.started_at is not None:
        yield from _nearness(planned, step.started_at.replace(tzinfo=None))
    if any(each.sop_instance_uid != step.sop_instance_uid for each in stored.performed):
        yield -15, "another scan is linked to it"


def _likeness(one: str, other: str, what: str, *, same: int, similar: int) -> Iterator[tuple[int, str]]:
    first, second = one.strip().casefold(), other.strip().casefold()
    if not first or not second:
        return
    if first == second:
        yield same, f"same {what}"
    elif SequenceMatcher(None, first, second, autojunk=False).ratio() >= ALIKE:
        yield similar, f"similar {what}"


def _nearness(planned: datetime, began: datetime) -> Iterator[tuple[int, str]]:
    minutes = round((began - planned).total_seconds() / 60)
    apart = abs(minutes)
    side = "after" if minutes > 0 else "before"
    said = f"began {_span(apart)} {side} its planned time" if minutes else "began at its planned time"
    if apart <= 30:
        yield 20, said
    elif apart <= 120:
        yield 10, said
    elif planned.date() == began.date():
        yield 5, "planned for the same day"


def _span(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _words(name: str) -> str:
    """Return a name without its order, accents and signs: people type them in many ways."""
    plain = unicodedata.normalize("NFKD", name.partition("=")[0])
    letters = "".join(each if each.isalnum() else " " for each in plain if not unicodedata.combining(each))
    return " ".join(sorted(letters.casefold().split()))
