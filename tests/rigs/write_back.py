"""What tests of the write-back share: a scanner's events, and what REDCap shows of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infra.redcap_simulator import Project, classic
from infra.redcap_simulator.project.project import Field
from shared.steps.procedure_step import EventKind, ProcedureStepEvent
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_event
from tests.rigs.redcap import Rig, Stack, classic_data

UID = "2.25.77"
WRITTEN = {
    "status": "mri_status",
    "start": "mri_start",
    "end": "mri_end",
    "duration": "mri_duration",
    "station": "mri_station",
    "discontinuation_reason": "mri_discontinuation_reason",
    "series_count": "mri_series",
}
"""Every field a write-back can be given, as `whole` configures it for `with_every_field`."""


def with_every_field(project: Project) -> Project:
    """Return the project with a field for everything a write-back can tell, on the form of the scans."""
    form = project.shape.fields_by_name["mri_status"].form
    named = project.shape.fields_by_name
    more = [Field(name, form, validation="integer") for name in ("mri_duration", "mri_series")]
    fields = (*project.shape.fields, *(field for field in more if field.name not in named))
    return Project(replace(project.shape, fields=fields), project.users, project.records)


def classic_with_every_field(records: int = 2) -> Project:
    return with_every_field(classic(records))


def whole(**changes: Any) -> dict[str, Any]:
    """Return the classic definition as data, with every write-back field, and top-level keys changed."""
    return classic_data(**{"write_back": WRITTEN, **changes})


def synced(stack: Stack) -> Rig:
    """Return a rig whose items have come from REDCap, none of them scanned yet."""
    rig = stack.fresh(classic_with_every_field(), whole())
    rig.sync()
    return rig


def record(rig: Rig, event: ProcedureStepEvent) -> None:
    assert rig.steps.record_event(event, site=rig.site, relay_id="relay-1").outcome == "recorded"


def started(rig: Rig, item: WorklistItem, uid: str = UID, **changes: Any) -> None:
    record(rig, an_event(item, uid, **changes))


def ended(rig: Rig, status: str = "COMPLETED", uid: str = UID, **dataset: Any) -> None:
    event = an_event(None, uid, EventKind.N_SET, status)
    record(rig, event.model_copy(update={"dataset": {**event.dataset, **dataset}}))


def because(code: str) -> dict[str, Any]:
    """Return the Discontinuation Reason Code Sequence with this code value."""
    return {"00400281": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": [code]}}]}}


def series(count: int) -> dict[str, Any]:
    """Return a Performed Series Sequence of so many series."""
    return {"00400340": {"vr": "SQ", "Value": [{} for _ in range(count)]}}


def in_redcap(rig: Rig, record_id: str = "000001", instance: int = 1) -> dict[str, str]:
    """Return what REDCap shows in the fields a write-back can be given; what is empty is left out."""
    row = rig.redcap_row(record_id, instance)
    return {name: row[name] for name in WRITTEN.values() if row.get(name)}


def imports(rig: Rig) -> int:
    return sum(request.action == "import" for request in rig.simulator.requests.all())


def the_item(rig: Rig) -> WorklistItem:
    """Return the exam of the first record."""
    return rig.items()["000001", 1]


def status(rig: Rig) -> Status:
    """Return how that exam stands."""
    return the_item(rig).performed_procedure_step_status
