"""Every person's tasks by the keyboard alone, with and without JavaScript, in no more clicks than promised.

One row a task. What a task changes it puts back, by the same keyboard, after its clicks have been counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from lambdas.access.role import Role
from lambdas.api.services import Services
from tests.browser.conftest import at, clock_of
from tests.browser.day import item_of, refuse_result
from tests.browser.keyboard import Keyboard
from tests.rigs.redcap import classic_data

pytestmark = pytest.mark.slow


def _nothing(_keys: Keyboard) -> None:
    """Everything is put back already, or may stay."""


@dataclass(frozen=True)
class Task:
    """What somebody comes for.

    :param start: the page they are on, after ``/app/``; ``{1}`` is the id of the exam of record 1.
    :param clicks: how many it may take.
    :param sees: what is on the page then.
    """

    who: Role
    start: str
    clicks: int
    do: Callable[[Keyboard], None]
    sees: str
    undo: Callable[[Keyboard], None] = _nothing


def click(*names: str, role: str = "button") -> Callable[[Keyboard], None]:
    def do(keys: Keyboard) -> None:
        for name in names:
            keys.click(role, name)

    return do


def go(name: str) -> Callable[[Keyboard], None]:
    return click(name, role="link")


def find(keys: Keyboard) -> None:
    keys.click("link", "Find")
    keys.type("Who", "garcia", enter=True)


def edit(keys: Keyboard) -> None:
    before = keys.page.get_by_label("Procedure").first.input_value()
    keys.type("Procedure", f"{before}, again")
    keys.click("button", "Save")


def remove_and_restore(keys: Keyboard) -> None:
    keys.click("button", "Remove this exam")
    expect(keys.page.get_by_text("REDCap will not bring it back; you can")).to_be_visible()
    keys.clicks = 0  # of the restoring, which is what is counted
    keys.click("button", "Restore it")


def link(keys: Keyboard) -> None:
    keys.click("button", "Find the booking of the scan at 27 November 10:10")
    keys.click("button", "Link: José Smith")


def unlink(keys: Keyboard) -> None:
    keys.click("button", "Take back: José Smith")
    expect(keys.page.get_by_role("status")).to_contain_text("taken back")


def paste_and_apply(keys: Keyboard) -> None:
    address = keys.page.get_attribute("link[rel=icon]", "href")
    assert address  # the page is whole
    keys.click("link", "Try or apply a definition")
    keys.type("Definition", DRAFT.read())
    keys.click("button", "Show what it would do")
    expect(keys.page.get_by_role("heading", name="What classic would do")).to_be_visible()
    keys.click("button", "Apply")


class _Draft:
    """The definition that is pasted: known as soon as the simulator has its address."""

    url = ""

    def read(self) -> str:
        return json.dumps(classic_data(url=self.url, site="north"))


DRAFT: Final = _Draft()


def enrol(keys: Keyboard) -> None:
    keys.click("link", "Relays")
    keys.type("Site", "north")
    keys.click("button", "Make a code")


def let_in(keys: Keyboard) -> None:
    keys.click("link", "Let in as SKYRA2")
    keys.click("button", "Let in as SKYRA2")


def invite(keys: Keyboard) -> None:
    keys.click("link", "Accounts")
    keys.type("Username", "tec")
    keys.type("Password 12 characters", "violet kettle moraine")
    keys.click("button", "Make the account")


def ask_the_audit_trail(keys: Keyboard) -> None:
    keys.type("Who", "admin", enter=True)
    keys.clicks += 1


def tell_somebody(keys: Keyboard) -> None:
    keys.click("link", "Notices")
    keys.type("Site", "north")
    keys.type("To an e-mail address", "coordinator@example.org")
    keys.click("button", "Make the notice")


def share_a_calendar(keys: Keyboard) -> None:
    keys.click("link", "Calendars")
    keys.type("Site", "north")
    keys.type("Scanner (AE title)", "PRISMA1")
    keys.click("button", "Make a calendar")


READ, WRITE, ADMIN = Role.READ, Role.WRITE, Role.ADMIN
TASKS: Final = {
    "see that mine is there": Task(READ, "today", 0, _nothing, "Renée García Márquez"),
    "see who is missing": Task(READ, "today", 0, _nothing, "2 scans are not on the scanner's list"),
    "open the form in REDCap": Task(READ, "today", 1, go("Open the form in REDCap"), "Record 000017"),
    "see who is next": Task(WRITE, "today", 0, _nothing, "Next not started, 24 min late"),
    "mark who arrived": Task(
        WRITE, "today", 1, click("Arrived: Renée"), "Saved.", click("Back to booked: Renée")
    ),
    "mark who did not come": Task(
        WRITE, "today", 1, click("Did not come: Renée"), "did not come", click("Back to booked: Renée")
    ),
    "learn why somebody is on the list": Task(READ, "today", 1, find, "is on the list of PRISMA1"),
    "see how full the scanners are": Task(READ, "today", 1, go("Week"), "23 November to 29 November 2026"),
    "correct an exam": Task(
        WRITE, "items/{3}", 1, edit, "Saved. The fields you changed", click("Give back to REDCap")
    ),
    "restore an exam": Task(WRITE, "items/{5}", 1, remove_and_restore, "Restored. It is on the list again."),
    "read an exam's history": Task(READ, "items/{1}", 1, go("History"), "What became of this exam"),
    "link a scan": Task(WRITE, "unmatched", 2, link, "Linked. REDCap is told.", unlink),
    "see how the scanners were used": Task(READ, "today", 1, go("Planned and done"), "Booked and used hours"),
    "apply a pasted definition": Task(ADMIN, "sources", 3, paste_and_apply, "The source is stored."),
    "have REDCap read now": Task(ADMIN, "sources/study", 1, click("Read REDCap now"), "Asked for."),
    "enrol a relay": Task(ADMIN, "today", 2, enrol, "mwl-relay enroll "),
    "let a scanner in": Task(ADMIN, "relays", 2, let_in, "The scanner is let in"),
    "send a test participant": Task(ADMIN, "relays", 1, click("Send a test participant"), "hops reached"),
    "have a parked report sent again": Task(ADMIN, "relays", 1, click("Try again"), "sends the report again"),
    "have REDCap told again": Task(ADMIN, "write-backs", 1, click("Try again"), "REDCap is told again."),
    "invite somebody": Task(ADMIN, "today", 2, invite, "The account is made.", click("Delete tec")),
    "answer an auditor": Task(ADMIN, "audit", 1, ask_the_audit_trail, "The newest first"),
    "have somebody told": Task(
        ADMIN, "today", 2, tell_somebody, "The notice is made.", click("Remove the notice to coordinator@")
    ),
    "share a calendar": Task(ADMIN, "today", 2, share_a_calendar, "/ical/", click("Revoke the calendar")),
    "see what is still to be set up": Task(ADMIN, "today", 1, go("First steps"), "is enrolled: done."),
}


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_by_the_keyboard_alone(
    chromium: Browser, site: str, services: Services, name: str, javascript: bool
) -> None:
    task = TASKS[name]
    DRAFT.url = services.sources.get("study").url
    ids = {number: item_of(str(number)) for number in (1, 3, 5)}
    start = task.start.replace("{", "{0[").replace("}", "]}").format(ids)
    with at(chromium, site, task.who, javascript=javascript) as page:
        if start != "today":
            page.goto(f"/app/{start}")
        keys = Keyboard(page)
        task.do(keys)
        expect(page.locator("body")).to_contain_text(task.sees)
        assert keys.clicks <= task.clicks
        if task.undo is not _nothing:
            with page.expect_navigation():  # or the page would be closed before the form has left it
                task.undo(keys)
    _put_back(services, name)


def _put_back(services: Services, name: str) -> None:
    """Put back what no page does."""
    if name == "have REDCap told again":
        refuse_result(services)
    if name == "apply a pasted definition":
        services.sources.delete("classic")


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_an_engineer_sees_a_silent_relay_without_a_click(
    chromium: Browser, site: str, services: Services, javascript: bool
) -> None:
    clock = clock_of(services)
    clock.seconds += 600
    try:
        with at(chromium, site, Role.READ, javascript=javascript) as page:
            banner = page.get_by_role("region", name="Needs somebody")
            expect(banner).to_contain_text(
                "cellar is silent since 12:24: its scanners may show a list as of 12:24"
            )
    finally:
        clock.seconds -= 600
