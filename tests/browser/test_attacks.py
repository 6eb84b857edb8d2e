"""The dashboard attacked in a real browser: hostile texts, and forms and frames of other sites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, expect

from lambdas.access.role import Role
from lambdas.api.services import Services
from shared.worklist_item import WorklistItem
from tests.browser.conftest import at, running_services
from tests.rigs.hostile_text import evil, hostile_site

pytestmark = pytest.mark.slow

PAGES = (
    *("today", "week", "unmatched", "planned-and-done", "sources", "sources/study", "relays", "write-backs"),
    *("calendars", "accounts", "audit", "items/{item}", "items/{item}/history"),
)
PLANTED = "[...document.querySelectorAll('[onx], main img, main b, main script')].map(each => each.outerHTML)"


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with running_services(empty=True) as services:
        yield services


@pytest.fixture(scope="module")
def item(services: Services) -> WorklistItem:
    return hostile_site(services)


def test_no_text_of_redcap_a_scanner_or_a_relay_is_more_than_text(
    chromium: Browser, site: str, item: WorklistItem
) -> None:
    with at(chromium, site, Role.ADMIN) as page:
        dialogs: list[str] = []

        def noted(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", noted)
        found = {}
        for path in PAGES:
            page.goto(f"/app/{path.format(item=item.id)}")
            if planted := page.evaluate(f"() => {PLANTED}"):
                found[path] = planted
        page.goto("/app/today")
        page.evaluate("htmx.trigger('#part', 'refresh')")  # what is put in later is no more than text either
        expect(page.get_by_text(evil("procedure_description"))).to_be_visible()
        assert (found, page.evaluate(f"() => {PLANTED}"), dialogs) == ({}, [], [])


def test_a_form_of_another_site_does_nothing_and_no_other_site_frames_a_page(
    chromium: Browser, site: str, services: Services, item: WorklistItem
) -> None:
    stored = services.worklist.find(item.id)
    assert stored is not None
    with at(chromium, site, Role.WRITE) as page:
        other = site.replace("127.0.0.1", "localhost")  # another host: another site
        page.route(f"{other}/evil", lambda route: route.fulfill(body=_evil(site, stored.version, item.id)))
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
        assert cookies["mwl-session"]["sameSite"] == "Strict"
        assert cookies["mwl-session"]["httpOnly"]
        evil = page.context.new_page()
        evil.route(f"{other}/evil", lambda route: route.fulfill(body=_evil(site, stored.version, item.id)))
        evil.goto(f"{other}/evil")
        evil.get_by_role("button").click()
        expect(evil.get_by_role("heading", level=1)).to_have_text("Sign in")  # the cookie stayed
        framed = page.context.new_page()
        frame = f"<iframe src='{site}/app/login'></iframe>"
        framed.route(f"{other}/frame", lambda route: route.fulfill(content_type="text/html", body=frame))
        framed.goto(f"{other}/frame")
        assert "Sign in" not in framed.frames[-1].content()
    assert services.worklist.find(item.id) == stored


def _evil(site: str, version: str, item: str) -> str:
    return (
        f"<!doctype html><form method=post action='{site}/app/today/mark'>"
        f"<input type=hidden name=mark value='NO_SHOW/{item}/{version}'><button>Win</button></form>"
    )
