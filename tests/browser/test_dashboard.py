"""What each person does in a real browser, with and without JavaScript; axe-core finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from lambdas.access.role import Role
from lambdas.api.services import Services
from shared.steps.self_test import Hop, HopResult, SelfTestReport
from shared.worklist_item import Status
from tests.browser.conftest import at, found_by_axe, picture
from tests.browser.day import NOW, item_of

PATHS = (
    "today",
    "find",
    "week",
    "unmatched",
    "planned-and-done?date_from=2026-11-27&date_to=2026-11-27",
    "sources",
    "sources/new",
    "relays",
    "write-backs",
    "notices",
    "calendars",
    "accounts",
    "audit",
    "first-run",
    "password",
    "none",
)
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_a_technologist_marks_who_arrived(
    chromium: Browser, site: str, services: Services, javascript: bool
) -> None:
    with at(chromium, site, Role.WRITE, javascript=javascript) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Friday 27 November, north")
        expect(page.get_by_text("on the scanner, 78 min")).to_be_visible()
        expect(page.get_by_text("not started, 24 min late")).to_be_visible()
        page.get_by_role("button", name="Arrived: Renée García Márquez, 15:30").click()
        expect(page.get_by_role("status")).to_contain_text("Saved.")
        expect(page.get_by_text("arrived", exact=True)).to_be_visible()
        page.get_by_role("button", name="Back to booked: Renée García Márquez, 15:30").click()
        expect(page.get_by_text("arrived", exact=True)).to_have_count(0)
    stored = services.worklist.find(item_of("4"))
    assert stored is not None
    assert stored.item.performed_procedure_step_status is Status.SCHEDULED


def test_a_coordinator_sees_who_is_missing_without_a_click(chromium: Browser, site: str) -> None:
    with at(chromium, site, Role.READ) as page:
        box = page.get_by_role("region", name="2 scans are not on the scanner's list")
        expect(box).to_contain_text("Record 900100, mri #1, on 27 November 2026, not usable: mri_time")
        expect(box.get_by_role("link", name="Open the form in REDCap")).to_have_count(2)


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_a_coordinator_finds_out_why_somebody_is_on_the_list(
    chromium: Browser, site: str, javascript: bool
) -> None:
    with at(chromium, site, Role.READ, javascript=javascript) as page:
        if javascript:
            page.keyboard.press("/")
        else:
            page.get_by_role("link", name="Find").click()
        page.get_by_label("Who").fill("garcia")
        page.get_by_label("Who").press("Enter")
        answer = (
            "Renée García Márquez is booked for today at 15:30 on PRISMA1, and is on the list of PRISMA1."
        )
        expect(page.get_by_role("heading", name=answer)).to_be_visible()
        expect(page.get_by_text("PRISMA1 asked at 12:23")).to_be_visible()
        assert "garcia" not in page.url
        picture(page, f"find-{'with' if javascript else 'without'}")


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_a_scan_without_a_booking_is_linked_and_undone(
    chromium: Browser, site: str, javascript: bool
) -> None:
    with at(chromium, site, Role.WRITE, javascript=javascript) as page:
        page.get_by_role("link", name="Unmatched").click()
        page.get_by_role("button", name="Find the booking of the scan at 27 November 10:10").click()
        page.get_by_role("button", name="Link: José Smith").click()
        expect(page.get_by_role("status")).to_contain_text("Linked.")
        page.get_by_role("button", name="Take back: José Smith").click()
        expect(page.get_by_role("status")).to_contain_text("taken back")


def test_an_admin_makes_a_code_and_an_account(chromium: Browser, site: str, services: Services) -> None:
    with at(chromium, site, Role.ADMIN) as page:
        page.get_by_role("link", name="Relays").click()
        page.get_by_label("Site").fill("north")
        page.get_by_role("button", name="Make a code").click()
        expect(page.get_by_text("mwl-relay enroll ")).to_be_visible()
        page.get_by_role("link", name="Accounts").click()
        page.get_by_label("Username").fill("tec")
        page.get_by_label("Password 12 characters").fill("violet kettle moraine")
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("heading", name="tec", exact=True)).to_be_visible()
    services.users.remove("tec")


def test_a_page_renews_itself_without_moving_what_has_the_focus(
    chromium: Browser, site: str, services: Services
) -> None:
    with at(chromium, site, Role.WRITE) as page:
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.get_by_role("link", name="Zoë Núñez")).to_be_focused()
        services.worklist.edit(item_of("3"), {"procedure_description": "Changed meanwhile"})
        page.evaluate("htmx.trigger('#part', 'refresh')")
        expect(page.get_by_text("Changed meanwhile")).to_be_visible()
        expect(page.get_by_role("link", name="Zoë Núñez")).to_be_focused()
        page.get_by_role("button", name="Pause").click()
        services.worklist.edit(item_of("3"), {"procedure_description": "DTI"})
        page.evaluate("htmx.trigger('#part', 'refresh')")
        page.keyboard.press("k")
        expect(page.get_by_text("Changed meanwhile")).to_be_visible()


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_on_a_page(chromium: Browser, site: str, path: str) -> None:
    with at(chromium, site, Role.ADMIN) as page:
        page.goto(f"/app/{path}")
        picture(page, path.split("?", maxsplit=1)[0].replace("/", "-"))
        assert found_by_axe(page) == []


@pytest.mark.parametrize(("name", "width"), [("phone", 390), ("zoom", 600), ("tablet", 820)])
def test_no_page_is_wider_than_its_screen(chromium: Browser, site: str, name: str, width: int) -> None:
    with at(chromium, site, Role.ADMIN, viewport={"width": width, "height": 800}) as page:
        for path in PATHS:
            page.goto(f"/app/{path}")
            if path in {"today", "accounts", "week"}:
                picture(page, f"{path}-{name}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_list_fits_on_a_phone_without_scrolling_sideways(chromium: Browser, site: str) -> None:
    lists = 0
    with at(chromium, site, Role.ADMIN, viewport={"width": 390, "height": 800}) as page:
        for path in ("sources", "unmatched", "relays", "write-backs", "audit", "calendars"):
            page.goto(f"/app/{path}")
            for table in page.locator("table.list").all():
                lists += 1
                assert table.evaluate("it => it.scrollWidth <= it.closest('.scroll').clientWidth"), path
    assert lists >= 6


@pytest.mark.parametrize("width", [390, 768, 820])
def test_the_buttons_of_today_are_in_sight_without_scrolling_sideways(
    chromium: Browser, site: str, width: int
) -> None:
    with at(chromium, site, Role.WRITE, viewport={"width": width, "height": 800}) as page:
        page.goto("/app/today")
        tables = page.locator("table.day").all()
        assert len(tables) == 2
        for table in tables:
            assert table.evaluate("it => it.scrollWidth <= it.closest('.scroll').clientWidth")


def test_a_page_that_asks_for_nothing_does_not_say_that_it_does(chromium: Browser, site: str) -> None:
    with at(chromium, site, Role.READ) as page:
        page.goto("/app/today")
        # What is shown only after a second is shown now.
        page.evaluate("document.getAnimations().forEach(each => each.finish())")
        expect(page.get_by_text("Asking for news ...")).to_be_hidden()
        styled = page.locator(".loading").evaluate("it => getComputedStyle(it).transitionDelay")
    assert styled == "0s"  # the second's delay is that of a page that asks


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_an_engineer_sends_a_test_participant_with_one_click(
    chromium: Browser, site: str, services: Services, javascript: bool
) -> None:
    with at(chromium, site, Role.ADMIN, javascript=javascript) as page:
        page.goto("/app/relays")
        page.get_by_role("button", name="Send a test participant to cellar").click()
        expect(page.get_by_text("on its way: 1 of 8 hops reached")).to_be_visible()
        relay = services.relays.all()[0]
        test = services.self_tests.find(relay)
        assert test is not None
        failed = HopResult(hop=Hop.FETCHED, at=NOW), HopResult(hop=Hop.FOUND, at=NOW, failure="no answer")
        services.self_tests.report(relay, test.test_id, SelfTestReport(hops=failed, over=True))
        if not javascript:
            page.get_by_role("link", name="look again").click()
        row = page.get_by_role("row").filter(has_text="C-FIND")
        expect(row).to_contain_text("No answer. The relay has the test participant")
        if javascript:
            assert found_by_axe(page) == []
            picture(page, "relay-test")


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_a_data_manager_has_the_figures_with_one_click_and_the_csv_with_another(
    chromium: Browser, site: str, javascript: bool
) -> None:
    with at(chromium, site, Role.READ, javascript=javascript) as page:
        page.get_by_role("link", name="Planned and done").click()
        expect(page.get_by_role("img", name="Booked and used hours")).to_be_visible()
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="PRISMA1", exact=True))
        expect(row.get_by_role("cell").nth(1)).to_have_text("4")  # bookings
        expect(row.get_by_role("cell").nth(4)).to_have_text("3")  # scans
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        assert download.value.suggested_filename == "planned-and-done.csv"
        assert Path(download.value.path()).read_text("utf-8").startswith("group,bookings,")


def test_an_engineer_lets_a_refused_scanner_in_with_two_clicks(
    chromium: Browser, site: str, services: Services
) -> None:
    with at(chromium, site, Role.ADMIN) as page:
        page.goto("/app/relays")
        picture(page, "relays")
        page.get_by_role("link", name="Let in as SKYRA2").click()
        assert found_by_axe(page) == []
        page.get_by_role("button", name="Let in as SKYRA2").click()
        expect(page.get_by_role("status")).to_contain_text("The scanner is let in")
        page.get_by_role("button", name="Try again: end or change received 2026-11-27 08:00").click()
        expect(page.get_by_role("status")).to_contain_text("sends the report again")
    configuration, _ = services.relays.configuration(services.relays.all()[0].relay_id)
    assert [each.ae_title for each in configuration.overrides.scanners] == ["SKYRA2"]


def test_an_admin_tells_somebody_and_gives_a_calendar_away_by_the_keyboard_alone(
    chromium: Browser, site: str
) -> None:
    with at(chromium, site, Role.ADMIN) as page:
        page.get_by_role("link", name="Notices").press("Enter")
        page.get_by_label("Site", exact=True).fill("north")
        page.get_by_label("To an e-mail address").fill("coordinator@example.org")
        page.get_by_role("button", name="Make the notice").press("Enter")
        expect(page.get_by_role("heading", name="E-mail to coordinator@example.org, north")).to_be_visible()
        page.get_by_role("button", name="Remove the notice to coordinator@example.org").press("Enter")
        expect(page.get_by_text("Nobody is told anything yet.")).to_be_visible()
        page.get_by_role("link", name="Calendars").press("Enter")
        page.get_by_label("Site", exact=True).fill("north")
        page.get_by_label("Scanner (AE title)").fill("PRISMA1")
        page.get_by_label("Scanner (AE title)").press("Enter")
        address = page.get_by_text("/ical/").inner_text()
        calendar = page.request.get(address).text()
        assert calendar.count("BEGIN:VEVENT") == 4
        assert "García" not in calendar
        page.get_by_role("button", name="Revoke the calendar of PRISMA1").press("Enter")
        expect(page.get_by_text("No calendar can be read yet.")).to_be_visible()
        assert page.request.get(address).status == 404
