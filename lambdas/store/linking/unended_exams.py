"""Exams that a scanner began and never ended, and of which nobody has said yet whether they were done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from lambdas.store import ownership
from lambdas.store.linking.step_links import StepLinks
from lambdas.store.worklist import WorklistStore
from shared.steps.procedure_step import Step, StepStatus

ASKED_DAYS: Final = 7
"""So many days after it began people are asked about an exam: so far back the page Unmatched lists it too."""


@dataclass(frozen=True)
class UnendedExam:
    """An exam whose step is stale: nothing was heard of it for ``step_patience_hours``.

    :param day: when it began, ``YYYYMMDD``; the scanner's day.
    :param scanner: the AE title it was planned for.
    """

    site: str
    sop_instance_uid: str
    item_id: str
    day: str
    scanner: str


def unended_exams(
    worklist: WorklistStore, links: StepLinks, site: str, today: date, *, days: int = ASKED_DAYS
) -> list[UnendedExam]:
    """Return a site's unended exams, the latest first, in one query and a read of their items.

    :param today: the site's day.
    :param days: how long ago they began at most.
    :raises Unavailable: nothing is known now.
    """
    first, last = today - timedelta(days=days), today + timedelta(days=1)  # the scanner's clock may be ahead
    steps = links.steps_between(site, f"{first:%Y%m%d}", f"{last:%Y%m%d}")
    return list(_unended(worklist, site, [each for each in steps if each.status is StepStatus.IN_PROGRESS]))


def _unended(worklist: WorklistStore, site: str, steps: list[Step]) -> Iterator[UnendedExam]:
    items = worklist.writer.read(site, sorted({item_id for each in steps for item_id in each.item_ids}))
    for step in steps:
        began = step.started_at or step.reported_at
        for item_id in step.item_ids:
            stored = items.get(item_id)
            if stored is not None and step.sop_instance_uid in ownership.unended(stored):
                scanner = stored.item.scheduled_station_aetitle
                yield UnendedExam(site, step.sop_instance_uid, item_id, f"{began:%Y%m%d}", scanner)
