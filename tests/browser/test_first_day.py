"""On the first day, with nothing set up yet, every page says what to do, and axe-core finds nothing on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, cast

import pytest
from playwright.sync_api import Browser, expect

from lambdas.access.role import Role
from tests.browser.conftest import at, found_by_axe, running_services
from tests.rigs.served import served

pytestmark = pytest.mark.slow

FIRST_DAY: Final = {
    "today": "No REDCap project is a source yet. See the first steps.",
    "find": "Type a record, an ID or a part of the name.",
    "week": "No scan is booked for this week.",
    "unmatched": "Every scan of the last seven days has its booking.",
    "planned-and-done": "Nothing was planned and nothing was scanned in these days.",
    "sources": "There is no source yet.",
    "relays": "No relay is enrolled yet.",
    "write-backs": "REDCap has taken everything.",
    "notices": "Nobody is told anything yet.",
    "calendars": "No calendar can be read yet.",
    "first-run": "A REDCap project is a source: to do.",
}


@pytest.fixture(scope="module")
def first_day() -> Iterator[str]:
    """Return the address of a dashboard on its first day, with an OpenID provider beside it."""
    with running_services(empty=True) as services:
        beside = replace(services, open_id_provider=cast("Any", object()))
        with served(beside) as url:
            yield url


@pytest.mark.parametrize("where", FIRST_DAY)
def test_on_the_first_day_a_page_says_what_to_do(chromium: Browser, first_day: str, where: str) -> None:
    with at(chromium, first_day, Role.ADMIN) as page:
        page.goto(f"/app/{where}")
        expect(page.locator("main")).to_contain_text(FIRST_DAY[where])
        assert found_by_axe(page) == []


def test_who_signs_in_elsewhere_can_read_the_page_too(chromium: Browser, first_day: str) -> None:
    page = chromium.new_page(base_url=first_day)
    page.goto("/app/login")
    expect(page.get_by_role("link", name="Sign in with your organisation's account")).to_be_visible()
    assert found_by_axe(page) == []
    page.close()
