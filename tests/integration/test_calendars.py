"""Calendars over the real handler: a secret address, revoked with one click, and nobody's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import vobject

from lambdas.access.role import Role
from tests.rigs.api import ApiRig, api, log_lines
from tests.rigs.builders import an_item
from tests.rigs.pages import visitor

NEW = {"site": "north", "scanner": "MR1"}


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(SITE_TIME_ZONE="Europe/Oslo") as running:
        running.clock.seconds = datetime(2026, 11, 21, 8, 0, tzinfo=UTC).timestamp()
        running.services.worklist.put_if_changed(
            [an_item(), an_item("2", site="south"), an_item("3", scheduled_start_date="20270601")]
        )
        yield running


def made(rig: ApiRig) -> str:
    answer = rig.user(Role.ADMIN).post("/calendars", json=NEW)
    assert answer.status == 201, answer.text
    return str(answer.json()["path"])


def test_whoever_has_the_address_reads_the_scanners_next_exams(rig: ApiRig) -> None:
    answer = rig.anybody.get(made(rig))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    (event,) = vobject.readOne(answer.text).vevent_list
    assert event.dtstart.value == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def test_a_withdrawn_exam_leaves_the_calendar(rig: ApiRig) -> None:
    path = made(rig)
    rig.services.worklist.withdraw("north", [an_item().id])
    assert "VEVENT" not in rig.anybody.get(path).text


def test_a_wrong_address_is_none(rig: ApiRig) -> None:
    assert rig.anybody.get(made(rig)[:-6] + "AA.ics").status == 404
    assert rig.anybody.get("/ical/" + "x" * 500 + ".ics").status in {404, 422}


def test_a_revoked_calendar_is_gone_at_once_and_the_audit_trail_knows(rig: ApiRig) -> None:
    path, admin = made(rig), rig.user(Role.ADMIN)
    (calendar,) = admin.get("/calendars").json()
    assert admin.delete(f"/calendars/{calendar['calendar_id']}").status == 204
    assert rig.anybody.get(path).status == 404
    assert admin.delete(f"/calendars/{calendar['calendar_id']}").status == 404
    found = admin.get("/audit?kind=calendar").json()
    assert [(each["action"], each["site"]) for each in found] == [("removed", "north"), ("created", "north")]


def test_the_secret_is_stored_listed_and_logged_nowhere(rig: ApiRig) -> None:
    with log_lines() as lines:
        path = made(rig)
        rig.anybody.get(path)
    secret = path.removeprefix("/ical/").removesuffix(".ics")
    admin = rig.user(Role.ADMIN)
    assert secret not in admin.get("/calendars").text + admin.get("/audit").text + str(lines)
    rows = rig.cloud.dynamodb.scan(TableName="AccountsTable")["Items"]
    assert secret not in str(rows)


def test_an_admin_makes_and_revokes_one_on_the_page(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    assert "No calendar can be read yet." in browser.get("/app/calendars").words
    page = browser.post("/app/calendars/new", NEW)
    (path,) = re.findall(r"https://[^/]+(/ical/[\w-]+\.ics)", page.html)
    assert rig.anybody.get(path).status == 200
    page = browser.get("/app/calendars")
    assert path not in page.html
    (calendar,) = page.buttons("calendar")
    assert "Revoked." in browser.follow(browser.post("/app/calendars/revoke", {"calendar": calendar})).words
    assert rig.anybody.get(path).status == 404


def test_only_admins_see_the_page(rig: ApiRig) -> None:
    assert visitor(rig, Role.WRITE).get("/app/calendars").status == 403
