"""Scans that need a booking, and the bookings they may be of, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lambdas.api.pages.views.words import clock_time, day_of, person
from lambdas.api.schemas.steps import StepDetail, StepView
from lambdas.store.linking.doubted_exams import DoubtedExam
from lambdas.store.ownership import StoredItem
from shared.steps.study_images import BY_LIST
from shared.worklist_item import WorklistItem

_PROBLEMS: Final = {
    "unmatched": "of no booking",
    "mismatched": "of a booking with another Patient ID",
    "open": "begun hours ago and not ended",
}


class StepRow(NamedTuple):
    """A scan as its scanner told of it."""

    uid: str
    when: str
    name: str
    patient_id: str
    scanner: str
    problems: str


class DoubtedRow(NamedTuple):
    """A booking whose images are under another Patient ID."""

    item_id: str
    words: str


class CandidateRow(NamedTuple):
    """A booking that a scan may be of; ``linked``: it is of it."""

    item_id: str
    name: str
    about: str
    why: str
    linked: bool


def step_row(step: StepView, *, hides_names: bool = False) -> StepRow:
    """Return a scan in words."""
    started = step.started_at
    return StepRow(
        step.sop_instance_uid,
        f"{started.day} {started:%B %H:%M}" if started else "at an unknown time",
        person(step.patient_name, hidden=hides_names) if step.patient_name else "no name given",
        "" if hides_names else step.patient_id,
        step.station_aetitle or step.station_name,
        ", ".join([*(_PROBLEMS[problem] for problem in step.problems), *_aside(step)]),
    )


def _aside(step: StepView) -> Iterator[str]:
    if step.superseded_by:
        yield f"superseded by a later scan of the same scanner ({step.superseded_by})"
    if step.stale:
        yield "nobody waits for its end any more: say at its booking whether it was done"


def doubted_row(exam: DoubtedExam) -> DoubtedRow:
    """Return a booking with somebody else's images in words, without a name."""
    where = "a list" if exam.archive == BY_LIST else f"archive {exam.archive}"
    return DoubtedRow(exam.item_id, f"{day_of(exam.day)}, {exam.scanner} at {exam.site}; {where}")


def candidate_rows(
    found: StepDetail, linked: Sequence[StoredItem], *, hides_names: bool = False
) -> tuple[CandidateRow, ...]:
    """Return the bookings that a scan is of, then those it may be of, the likeliest first."""
    own = {stored.item.id for stored in linked}
    rows = [_row(stored.item, "linked", hides_names, linked=True) for stored in linked]
    others = [each for each in found.candidates if each.item.id not in own]
    rows += [_row(each.item, "; ".join(each.why), hides_names, linked=False) for each in others]
    return tuple(rows)


def _row(item: WorklistItem, why: str, hides_names: bool, *, linked: bool) -> CandidateRow:
    planned = f"{day_of(item.scheduled_start_date)} {clock_time(item.scheduled_start_time)}"
    about = [planned, item.scheduled_station_aetitle, item.procedure_description]
    name = person(item.patient_name, hidden=hides_names)
    return CandidateRow(
        item.id, name, ", ".join(about if hides_names else [item.patient_id, *about]), why, linked
    )
