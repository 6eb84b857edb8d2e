"""The page "Planned and done", as a browser without JavaScript gets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lambdas.access.role import Role
from shared.worklist_item import Status
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.pages import Page, visitor

URL = "/app/planned-and-done"
WEEK = f"{URL}?date_from=2026-11-16&date_to=2026-11-22"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(SITE_TIME_ZONE="UTC") as running:
        running.clock.seconds = datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()
        yield running


def filled(rig: ApiRig) -> None:
    item = an_item(scheduled_end_time="103000")
    gone = an_item("2", performed_procedure_step_status=Status.NO_SHOW, scheduled_station_aetitle="<b>SKYRA")
    rig.services.worklist.put_if_changed([item, gone])
    rig.services.steps.record_event(an_event(item), site="north", relay_id="r")


def shown(rig: ApiRig, url: str = WEEK, role: Role = Role.READ) -> Page:
    page = visitor(rig, role).get(url)
    assert page.status == 200, page.words
    return page


def test_before_the_first_exam_it_says_so(rig: ApiRig) -> None:
    assert "No exam has been booked yet." in shown(rig, URL).words


def test_days_without_exams_say_so(rig: ApiRig) -> None:
    filled(rig)
    page = shown(rig, f"{URL}?date_from=2026-01-01&date_to=2026-01-02")
    assert "Nothing was planned and nothing was scanned in these days." in page.words


def test_it_says_first_whether_everybody_was_on_the_list(rig: ApiRig) -> None:
    filled(rig)
    page = shown(rig)
    assert "Everybody was on the list in time." in page.words
    assert "Total 0 2 1.0 0.0 1 1 / 1" in page.words


def test_each_drawing_has_the_table_with_it(rig: ApiRig) -> None:
    filled(rig)
    page = shown(rig)
    assert page.html.count("<svg") == 3
    assert page.html.index("</table>") < page.html.index("<svg")


def test_what_scanners_are_called_is_text_in_the_table_and_in_the_drawings(rig: ApiRig) -> None:
    filled(rig)
    assert "<b>" not in shown(rig).html


def test_no_page_has_a_style_or_a_script_of_its_own(rig: ApiRig) -> None:
    filled(rig)
    assert not re.findall(r"style=|<style|<script(?! src=)", shown(rig).html)


def test_the_csv_is_of_what_is_shown(rig: ApiRig) -> None:
    filled(rig)
    browser = visitor(rig, Role.READ)
    page = browser.get(f"{WEEK}&by=study")
    (address,) = re.findall(r'href="(/app/planned-and-done\.csv[^"]+)"', page.html)
    answer = browser.get(address.replace("&amp;", "&"))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.html.splitlines()[1].startswith("study,2,60,")


def test_a_period_that_is_too_long_is_refused_in_words(rig: ApiRig) -> None:
    filled(rig)
    page = visitor(rig, Role.READ).get(f"{URL}?date_from=2020-01-01&date_to=2026-11-22")
    assert page.status == 422
    assert "366 days" in page.words


def test_an_exam_that_was_missing_is_the_first_thing_to_see(rig: ApiRig) -> None:
    item = an_item()
    rig.services.worklist.put_if_changed([item])
    stored = rig.services.worklist.find(item.id)
    assert stored is not None
    late = datetime(2026, 11, 22, 9, 40, tzinfo=UTC)
    known = {"listed_at": late.isoformat(), "known_at": "2026-11-22T08:00:00Z"}
    row = rig.cloud.tables.item.get("SITE#north", f"ITEM#{item.id}")
    row.timing = known
    row.save()
    assert "1 exam was not on the list in time" in shown(rig).words
