"""A day of a site as the browser tests look at it: booked, running, late, done, missing, refused, parked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from infra.redcap_simulator import RedcapSimulator
from lambdas.api.services import Services
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.relay_health import ADDS_SCANNERS, RelayHealth, ScannerActivity
from shared.steps.procedure_step import EventKind
from shared.steps.self_test import ABILITY
from tests.rigs.builders import an_event, an_item
from tests.rigs.site_state import DEFINITION

NOW = datetime(2026, 11, 27, 11, 24, tzinfo=UTC)
"""12:24 in Oslo."""

REFUSED = {"ae_title": "SKYRA2", "address": "10.0.0.7", "why": "not known", "at": NOW, "unknown": True}
PARKED = {
    "event_id": "e" * 32,
    "sop_instance_uid": "2.25.9",
    "kind": "N-SET",
    "received_at": "2026-11-27T08:00:00+00:00",
    "reason": "0112H: no such performed procedure step",
}

REASON, HELD = "must look like 09:30", "must be yes: MR safety screening"

HOSTILE: Final = ("<img src=x onerror=alert(1)>^Eve", "Knee <b>left</b>")
"""A name and a procedure that would run a script, were they not escaped."""


def item_of(record: str) -> str:
    """Return the id of a record's exam."""
    return an_item(record).id


def refuse_result(services: Services) -> None:
    """Let REDCap refuse the result of the first exam."""
    due = services.steps.pending("2.25.1")
    assert due is not None
    services.steps.write_back_parked("2.25.1", due.version, note="the record is locked")


def add_source(services: Services, redcap: RedcapSimulator) -> None:
    """Say of the source what a sync that has just ended says: two scans of today are not on the list."""
    redcap.save_form(11, "900100", "mri", {"mri_date": "2026-11-27", "mri_time": "9 am"}, instance=1)
    redcap.save_form(11, "000017", "mri", {"mri_date": "2026-11-27", "mri_time": "14:00"}, instance=2)
    hours = {"all": {"opens": "08:00", "closes": "15:00"}}
    services.sources.put(definition_from({**DEFINITION, "url": redcap.url, "scanner_hours": hours}))
    remember(services)


def remember(services: Services, **changes: Any) -> None:
    """Remember of the source what a sync found; with nothing else, that two scans are not on the list."""
    day, site = "20261127", "north"
    late = RejectedRow(record="900100", instrument="mri", field="mri_time", reason=REASON, day=day, site=site)
    held = HeldRow(record="000017", instrument="mri", instance=2, field="screened", reason=HELD, day=day)
    read_at = NOW - timedelta(seconds=12)
    found = {
        "report": SyncReport(outcome="ok", finished_at=read_at),
        "watermark": read_at,
        "rejected": (late,),
        "rejected_count": 1,
        "held": (held,),
        "held_count": 1,
    }
    assert services.sources.acquire("study", "tests", now=NOW.timestamp(), seconds=60)
    services.sources.save_state("study", "tests", SourceState.model_validate({**found, **changes}))
    services.sources.release("study", "tests")


def fill(services: Services, redcap: RedcapSimulator, fifth: tuple[str, str]) -> None:
    """Book a day: done, running, late and to come, on two scanners, and one scan without a booking.

    REDCap refuses the first one's result, and the relay one of its reports.
    """
    day = "20261127"
    people = [
        ("1", "Çelik^Ayşe", "0900-1000", "PRISMA1", "fMRI rest"),
        ("2", "Núñez^Zoë", "1100-1215", "PRISMA1", "Full battery"),
        ("3", "Smith^José", "1200-1300", "PRISMA1", "DTI"),
        ("4", "García Márquez^Renée", "1530-1630", "PRISMA1", "DTI"),
        ("5", fifth[0], "1300", "SKYRA2", fifth[1]),
    ]
    items = [
        an_item(
            name,
            patient_name=patient.replace("=", ":"),
            scheduled_start_date=day,
            scheduled_start_time=times[:4],
            scheduled_end_time=times[5:],
            scheduled_station_aetitle=scanner,
            procedure_description=what,
            patient_id=f"sub_00000{name}_ses_1",
        )
        for name, patient, times, scanner, what in people
    ]
    services.worklist.put_if_changed(items)
    when = {"00400244": {"vr": "DA", "Value": [day]}, "00400241": {"vr": "AE", "Value": ["PRISMA1"]}}
    for item, uid, began, ended in (
        (items[0], "2.25.1", "090400", "095200"),
        (items[1], "2.25.2", "110600", ""),
        (None, "2.25.3", "101000", "102100"),
    ):
        event = an_event(item, uid)
        dataset = {**event.dataset, **when, "00400245": {"vr": "TM", "Value": [began]}}
        if item is None:
            dataset["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "Nunez^Zoe"}]}
        events = [event.model_copy(update={"dataset": dataset})]
        if ended:
            end = an_event(item, uid, EventKind.N_SET, "COMPLETED")
            over = {"00400250": {"vr": "DA", "Value": [day]}, "00400251": {"vr": "TM", "Value": [ended]}}
            events.append(end.model_copy(update={"dataset": {**end.dataset, **over}}))
        for each in events:
            assert services.steps.record_event(each, site="north", relay_id="r").outcome == "recorded"
    scanner = ScannerActivity(ae_title="PRISMA1", last_query_at=NOW - timedelta(seconds=40), last_answers=4)
    fields = {
        "version": "1.0",
        "at": NOW,
        "pull": {"succeeded_at": NOW},
        "scanners": (scanner,),
        "abilities": (ABILITY, ADDS_SCANNERS),
        "refused": (REFUSED,),
        "parked": 1,
        "parked_events": (PARKED,),
    }
    refuse_result(services)
    add_source(services, redcap)
    code, _ = services.relays.invite("north")
    relay = services.relays.enroll(code, public_key="-", name="cellar")
    services.relays.heard(relay.relay_id, RelayHealth.model_validate(fields))
