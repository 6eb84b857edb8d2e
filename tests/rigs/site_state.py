"""A site at one moment, as the pages' views are given it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lambdas.api.pages.views.site import SiteState
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.store.ownership import StoredItem
from lambdas.store.unfinished_write_backs import PerformedStep, WriteBackState
from shared.relay_health import RelayHealth, ScannerActivity
from shared.steps.procedure_step import Progress, Step, StepStatus
from shared.worklist_item import Status
from tests.rigs.builders import an_item

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
"""10:00 in Oslo, a Sunday."""

DEFINITION: dict[str, Any] = {
    "id": "study",
    "site": "north",
    "url": "https://redcap.example.org/api/",
    "token_secret": "study",
    "record_id_field": "record_id",
    "time_zone": "Europe/Oslo",
    "rows": {"instrument": "mri", "required": ["mri_date"]},
    "fields": {
        "patient_name": {"field": "name"},
        "patient_id": {"field": "record_id"},
        "modality": {"constant": "MR"},
        "scheduled_station_aetitle": {"constant": "MR1"},
        "scheduled_start_date": {"field": "mri_date"},
        "scheduled_start_time": {"field": "mri_time"},
        "procedure_description": {"constant": "Brain"},
    },
}


def a_source(**state: Any) -> StoredSource:
    """Return a source that was read 12 s ago, with the state given."""
    report = SyncReport(outcome="ok", finished_at=NOW - timedelta(seconds=12))
    fields = {"report": report, "watermark": NOW - timedelta(seconds=14), **state}
    return StoredSource("study", definition_from(DEFINITION), "", SourceState.model_validate(fields), 0)


def a_relay(**changes: Any) -> Relay:
    fields = {"relay_id": "r1", "site": "north", "name": "cellar", "public_key": "-", "enrolled_at": NOW}
    return Relay.model_validate({**fields, **changes})


def a_heartbeat(seconds_ago: float = 20, **health: Any) -> Heartbeat:
    """Return a heartbeat of a relay that is well, and whose scanner MR1 asked 40 s ago."""
    scanner = ScannerActivity(ae_title="MR1", last_query_at=NOW - timedelta(seconds=40), last_answers=3)
    seen_at = NOW - timedelta(seconds=seconds_ago)
    fields = {
        "version": "1.0",
        "at": seen_at,
        "pull": {"succeeded_at": seen_at},
        "items": 3,
        "scanners": (scanner,),
        **health,
    }
    return Heartbeat(seen_at=seen_at, health=RelayHealth.model_validate(fields))


def a_site(**changes: Any) -> SiteState:
    """Return a site that is well."""
    fields: dict[str, Any] = {
        "site": "north",
        "now": NOW,
        "zone": ZoneInfo("Europe/Oslo"),
        "zone_name": "Europe/Oslo",
        "relays": ((a_relay(), a_heartbeat()),),
        "sources": (a_source(),),
        **changes,
    }
    return SiteState(**fields)


def stored(name: str = "001", *steps: str, status: Status = Status.SCHEDULED, **changes: Any) -> StoredItem:
    """Return an item of today, planned for 09:30 unless said otherwise."""
    kept = {name: changes.pop(name) for name in ("status_owner", "edited") if name in changes}
    item = an_item(name, performed_procedure_step_status=status, **changes)
    return StoredItem(item=item, feed_seq=1, progress=Progress(steps=steps), **kept)


def performed(
    uid: str = "2.25.1",
    started: str = "",
    ended: str = "",
    write_back: WriteBackState = "done",
    note: str = "",
    **changes: Any,
) -> PerformedStep:
    """Return a step; times are ``HH:MM`` of today."""
    fields: dict[str, Any] = {
        "sop_instance_uid": uid,
        "status": StepStatus.COMPLETED if ended else StepStatus.IN_PROGRESS,
        "station_aetitle": "MR1",
        "started_at": datetime.fromisoformat(f"2026-11-22T{started}") if started else None,
        "ended_at": datetime.fromisoformat(f"2026-11-22T{ended}") if ended else None,
        **changes,
    }
    return PerformedStep(Step.model_validate(fields), write_back, note)
