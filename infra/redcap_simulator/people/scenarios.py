"""Days in the life of a project: what a study team does that a sync must get right.

Each works on any of the seeded projects; `record_id` and `instance` say whose scan, the rest is looked up.
"""

from __future__ import annotations

from datetime import date, timedelta

from infra.redcap_simulator.people.form_filler import FormFiller
from infra.redcap_simulator.project.project import Project
from infra.redcap_simulator.project.records import RowKey


def renamed(form_filler: FormFiller, project: Project, record_id: str, new_id: str) -> None:
    """A record gets another id; no date range will tell."""
    form_filler.rename(project, record_id, new_id)


def deleted(form_filler: FormFiller, project: Project, record_id: str) -> None:
    """A record is gone; no date range will tell."""
    form_filler.delete(project, record_id)


def moved(form_filler: FormFiller, project: Project, record_id: str) -> str:
    """A record goes to the next data access group, i.e. site; returns that group's unique name."""
    record = project.records.get(record_id)
    if record is None:
        raise LookupError(f"no such record: {record_id}")
    groups = [group.unique for group in project.shape.groups]
    target = groups[(groups.index(record.dag) + 1) % len(groups)] if record.dag else groups[0]
    form_filler.move_dag(project, record_id, target)
    return target


def rescheduled(
    form_filler: FormFiller, project: Project, record_id: str, *, instance: int = 1, days: int = 7
) -> str:
    """A scan moves by some days; returns the new date."""
    key, form = _scan_of(project, record_id, instance)
    record = project.records.get(record_id)
    before = record.rows[key]["mri_date"] if record else ""
    after = (date.fromisoformat(before) + timedelta(days=days)).isoformat()
    form_filler.save_form(
        project, record_id, form, {"mri_date": after}, event=key.event, instance=key.instance or None
    )
    return after


def cancelled(form_filler: FormFiller, project: Project, record_id: str, *, instance: int = 1) -> None:
    """A scan is called off the way people do it: by clearing its date."""
    key, form = _scan_of(project, record_id, instance)
    values = {"mri_date": "", "mri_time": ""}
    form_filler.save_form(project, record_id, form, values, event=key.event, instance=key.instance or None)


def _scan_of(project: Project, record_id: str, instance: int) -> tuple[RowKey, str]:
    """Where a participant's scan stands, and the form it is typed into."""
    record, form = project.records.get(record_id), project.shape.columns["mri_date"]
    for key in record.rows if record else ():
        if form in project.shape.forms_of_row(key.event, key.instrument) and key.instance in {0, instance}:
            return key, form
    raise LookupError(f"record {record_id} has no scan {instance}")
