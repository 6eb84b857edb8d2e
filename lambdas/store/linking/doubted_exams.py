"""Exams whose images an archive has under another Patient ID, while nobody has said what became."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from lambdas.store import ownership
from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.linking.unended_exams import ASKED_DAYS
from lambdas.store.worklist import WorklistStore


@dataclass(frozen=True)
class DoubtedExam:
    """An exam whose images are not believed.

    :param day: for which it was planned, ``YYYYMMDD``; the site's day.
    :param scanner: the AE title it was planned for.
    :param archive: the AE title of the archive; ``list``: a person's list.
    """

    site: str
    item_id: str
    day: str
    scanner: str
    archive: str


def doubted_exams(
    worklist: WorklistStore, noted: DoubtedImageStore, site: str, today: date, *, days: int = ASKED_DAYS
) -> list[DoubtedExam]:
    """Return a site's doubted exams, the latest first, in one query and a read of their items.

    :param today: the site's day.
    :param days: for how long ago they were planned at most.
    :raises Unavailable: nothing is known now.
    """
    first = f"{today - timedelta(days=days):%Y%m%d}"
    items = worklist.writer.read(site, noted.item_ids(site))
    found = [
        DoubtedExam(
            site,
            item_id,
            stored.item.scheduled_start_date,
            stored.item.scheduled_station_aetitle,
            stored.images.archive,
        )
        for item_id, stored in items.items()
        if stored is not None
        and stored.images is not None
        and ownership.doubted(stored)
        and stored.item.scheduled_start_date >= first
    ]
    return sorted(found, key=lambda each: (each.day, each.item_id), reverse=True)
