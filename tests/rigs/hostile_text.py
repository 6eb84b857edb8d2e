"""A site on which whoever can write a text that a page shows has written HTML: REDCap, scanners, relays."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Final

from lambdas.api.services import Services
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow
from lambdas.store.audit.entry import SYSTEM
from shared.relay_health import ADDS_SCANNERS, RelayHealth, ScannerActivity
from shared.scanners.shown_items import ShownItem, ShownTo
from shared.steps.procedure_step import EventKind
from shared.steps.self_test import ABILITY, Hop, HopResult, SelfTestReport
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_event, an_item
from tests.rigs.site_state import DEFINITION

_SHORT: Final = {"station_name": 16, "accession_number": 16, "requested_procedure_id": 16}
_ITEM_TEXTS: Final = (
    "patient_name",
    "patient_id",
    "procedure_description",
    "protocol_name",
    "study_description",
    "referring_physician_name",
    "performing_physician",
    "station_name",
    "medical_alerts",
    "allergies",
)


def evil(place: str) -> str:
    """Return HTML that would be an image with an attribute of its own, and the name of the place it is in."""
    return f"\"'><img onx>{place}"


def evil_title(place: str) -> str:
    """Return an AE title that is a tag."""
    return f"<b onx>{place}"[:16]


class Planted(HTMLParser):
    """Finds what hostile text has become a part of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"img", "b"} or any(name == "onx" for name, _ in attrs):
            self.found.append(str(self.get_starttag_text()))


def hostile_site(services: Services) -> WorklistItem:
    """Fill a site with hostile texts; return the item that has them all."""
    now = datetime.fromtimestamp(services.now(), UTC)
    day = f"{services.local_now():%Y%m%d}"
    item = _item(day)
    services.worklist.put_if_changed([item])
    _report(services, item, day)
    _source(services, now, day)
    _relay(services, now, item)
    services.calendars.make("calendar", site="north", scanner=evil_title("CAL"), salt="s", by=SYSTEM)
    return item


def _item(day: str) -> WorklistItem:
    texts = {name: evil(name)[: _SHORT.get(name, 64)] for name in _ITEM_TEXTS}
    times = {"scheduled_start_date": day, "scheduled_start_time": "1500"}
    return an_item(evil("record"), scheduled_station_aetitle=evil_title("MR"), **texts, **times)


def _report(services: Services, item: WorklistItem, day: str) -> None:
    """A scan of nobody, and one of the item, whose result REDCap refuses with hostile words."""
    began = {"00400244": {"vr": "DA", "Value": [day]}, "00400241": {"vr": "AE", "Value": [evil_title("ST")]}}
    who = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": evil("mpps-name")}]},
        "00100020": {"vr": "LO", "Value": [evil("mpps-id")]},
    }
    for uid, of, kind, status in (
        ("2.25.1", item, EventKind.N_CREATE, "IN PROGRESS"),
        ("2.25.1", item, EventKind.N_SET, "COMPLETED"),
        ("2.25.2", None, EventKind.N_CREATE, "IN PROGRESS"),
    ):
        event = an_event(of, uid, kind, status)
        started = began | who if kind is EventKind.N_CREATE else {}
        event = event.model_copy(update={"dataset": {**event.dataset, **started}})
        assert services.steps.record_event(event, site="north", relay_id="r").outcome == "recorded"
    due = services.steps.pending("2.25.1")
    assert due is not None
    services.steps.write_back_parked("2.25.1", due.version, note=evil("refusal"))


def _source(services: Services, now: datetime, day: str) -> None:
    services.sources.put(definition_from(DEFINITION))
    place = {"event": evil("ev"), "instrument": evil("form"), "day": day, "site": "north"}
    rejected = RejectedRow(record=evil("r"), field=evil("r-field"), reason=evil("r-reason"), **place)
    held = HeldRow(record=evil("h"), field=evil("h-field"), reason=evil("h-reason"), **place)
    note = Note(record=evil("n"), field=evil("n-field"), reason=evil("n-reason"))
    state = SourceState(
        report=SyncReport(outcome="failed", finished_at=now, error=evil("error")),
        rejected=(rejected,),
        rejected_count=1,
        held=(held,),
        held_count=1,
        notes=(note,),
        notes_count=1,
    )
    services.sources.acquire("study", "tests", now=services.now(), seconds=60)
    services.sources.save_state("study", "tests", state)
    services.sources.release("study", "tests")


def _relay(services: Services, now: datetime, item: WorklistItem) -> None:
    code, _ = services.relays.invite("north")
    relay = services.relays.enroll(code, public_key="-", name=evil("relay"))
    refused = {
        "ae_title": evil_title("CALL"),
        "address": "<b onx>addr",
        "why": evil("why"),
        "at": now,
        "unknown": True,
    }
    parked = {
        "event_id": "e" * 32,
        "sop_instance_uid": "2.25.9",
        "kind": "N-SET",
        "received_at": "2026-11-27T08:00:00+00:00",
        "reason": evil("parked"),
    }
    health: dict[str, Any] = {
        "version": evil("version"),
        "at": now,
        "pull": {"succeeded_at": now},
        "problems": (evil("problem"),),
        "scanners": (ScannerActivity(ae_title=evil_title("MR"), last_query_at=now),),
        "abilities": (ABILITY, ADDS_SCANNERS),
        "refused": (refused,),
        "parked": 1,
        "parked_events": (parked,),
    }
    services.relays.heard(relay.relay_id, RelayHealth.model_validate(health))
    seen = ShownTo(ae_title=evil_title("SEEN"), first_at=now, last_at=now, times=1)
    services.shown_items.keep(relay, [ShownItem(item_id=item.id, scanners=(seen,))])
    test = services.self_tests.begin(relay, services.relays.heartbeat(relay.relay_id), by=SYSTEM)
    red = (HopResult(hop=Hop.FETCHED, at=now), HopResult(hop=Hop.FOUND, at=now, failure=evil("hop")))
    services.self_tests.report(relay, test.test_id, SelfTestReport(hops=red, over=True))
