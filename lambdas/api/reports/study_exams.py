"""A study's exams as its own team sees them: without names by default, under keys of its own. Pure.

exam, participant   HMACs (`lambdas.history.facts.pseudonyms`), the same as in the history for analysis
dates               moved by so many weeks for each participant, if the study asks for it
order, cursor       by the exam's key: neither tells when an exam was
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.ownership import PerformedStep, StatusOwner, StoredItem
from shared.steps.procedure_step import StepStatus
from shared.worklist_item import Status

_NEVER: Final = datetime(1, 1, 1)  # noqa: DTZ001 - local


class StudyExam(BaseModel):
    """An exam of a study. Times are local to the site; null or empty: not known.

    :param exam: its key; ``participant``: the participant's key within this study.
    :param visit: REDCap's unique event name.
    :param status_owner: who set the status: `source`, `mpps`, `images`, `person` or `clock`.
    :param planned_at: its planned start, moved if the study's dates are; likewise the other times.
    :param actual_scanner: the AE title of the scanner that did it.
    :param series: how many series were reported, or found in an archive.
    :param named: who it is; null unless it was asked for by somebody who may.
    """

    model_config = ConfigDict(frozen=True)

    exam: str
    participant: str
    site: str
    visit: str
    status: Status
    status_owner: StatusOwner
    modality: str
    scanner: str
    protocol: str
    procedure: str
    planned_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    actual_scanner: str
    series: int
    named: Named | None = None


class Named(BaseModel):
    """Who an exam is of, and its row in REDCap."""

    model_config = ConfigDict(frozen=True)

    item_id: str
    record: str
    patient_name: str
    patient_id: str
    patient_birth_date: str


class View(NamedTuple):
    """How a study's exams are shown.

    :param shifted: its dates are moved; never with names.
    """

    names: Pseudonyms
    shifted: bool
    named: bool


def study_exams(items: Iterable[StoredItem], view: View) -> list[StudyExam]:
    """Return exams by their keys, in order of them."""
    return sorted((_exam(each, view) for each in items), key=lambda exam: exam.exam)


def page_of(exams: Sequence[StudyExam], after: str, limit: int) -> tuple[list[StudyExam], str]:
    """Return the exams after a key, and the key the next page is after; empty if there is none.

    :param exams: in order of their keys.
    """
    rest = [each for each in exams if each.exam > after]
    page = rest[:limit]
    return page, page[-1].exam if len(rest) > limit else ""


def _exam(stored: StoredItem, view: View) -> StudyExam:
    item, steps = stored.item, stored.performed
    last = max(steps, key=lambda step: step.started_at or _NEVER, default=None)
    series = sum(step.series_count for step in steps)
    participant = view.names.participant(item.source, item.source_record, item.patient_id)
    at = _mover(view.names.shift_days(participant) if view.shifted and not view.named else 0)
    return StudyExam(
        exam=view.names.exam(item.id),
        participant=participant,
        site=item.site,
        visit=item.source_event,
        status=item.performed_procedure_step_status,
        status_owner=stored.status_owner,
        modality=item.modality,
        scanner=item.scheduled_station_aetitle,
        protocol=item.protocol_name,
        procedure=item.procedure_description,
        planned_at=at(_moment(item.scheduled_start_date, item.scheduled_start_time)),
        started_at=at(min((step.started_at for step in steps if step.started_at), default=None)),
        ended_at=at(_ended(steps)),
        actual_scanner=last.station_aetitle if last else "",
        series=series or (stored.images.series_count if stored.images else 0),
        named=_named(stored) if view.named else None,
    )


def _ended(steps: Sequence[PerformedStep]) -> datetime | None:
    """Return when the last scan ended; None if one has not."""
    if any(step.status is StepStatus.IN_PROGRESS for step in steps):
        return None
    return max((step.ended_at for step in steps if step.ended_at), default=None)


def _named(stored: StoredItem) -> Named:
    item = stored.item
    return Named(
        item_id=item.id,
        record=item.source_record,
        patient_name=item.patient_name,
        patient_id=item.patient_id,
        patient_birth_date=item.patient_birth_date,
    )


def _mover(days: int) -> Callable[[datetime | None], datetime | None]:
    return lambda moment: None if moment is None else moment + timedelta(days=days)


def _moment(day: str, time: str) -> datetime | None:
    digits = (time.split(".", maxsplit=1)[0] + "000000")[:6]
    try:
        return datetime.strptime(day + digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - local to the site
    except ValueError:
        return None
