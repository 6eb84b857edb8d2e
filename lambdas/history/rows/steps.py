"""A performed step's next version, and its row. Pure."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from lambdas.history.facts.fact import Part
from lambdas.history.rows.state import ExamState, StepState, utc
from shared.steps.step_times import began_at, ended_at


def next_version(step: StepState, part: Part) -> None:
    """Bring a step up to what an entry says of it."""
    kept = {name: each for name, each in step.fields.items() if name not in part.cleared}
    step.fields = {**kept, **part.fields}
    step.version += 1
    step.told_at = None
    if part.exams is not None:
        step.exams = part.exams
    if part.linked:
        others = tuple(each for each in step.exams if each != part.linked)
        step.exams = others if part.action == "unlinked" else (*others, part.linked)


def scanner_of(step: StepState) -> str:
    """Return the AE title of the scanner that did it: what the step says, else who sent it."""
    return str(step.fields.get("station_aetitle") or step.fields.get("calling_aetitle") or "")


def step_row(key: str, state: StepState, exam: ExamState | None, zone: tzinfo, site: str) -> dict[str, Any]:
    """Return the row of a step's version, but for when, why and by whom.

    :param exam: the first exam that it is of.
    """
    step = state.step(key)
    return {
        "step": key,
        "version": state.version,
        "site": site,
        "study": exam.study if exam else "",
        "participant": exam.participant if exam else "",
        "exam": state.exams[0] if state.exams else "",
        "exams": len(state.exams),
        "status": step.status.value,
        "scanner": scanner_of(state),
        "reported_at": utc(step.reported_at),
        "started_local": step.started_at,
        "started_at": utc(began_at(step, zone)),
        "ended_local": step.ended_at,
        "ended_at": utc(ended_at(step, zone)),
        "discontinuation_reason": step.discontinuation_reason,
        "series": step.series_count,
        "images": step.image_count,
        "told_at": utc(state.told_at),
    }
