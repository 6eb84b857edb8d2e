"""Performed procedure steps as people see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from lambdas.api.candidates import Candidate
from lambdas.api.schemas.common import Request
from lambdas.api.schemas.items import ItemView
from lambdas.store.linking.step_links import FoundStep
from shared.steps.procedure_step import StepStatus

StepProblem = Literal["unmatched", "mismatched", "open"]


class ItemChoice(Request):
    """Which worklist item is meant."""

    item_id: Annotated[str, Field(min_length=1, max_length=64)]


class StepView(BaseModel):
    """What a scanner reported of one performed procedure step.

    `patient_name` and `patient_id` are the scanner's; `items` are the ids of the worklist items it is of.
    `problems`: `unmatched`: of none; `mismatched`: of an item with another Patient ID; `open`: in progress,
    and nothing was heard of it for hours. Times without an offset are the scanner's local ones.

    Of a step in progress that its items do not count any more: `superseded_by` is the SOP Instance UID of a
    later step that the same scanner ended; `stale`: nothing was heard of it for `step_patience_hours`.
    It counts again as soon as it is heard of again.
    """

    sop_instance_uid: str
    site: str
    status: StepStatus
    started_at: datetime | None
    ended_at: datetime | None
    reported_at: datetime
    station_aetitle: str
    station_name: str
    series_count: int
    patient_name: str
    patient_id: str
    items: tuple[str, ...]
    problems: tuple[StepProblem, ...]
    superseded_by: str = ""
    stale: bool = False

    @classmethod
    def of(cls, found: FoundStep, *, now: datetime, open_hours: int) -> StepView:
        """Return what is shown of a step."""
        step = found.step
        return cls(
            sop_instance_uid=step.sop_instance_uid,
            site=found.site,
            status=step.status,
            started_at=step.started_at,
            ended_at=step.ended_at,
            reported_at=step.reported_at,
            station_aetitle=step.station_aetitle,
            station_name=step.station_name,
            series_count=step.series_count,
            patient_name=found.patient_name,
            patient_id=found.patient_id,
            items=step.item_ids,
            problems=tuple(problems_of(found, now=now, open_hours=open_hours)),
            superseded_by=_superseded_by(found),
            stale=any(step.sop_instance_uid in item.progress.stale for item in found.items),
        )


class CandidateView(BaseModel):
    """An item that the step may be of; `why` says what speaks for it, and against it."""

    score: int
    why: tuple[str, ...]
    item: ItemView

    @classmethod
    def of(cls, candidate: Candidate) -> CandidateView:
        """Return what is shown of a candidate."""
        return cls(score=candidate.score, why=candidate.why, item=ItemView.of(candidate.stored))


class StepDetail(BaseModel):
    """A step with the items that it may be of, the likeliest first."""

    step: StepView
    candidates: list[CandidateView]


def problems_of(found: FoundStep, *, now: datetime, open_hours: int) -> Iterator[StepProblem]:
    """Yield what is wrong with a step."""
    step, patient_id = found.step, found.patient_id.strip().casefold()
    if not step.item_ids:
        yield "unmatched"
    elif patient_id and any(each.item.patient_id.casefold() != patient_id for each in found.items):
        yield "mismatched"
    if step.status is StepStatus.IN_PROGRESS and now - step.reported_at > timedelta(hours=open_hours):
        yield "open"


def _superseded_by(found: FoundStep) -> str:
    """Return the later step that counts in place of this one; empty if this one counts, or is stale."""
    step = found.step
    later = [
        each
        for item in found.items
        if step.sop_instance_uid in item.progress.superseded
        for each in item.performed
        if each.station_aetitle == step.station_aetitle and each.status is not StepStatus.IN_PROGRESS
    ]
    # Local times of one scanner; which of several ended steps it was is shown as the last that began.
    last = max(later, key=lambda each: str(each.started_at or ""), default=None)
    return last.sop_instance_uid if last else ""
