"""An exam's next version, and its row. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from lambdas.history.facts.fact import Part
from lambdas.history.rows.state import ExamState, utc
from shared.steps.procedure_step import Step, StepStatus
from shared.steps.step_times import began_at, ended_at

STATUS: Final = "performed_procedure_step_status"


def next_version(exam: ExamState, part: Part, at: datetime) -> None:
    """Bring an exam up to what an entry says of it."""
    anew = part.action in {"created", "found"}
    kept = {} if anew else {name: each for name, each in exam.fields.items() if name not in part.cleared}
    exam.fields = {**kept, **part.fields}
    exam.version += 1
    if part.participant and (anew or not exam.study):
        exam.participant, exam.shift_days = part.participant, part.shift_days
    removed = exam.removed if part.action == "changed" else part.action == "removed"
    if (removed, _status(exam)) != (exam.removed, exam.status) or exam.status_since_at is None:
        exam.status_since_at = at
    exam.removed, exam.status = removed, _status(exam)
    if exam.first_seen_at is None and part.action != "found":
        exam.first_seen_at = at
    _plan(exam, part, at)


def _status(exam: ExamState) -> str:
    return str(exam.fields.get(STATUS, "SCHEDULED"))


def _plan(exam: ExamState, part: Part, at: datetime) -> None:
    planned = "".join(str(exam.fields.get(f"scheduled_start_{part}", "")) for part in ("date", "time"))
    if not exam.first_planned:
        exam.first_planned = planned
    elif planned != exam.planned:
        exam.reschedules += 1
    scanner = str(exam.fields.get("scheduled_station_aetitle", ""))
    if part.action == "found":
        exam.listed_at = exam.row_seen_at = None
    elif part.action in {"created", "restored"} or (planned, scanner) != (exam.planned, exam.planned_on):
        exam.listed_at = exam.row_seen_at = at
        exam.saved_at = None
    exam.saved_at = part.saved_at or exam.saved_at
    exam.planned, exam.planned_on = planned, scanner


def exam_row(
    key: str, exam: ExamState, steps: Sequence[tuple[str, Step]], zone: tzinfo, site: str
) -> dict[str, Any]:
    """Return the row of an exam's version, but for when, why and by whom.

    :param steps: its performed steps, each with the AE title of its scanner.
    """
    fields = exam.fields
    planned = local(exam.planned)
    return {
        "exam": key,
        "version": exam.version,
        "site": site,
        "study": exam.study,
        "participant": exam.participant,
        "status": exam.status,
        "status_owner": fields.get("status_owner", "source"),
        "removed": exam.removed,
        "status_since_at": utc(exam.status_since_at),
        "visit": fields.get("source_event", ""),
        "modality": fields.get("modality", ""),
        "scanner": fields.get("scheduled_station_aetitle", ""),
        "protocol": fields.get("protocol_name", ""),
        "procedure": fields.get("procedure_description", ""),
        "planned_local": planned,
        "planned_at": utc(planned.replace(tzinfo=zone)) if planned else None,
        "planned_minutes": _planned_minutes(fields, planned),
        "first_seen_at": utc(exam.first_seen_at),
        "saved_at": utc(exam.saved_at),
        "first_planned_local": local(exam.first_planned),
        "reschedules": exam.reschedules,
        "first_shown_at": utc(exam.shown_at),
        "unshown_minutes": exam.unshown_minutes,
        "listed_at": utc(exam.listed_at),
        "row_seen_at": utc(exam.row_seen_at),
        "edited_fields": len(fields.get("edited", ())),
        **_actual(steps, zone),
    }


def local(text: str) -> datetime | None:
    """Return a DICOM date with a time as a local moment; None if it is not one."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - local to the site
    except ValueError:
        return None


def _planned_minutes(fields: dict[str, Any], planned: datetime | None) -> int | None:
    time = str(fields.get("scheduled_end_time", ""))
    date = str(fields.get("scheduled_end_date", "") or fields.get("scheduled_start_date", ""))
    ends = local(date + time.ljust(6, "0")) if time else None
    if ends is None or planned is None or ends <= planned:
        return None
    return round((ends - planned).total_seconds() / 60)


def _actual(steps: Sequence[tuple[str, Step]], zone: tzinfo) -> dict[str, Any]:
    last = datetime.max.replace(tzinfo=UTC)
    began = sorted(steps, key=lambda each: (began_at(each[1], zone) or last, each[1].sop_instance_uid))
    over = [step for _, step in steps if step.status is not StepStatus.IN_PROGRESS and step.ended_at]
    over.sort(key=lambda step: (ended_at(step, zone) or last, step.sop_instance_uid))
    ended = over[-1] if over and len(over) == len(steps) else None
    started = began[0][1] if began and began[0][1].started_at else None
    given_up = [step for step in over if step.discontinuation_reason]
    return {
        "actual_scanner": began[0][0] if began else "",
        "started_local": started.started_at if started else None,
        "started_at": utc(began_at(started, zone)) if started else None,
        "ended_local": ended.ended_at if ended else None,
        "ended_at": utc(ended_at(ended, zone)) if ended else None,
        "steps": len(steps),
        "series": sum(step.series_count for _, step in steps),
        "discontinuation_reason": given_up[-1].discontinuation_reason if given_up else "",
    }
