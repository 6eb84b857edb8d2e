"""A real browser, the system's Chromium driven by Playwright, at a dashboard that uvicorn serves.

One browser for the folder, and one site a module: what a test changes it puts back.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, expect, sync_playwright

from infra.redcap_simulator import RedcapSimulator, classic
from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from tests.browser.day import HOSTILE, NOW, fill
from tests.rigs.api import PASSWORD, quick_passwords
from tests.rigs.cloud import Clock, cloud
from tests.rigs.patience import PATIENCE
from tests.rigs.served import served

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = os.environ.get("MWL_SCREENSHOTS", "")
"""A folder that takes pictures of the pages; empty: none are taken."""
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")

expect.set_options(timeout=PATIENCE * 1000)  # only a test that fails waits so long

_signed_in: dict[tuple[str, Role], StorageState] = {}
"""The session of each role at each site: signing in once is enough, but for who changes the session."""


@pytest.fixture(scope="package")  # playwright's event loop must have ended before other tests start theirs
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def running_services(fifth: tuple[str, str] = HOSTILE, *, empty: bool = False) -> Iterator[Services]:
    """Run a cloud that has had a day, and the REDCap it is read from.

    :param fifth: the name and the procedure of the fifth participant.
    :param empty: nothing but accounts, as on the first day.
    """
    with (
        RedcapSimulator([classic(3)]) as redcap,
        cloud(DEFAULT_SITE="north", SITE_TIME_ZONE="Europe/Oslo") as running,
    ):
        running.clock.seconds = NOW.timestamp()
        services = services_from(load(ApiSettings), now=running.clock, passwords=quick_passwords())
        for role in (Role.READ, Role.WRITE, Role.ADMIN):
            add_user(services, role.value, PASSWORD, role)
        for name in ("study", "classic"):
            content = json.dumps({"token": redcap.projects[0].token()})
            running.secrets.create_secret(Name=f"mwl-relay/redcap/{name}", SecretString=content)
        if not empty:
            fill(services, redcap, fifth)
        yield services


def clock_of(services: Services) -> Clock:
    """Return the clock of a running cloud, for a test to set; it has to set it back."""
    return cast("Clock", services.now)


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
def at(
    browser: Browser, site: str, role: Role, *, javascript: bool = True, fresh: bool = False, **context: Any
) -> Iterator[Page]:
    """Give Today to somebody who is signed in: every request to elsewhere but REDCap fails the test.

    :param fresh: with a session of its own, for who changes the session.
    """
    # What is done in a session of its own, on another day say, may end the session that is kept.
    if fresh:
        _signed_in.pop((site, role), None)
    state = _signed_in.get((site, role))
    opened = browser.new_context(
        java_script_enabled=javascript, base_url=site, storage_state=state, **context
    )
    opened.set_default_timeout(PATIENCE * 1000)
    page = opened.new_page()
    elsewhere: list[str] = []
    refused: list[str] = []

    def requested(request: Request) -> None:
        if not request.url.startswith(site) and "/redcap_v" not in request.url:
            elsewhere.append(request.url)

    def said(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            refused.append(message.text)

    page.on("request", requested)
    page.on("console", said)
    page.goto("/app/today")
    if state is None:
        sign_in(page, role)
        if not fresh:
            _signed_in[site, role] = opened.storage_state()
    yield page
    opened.close()
    assert elsewhere == []
    assert refused == []


def sign_in(page: Page, role: Role) -> None:
    """Sign in as a person does."""
    page.get_by_label("Username").fill(role.value)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/today")


def found_by_axe(page: Page) -> list[str]:
    """Return what axe-core finds wrong in both colour schemes, by WCAG 2.2 AA and its best practices."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.evaluate(AXE)
    found = _violations(page, "axe.run()")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += _violations(page, "axe.run({runOnly: ['color-contrast']})")  # all that depends on colours
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    return found


def _violations(page: Page, run: str) -> list[str]:
    faded_in = "Promise.all(document.getAnimations().map(each => each.finished))"
    # Until then a text is paler than it will be.
    result: dict[str, Any] = page.evaluate(f"() => {faded_in}.then(() => {run})")
    return [f"{each['id']}: {node['html']}" for each in result["violations"] for node in each["nodes"]]


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page, if a folder for them is named."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
