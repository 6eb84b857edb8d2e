"""A real browser, the system's Chromium driven by Playwright, at a dashboard that uvicorn serves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.relay_health import ADDS_SCANNERS, RelayHealth, ScannerActivity
from shared.steps.procedure_step import EventKind
from shared.steps.self_test import ABILITY
from tests.rigs.api import PASSWORD, quick_passwords
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import cloud
from tests.rigs.served import served
from tests.rigs.site_state import DEFINITION

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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

SCREENSHOTS = os.environ.get("MWL_SCREENSHOTS", "")
"""A folder that takes pictures of the pages; empty: none are taken."""


@pytest.fixture(scope="module")  # playwright's event loop must have ended before other tests start theirs
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


HOSTILE: Final = ("<img src=x onerror=alert(1)>^Eve", "Knee <b>left</b>")
"""A name and a procedure that would run a script, were they not escaped."""


@contextmanager
def running_services(fifth: tuple[str, str] = HOSTILE) -> Iterator[Services]:
    """Run a cloud that has had a day.

    :param fifth: the name and the procedure of the fifth participant.
    """
    with cloud(DEFAULT_SITE="north", SITE_TIME_ZONE="Europe/Oslo") as running:
        running.clock.seconds = NOW.timestamp()
        settings = load(ApiSettings)
        services = services_from(settings, now=running.clock, passwords=quick_passwords())
        for role in (Role.READ, Role.WRITE, Role.ADMIN):
            add_user(services, role.value, PASSWORD, role)
        fill(services, fifth)
        yield services


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with running_services() as services:
        yield services


@pytest.fixture(scope="module")
def site(services: Services) -> Iterator[str]:
    """Return the address of a running dashboard."""
    with served(services) as url:
        yield url


@contextmanager
def at(browser: Browser, site: str, role: Role, *, javascript: bool = True, **context: Any) -> Iterator[Page]:
    """Sign in as a person does, and give the page: every request to elsewhere fails the test."""
    opened = browser.new_context(java_script_enabled=javascript, base_url=site, **context)
    page = opened.new_page()
    elsewhere: list[str] = []
    refused: list[str] = []

    def requested(request: Request) -> None:
        if not request.url.startswith(site):
            elsewhere.append(request.url)

    def said(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            refused.append(message.text)

    page.on("request", requested)
    page.on("console", said)
    page.goto("/")
    page.get_by_label("Username").fill(role.value)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/today")
    yield page
    opened.close()
    assert elsewhere == []
    assert refused == []


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page, if a folder for them is named."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def add_source(services: Services) -> None:
    """Say of the source what a sync that has just ended says: two scans of today are not on the list."""
    definition = definition_from(DEFINITION)
    services.sources.put(definition)
    services.sources.acquire(definition.id, "tests", now=NOW.timestamp(), seconds=60)
    day, site = "20261127", "north"
    late = RejectedRow(record="900100", instrument="mri", field="mri_time", reason=REASON, day=day, site=site)
    held = HeldRow(record="000017", instrument="mri", instance=2, field="screened", reason=HELD, day=day)
    read_at = NOW - timedelta(seconds=12)
    state = SourceState(
        report=SyncReport(outcome="ok", finished_at=read_at),
        watermark=read_at,
        rejected=(late,),
        rejected_count=1,
        held=(held,),
        held_count=1,
    )
    services.sources.save_state(definition.id, "tests", state)
    services.sources.release(definition.id, "tests")


def fill(services: Services, fifth: tuple[str, str]) -> None:
    """Book a day: done, running, late and to come, on two scanners, and one scan without a booking."""
    day = "20261127"
    people = [
        ("1", "Çelik^Ayşe", "0900", "PRISMA1", "fMRI rest"),
        ("2", "Núñez^Zoë", "1100", "PRISMA1", "Full battery"),
        ("3", "Smith^José", "1200", "PRISMA1", "DTI"),
        ("4", "García Márquez^Renée", "1530", "PRISMA1", "DTI"),
        ("5", fifth[0], "1300", "SKYRA2", fifth[1]),
    ]
    items = [
        an_item(
            name,
            patient_name=patient.replace("=", ":"),
            scheduled_start_date=day,
            scheduled_start_time=start,
            scheduled_station_aetitle=scanner,
            procedure_description=what,
            patient_id=f"sub_00000{name}_ses_1",
        )
        for name, patient, start, scanner, what in people
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
    add_source(services)
    code, _ = services.relays.invite("north")
    relay = services.relays.enroll(code, public_key="-", name="cellar")
    services.relays.heard(relay.relay_id, RelayHealth.model_validate(fields))
