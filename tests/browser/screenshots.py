"""`make screenshots`: pictures of every page, for people to look at; those in docs/ with them.

python -m tests.browser.screenshots FOLDER [--docs]
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from lambdas.access.role import Role
from tests.browser.conftest import CHROMIUM, at, running_services
from tests.rigs.served import served
from tests.structure.imports import ROOT

VIEWS: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "tablet": {"viewport": {"width": 768, "height": 1024}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "zoomed": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},  # 1280 at 200 %
}
PAGES: Final = (
    "today",
    "find",
    "week",
    "unmatched",
    "planned-and-done",
    "sources",
    "sources/new",
    "relays",
    "write-backs",
    "accounts",
    "notices",
    "calendars",
    "audit",
    "first-run",
)
IN_DOCS: Final = ROOT / "docs" / "images"
"""Has `today.png`, as a desk shows it, and `today-VIEW.png` of each other view: its first screen."""


def take(browser: Browser, site: str, folder: Path, views: list[str], pages: list[str]) -> None:
    """Take a picture of pages, as wide as each view is."""
    for view in views:
        with at(browser, site, Role.ADMIN, **VIEWS[view]) as page:
            for path in pages:
                page.goto(f"/app/{path}")
                page.screenshot(path=folder / f"{path.replace('/', '-')}-{view}.png", full_page=True)


def renew_docs(browser: Browser, site: str) -> None:
    """Take the pictures of Today that the documentation shows: few and small."""
    for view, context in VIEWS.items():
        with at(browser, site, Role.WRITE, **{**context, "device_scale_factor": 1}) as page:
            name = "today" if view == "desktop" else f"today-{view}"
            page.screenshot(path=IN_DOCS / f"{name}.png", full_page=view == "desktop")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures are put")
    parser.add_argument("--docs", action="store_true", help="also renew the pictures in docs/images")
    parser.add_argument("--views", nargs="*", choices=list(VIEWS), default=list(VIEWS))
    parser.add_argument("--pages", nargs="*", choices=PAGES, default=list(PAGES))
    asked = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
    asked.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)  # a line for each request helps nobody here
    with (
        running_services(("Nguyễn^Eve", "Knee")) as services,
        served(services) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        take(browser, site, asked.folder, asked.views, asked.pages)
        if asked.docs:
            renew_docs(browser, site)
        browser.close()
    print(f"{len(asked.views) * len(asked.pages)} pictures are in {asked.folder}")


if __name__ == "__main__":
    main()
