"""Every state of every page says in words what it is, and axe-core finds nothing in it, light or dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from lambdas.access.role import Role
from lambdas.api.services import Services
from lambdas.sources.state import SyncReport, Withheld
from lambdas.store.audit.entry import SYSTEM
from shared.steps.self_test import Hop, HopResult, SelfTestReport
from tests.browser.conftest import at, clock_of, found_by_axe, picture
from tests.browser.day import NOW, item_of, remember
from tests.rigs.builders import an_item
from tests.rigs.images import images
from tests.rigs.redcap import classic_data

pytestmark = pytest.mark.slow

Made = Callable[[Services], AbstractContextManager[None]]
Shown = Callable[[Page, Services], None]
READ, WRITE, ADMIN = Role.READ, Role.WRITE, Role.ADMIN


@dataclass(frozen=True)
class State:
    """A page in a state.

    :param show: leads the page there.
    :param sees: what it says.
    :param made: puts the site into the state, and back.
    :param fresh: with a session of its own.
    """

    who: Role
    show: Shown
    sees: str
    made: Made = lambda _: nullcontext()
    fresh: bool = False


def path(where: str) -> Shown:
    """Open an address; ``{3}`` in it is the exam of record 3."""

    def show(page: Page, services: Services) -> None:
        number = where[where.index("{") + 1] if "{" in where else ""
        page.goto("/app/" + (where.replace(f"{{{number}}}", item_of(number)) if number else where))

    return show


def press(where: str, *names: str) -> Shown:
    """Open an address, and press buttons or links."""

    def show(page: Page, services: Services) -> None:
        path(where)(page, services)
        for name in names:
            page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name)).first.click()

    return show


def find(who: str) -> Shown:
    def show(page: Page, _services: Services) -> None:
        page.goto("/app/find")
        page.get_by_label("Who").fill(who)
        page.get_by_label("Who").press("Enter")

    return show


def draft(text: str, button: str) -> Shown:
    def show(page: Page, services: Services) -> None:
        page.goto("/app/sources/new")
        url = services.sources.get("study").url
        page.get_by_label("Definition").fill(text or json.dumps(classic_data(url=url, site="north")))
        page.get_by_role("button", name=button).click()

    return show


def wrong_password(page: Page, _services: Services) -> None:
    page.context.clear_cookies()
    page.goto("/app/login")
    page.get_by_label("Username").fill("read")
    page.get_by_label("Password").fill("not it")
    page.get_by_role("button", name="Sign in").click()


def overtaken(page: Page, services: Services) -> None:
    services.worklist.edit(item_of("4"), {"protocol_name": "Changed meanwhile"})
    page.get_by_role("button", name="Arrived: Renée").click()
    services.worklist.release(item_of("4"), [])


def not_renewed(page: Page, _services: Services) -> None:
    page.set_viewport_size({"width": 1280, "height": 400})  # the list is longer than the screen
    page.route("**/app/today?*", lambda route: route.abort())
    page.evaluate("htmx.trigger('#part', 'refresh')")
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)


def loading(page: Page, _services: Services) -> None:
    page.route("**/app/today?*", lambda _route: None)  # never answered
    page.evaluate("htmx.trigger('#part', 'refresh')")
    expect(page.get_by_text("Asking for news ...")).to_be_visible()


def notice_that_says_nothing(page: Page, _services: Services) -> None:
    page.goto("/app/notices")
    page.get_by_label("Site", exact=True).fill("north")
    page.get_by_label("To an e-mail address").fill("coordinator@example.org")
    page.get_by_label("at once").uncheck()
    page.get_by_role("button", name="Make the notice").click()


def a_made_calendar(page: Page, services: Services) -> None:
    page.goto("/app/calendars")
    page.get_by_label("Site", exact=True).fill("north")
    page.get_by_label("Scanner (AE title)").fill("PRISMA1")
    page.get_by_role("button", name="Make a calendar").click()
    expect(page.get_by_text("Copy it now")).to_be_visible()
    for calendar_id in services.calendars.all():
        services.calendars.revoke(calendar_id)


def nothing_in_the_audit_trail(page: Page, _services: Services) -> None:
    page.goto("/app/audit")
    page.get_by_label("What").select_option("trigger")
    page.get_by_role("button", name="Show").click()


def later(seconds: int) -> Made:
    @contextmanager
    def made(services: Services) -> Iterator[None]:
        clock_of(services).seconds += seconds
        try:
            yield
        finally:
            clock_of(services).seconds -= seconds

    return made


def source(**state: Any) -> Made:
    @contextmanager
    def made(services: Services) -> Iterator[None]:
        remember(services, **state)
        try:
            yield
        finally:
            remember(services)

    return made


@contextmanager
def removed(services: Services) -> Iterator[None]:
    item = item_of("5")
    services.worklist.remove(item)
    try:
        yield
    finally:
        services.worklist.restore(item)


@contextmanager
def images_of_another(services: Services) -> Iterator[None]:
    exam = an_item("6", scheduled_start_date="20261126", scheduled_station_aetitle="PRISMA1")
    services.worklist.put_if_changed([exam])
    services.completions.images_found(exam.site, images(exam, patient_id="P-OTHER"))
    try:
        yield
    finally:
        services.worklist.remove(exam.id)


def having_tested(*hops: HopResult) -> Made:
    @contextmanager
    def made(services: Services) -> Iterator[None]:
        [relay] = services.relays.all()
        test = services.self_tests.begin(relay, services.relays.heartbeat(relay.relay_id), by=SYSTEM)
        if hops:
            services.self_tests.report(relay, test.test_id, SelfTestReport(hops=hops, over=True))
        yield
        services.self_tests.report(relay, test.test_id, SelfTestReport(hops=(), over=True))

    return made


@contextmanager
def disabled(services: Services) -> Iterator[None]:
    services.users.change("write", disabled=True)
    yield
    services.users.change("write", disabled=False)


FAILED = SyncReport(outcome="failed", finished_at=NOW, error="REDCap answered 500")
RED = HopResult(hop=Hop.FETCHED, at=NOW), HopResult(hop=Hop.FOUND, at=NOW, failure="no answer")
TEST_PAGE: Shown = press("relays", "See its way")
STATES: Final = {
    "today, empty": State(READ, path("today?day=20261201"), "No scan is booked for this day."),
    "today, stale": State(
        READ,
        path("today"),
        "This list is as of 12:23: study cannot be read from REDCap just now. Scanners go on.",
        source(report=FAILED, failures=4),
    ),
    "today, a silent relay": State(READ, path("today"), "Tell your IT engineer.", later(600)),
    "today, withdrawals wait": State(
        READ, path("today"), "30 exams have vanished", source(withheld=Withheld(count=30, total=100))
    ),
    "today, names hidden": State(WRITE, press("today", "Hide names"), "Show names", fresh=True),
    "today, loading": State(READ, loading, "Asking for news ..."),
    "today, not renewed": State(READ, not_renewed, "What you see is as of the time above."),
    "today, overtaken": State(WRITE, overtaken, "Somebody else changed this first"),
    "find, found": State(READ, find("garcia"), "Renée García Márquez is booked for today at 15:30"),
    "find, nobody": State(READ, find("hildegard"), "Nobody like that has a scan at north"),
    "find, too short": State(READ, find("x"), "Type two letters or more."),
    "find, not on the list": State(READ, find("900100"), "not on the list"),
    "week, overlaps and hours": State(READ, path("week"), "outside its hours: 15:30"),
    "week, empty": State(READ, path("week?day=20270301"), "No scan is booked for this week."),
    "exam, to be edited": State(WRITE, path("items/{3}"), "What you change is yours from then on"),
    "exam, removed": State(WRITE, path("items/{5}"), "This exam is not on the list any more", removed),
    "exam, names hidden": State(
        WRITE, press("items/{3}", "Hide names"), "so nothing can be changed here", fresh=True
    ),
    "exam, history": State(READ, path("items/{1}/history"), "The newest first"),
    "unmatched, candidates": State(WRITE, press("unmatched", "Find the booking"), "The likeliest first"),
    "unmatched, images of another": State(
        READ, path("unmatched"), "26 November 2026, PRISMA1 at north; archive PACS", images_of_another
    ),
    "unmatched, none": State(READ, path("unmatched"), "has its booking", later(9 * 86_400), fresh=True),
    "planned and done, nothing": State(
        READ, path("planned-and-done?date_from=2027-01-01&date_to=2027-01-02"), "Nothing was planned"
    ),
    "planned and done, too long": State(
        READ, path("planned-and-done?date_from=2020-01-01&date_to=2026-11-27"), "Something is wrong"
    ),
    "source, withdrawals wait": State(
        ADMIN, path("sources/study"), "I have looked", source(withheld=Withheld(count=30, total=100))
    ),
    "source, failing": State(
        ADMIN, path("sources"), "the last reading failed", source(report=FAILED, failures=4)
    ),
    "draft, wrong": State(ADMIN, draft("{", "Show what"), "This definition cannot be used"),
    "draft, preview": State(ADMIN, draft("", "Show what"), "What each scanner would be shown"),
    "relay, silent": State(ADMIN, path("relays"), "silent: heard of", later(600)),
    "relay, test running": State(ADMIN, TEST_PAGE, "on its way", having_tested()),
    "relay, test red": State(ADMIN, TEST_PAGE, "did not come through", having_tested(*RED)),
    "relay, let in": State(ADMIN, press("relays", "Let in as SKYRA2"), "See that it is your scanner."),
    "relay, no reason": State(ADMIN, path("relays"), "Why it is not needed"),
    "notices, refused": State(ADMIN, notice_that_says_nothing, "nothing would ever be sent"),
    "calendars, made": State(ADMIN, a_made_calendar, "Copy it now: it is shown this once."),
    "accounts, disabled": State(ADMIN, path("accounts"), "disabled", disabled),
    "audit, nothing": State(ADMIN, nothing_in_the_audit_trail, "Nothing of that kind was done"),
    "password, once more": State(
        ADMIN, press("sources/study", "Read REDCap now"), "Type your password once more", later(1000)
    ),
    "sign in, refused": State(READ, wrong_password, "Username or password is wrong"),
    "no such page": State(READ, path("items/none"), "There is no such page or entry"),
    "not allowed": State(READ, path("accounts"), "You may not do this"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_says_what_it_is_and_everybody_can_read_it(
    chromium: Browser, site: str, services: Services, name: str
) -> None:
    state = STATES[name]
    with state.made(services), at(chromium, site, state.who, fresh=state.fresh) as page:
        state.show(page, services)
        expect(page.locator("body")).to_contain_text(state.sees)
        picture(page, name.replace(", ", "-").replace(" ", "-"))
        assert found_by_axe(page) == []
