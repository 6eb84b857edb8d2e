"""Whatever REDCap, a scanner, a relay or a person writes is text on every page that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest

from lambdas.access.role import Role
from shared.worklist_item import WorklistItem
from tests.rigs.api import ApiRig, api
from tests.rigs.hostile_text import Planted, evil, evil_title, hostile_site
from tests.rigs.pages import Page, Visitor, visitor


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        yield running


@pytest.fixture(scope="module")
def pages(rig: ApiRig) -> dict[str, Page]:
    """Return every page that shows a text of somebody's."""
    item = hostile_site(rig.services)
    browser = visitor(rig, Role.ADMIN)
    [relay] = rig.services.relays.all()
    let_in = f"relays/{relay.relay_id}/let-in?ae_title=%3Cb+onx%3ECALL"
    gets = (
        *("today", "week", "unmatched", "planned-and-done", "sources", "sources/study", "relays", let_in),
        *("write-backs", "calendars", "accounts", "audit", "notices"),
        *(f"items/{item.id}", f"items/{item.id}/history", f"relays/{relay.relay_id}/test"),
    )
    found = {path: browser.get(f"/app/{path}") for path in gets}
    return found | _answers(browser, item)


def _answers(browser: Visitor, item: WorklistItem) -> dict[str, Page]:
    """Return what the forms answer that show what was typed, or candidates."""
    draft = {"draft": f"</textarea>{evil('draft')}", "do": "preview"}
    return {
        "find": browser.post("/app/find", {"who": item.patient_id, "site": "north"}),
        "candidates": browser.post("/app/unmatched/candidates", {"step": "2.25.2"}),
        "linked": browser.post("/app/unmatched/candidates", {"step": "2.25.1"}),
        "draft": browser.post("/app/sources/draft", draft),
        "audit of": browser.post("/app/audit", {"actor": evil("actor")}),
        "login": browser.post("/app/login", {"username": evil("login"), "password": "no"}),
    }


def test_no_text_becomes_a_part_of_a_page(pages: dict[str, Page]) -> None:
    assert {name: page.status for name, page in pages.items() if page.status not in {200, 401, 422}} == {}
    assert {name: found for name, page in pages.items() if (found := Planted(page.html).found)} == {}


FIELDS = ("protocol_name", "study_description", "referring_physician_name", "medical_alerts", "allergies")
SHOWN = {
    "today": ("patient_name", "patient_id", "procedure_description", "r", "r-reason", "h-field", "relay"),
    "find": ("patient_name", "record"),
    "candidates": ("mpps-name", "mpps-id"),
    "linked": ("patient_name", "patient_id", "procedure_description"),
    "unmatched": ("mpps-name", "mpps-id"),
    "sources": ("error",),
    "sources/study": ("n", "n-field", "n-reason", "h", "h-reason", "r-field", "error", "ev", "form"),
    "relays": ("relay", "version", "problem", "why", "parked"),
    "write-backs": ("record", "refusal"),
    "draft": ("draft",),
    "audit of": ("actor",),
}


@pytest.mark.parametrize("page", SHOWN)
def test_the_texts_are_shown_as_they_were_written(pages: dict[str, Page], page: str) -> None:
    text = unescape(pages[page].html)
    assert [place for place in SHOWN[page] if evil(place) not in text] == []


def test_the_names_of_scanners_and_the_fields_of_an_exam_are_shown_too(pages: dict[str, Page]) -> None:
    def text(page: str) -> str:
        return unescape(pages[page].html)

    assert evil_title("CAL") in text("calendars")
    assert evil_title("MR") in text("week")
    assert evil_title("MR") in text("planned-and-done")
    assert evil_title("CALL") in text("relays")
    test_page = next(name for name in pages if name.endswith("/test"))
    assert "<img onx>hop" in text(test_page)
    item = next(name for name in pages if name.startswith("items/") and not name.endswith("history"))
    assert [place for place in FIELDS if evil(place) not in text(item)] == []
    assert evil_title("SEEN") in text(item)
