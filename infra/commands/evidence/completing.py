"""``mwl-cloud evidence``: what a list of arrived images comes to, and doing it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from infra.commands.evidence.images_list import Line, by_name, exam_of, told_of
from lambdas.store.audit.entry import COMMAND
from lambdas.store.linking.completions import Completions
from lambdas.store.ownership import StoredItem
from lambdas.store.worklist import ItemQuery, WorklistStore
from shared.steps.study_images import ImagesOutcome
from shared.worklist_item import Status

_OPEN: Final = (
    Status.SCHEDULED,
    Status.ARRIVED,
    Status.READY,
    Status.IN_PROGRESS,
    Status.NO_SHOW,
    Status.CANCELLED,
)
_FIRST_ZONE: Final = timezone(timedelta(hours=14))
_PAGE: Final = 500
_WORDS: Final = {
    ImagesOutcome.COMPLETED: "completed",
    ImagesOutcome.OTHER_PATIENT: "NOT completed: the exam has another Patient ID",
    ImagesOutcome.OTHER_STUDY: "NOT completed: the exam has another Study Instance UID",
    ImagesOutcome.NOT_OPEN: "not changed: a scanner or a person has the say, or it is cancelled",
    ImagesOutcome.GONE: "not changed: the exam is not on the list any more",
}


class Verdict(NamedTuple):
    """What becomes of a line; ``item_id`` is empty if it is of no exam."""

    line: int
    site: str
    item_id: str
    said: str
    completed: bool = False


def verdicts(
    lines: list[Line], worklist: WorklistStore, completions: Completions, now: datetime, *, apply: bool
) -> Iterator[Verdict]:
    """Yield what becomes of each line, or would.

    :param now: aware; exams of later days, anywhere on earth, are not completed.
    :param apply: write it.
    :raises Rejected: a line cannot be so; the lines before it are done.
    :raises Conflict, Unavailable: likewise; the same list again does the rest.
    """
    exams = by_name(_open(worklist, f"{now.astimezone(_FIRST_ZONE):%Y%m%d}"))
    for line in lines:
        found = exam_of(line, exams)
        if isinstance(found, str):
            yield Verdict(line.number, "", "", found)
            continue
        told, item = told_of(line, found), found.item
        if apply:
            outcome = completions.images_found(item.site, told, by=COMMAND)
        else:
            outcome = completions.would_be(found, told)
        completed = outcome is ImagesOutcome.COMPLETED
        yield Verdict(line.number, item.site, item.id, _WORDS[outcome], completed)


def _open(worklist: WorklistStore, last_day: str) -> Iterator[StoredItem]:
    query = ItemQuery(statuses=_OPEN, date_to=last_day)
    start: str | None = None
    while True:
        page = worklist.list_items(query, limit=_PAGE, start=start)
        yield from page.items
        start = page.next
        if start is None:
            return
