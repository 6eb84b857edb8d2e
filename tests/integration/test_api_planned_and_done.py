"""The report over the real handler and tables: what counts, who may, and what it costs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.api.reports import reading
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import RejectedRow
from lambdas.store.plans.timing import Saved
from shared.steps.procedure_step import EventKind
from shared.worklist_item import Status, WorklistItem
from tests.rigs.api import PASSWORD, ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.site_state import DEFINITION

DAY = "20261122"
URL = "/reports/planned-and-done?site=north&date_from=20261122&date_to=20261122"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(SITE_TIME_ZONE="UTC") as running:
        running.clock.seconds = datetime(2026, 11, 21, 8, 0, tzinfo=UTC).timestamp()
        yield running


def book(rig: ApiRig, *items: WorklistItem, **options: Any) -> None:
    rig.services.worklist.put_if_changed(items, **options)


def scan(rig: ApiRig, item: WorklistItem | None, uid: str) -> None:
    for event in (an_event(item, uid), an_event(item, uid, EventKind.N_SET, "COMPLETED")):
        assert rig.services.steps.record_event(event, site="north", relay_id="r").outcome == "recorded"


def report(rig: ApiRig, url: str = URL) -> dict[str, Any]:
    answer = rig.user(Role.READ).get(url)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def total(rig: ApiRig, url: str = URL) -> dict[str, Any]:
    found: dict[str, Any] = report(rig, url)["report"]["total"]
    return found


def figures(rig: ApiRig, *names: str, url: str = URL) -> tuple[Any, ...]:
    found = total(rig, url)
    return tuple(found[name] for name in names)


def test_what_was_booked_and_what_was_done_stand_side_by_side(rig: ApiRig) -> None:
    item = an_item(scheduled_end_time="100500")
    book(rig, item, an_item("002", scheduled_start_date="20261123"))
    scan(rig, item, "2.25.1")
    scan(rig, None, "2.25.2")
    names = ("bookings", "booked_minutes", "scans", "used_minutes", "start_delay_p50", "overrun")
    # Both scans are from 09:31 to 10:15:00.25, on one scanner.
    assert figures(rig, *names) == (1, 35, 2, 44, 1, 1)
    assert figures(rig, "started", "without_booking", "elsewhere") == (1, 1, 0)


def test_a_line_stands_for_each_study(rig: ApiRig) -> None:
    item = an_item()
    book(rig, item)
    scan(rig, item, "2.25.1")
    scan(rig, None, "2.25.2")
    lines = report(rig, f"{URL}&by=study")["report"]["lines"]
    assert [(line["group"], line["figures"]["scans"]) for line in lines] == [("no booking", 1), ("study", 1)]


def test_a_scan_of_another_day_than_planned_is_counted_with_both(rig: ApiRig) -> None:
    item = an_item(scheduled_start_date="20261101")
    book(rig, item)
    scan(rig, item, "2.25.1")
    assert figures(rig, "bookings", "scans", "without_booking") == (0, 1, 0)
    assert report(rig, f"{URL}&by=study")["report"]["lines"][0]["group"] == "study"
    planned = "/reports/planned-and-done?site=north&date_from=20261101&date_to=20261101"
    assert figures(rig, "started", "started_on_its_day", url=planned) == (1, 0)


def test_what_is_taken_off_the_list_is_a_cancellation_late_or_not(rig: ApiRig) -> None:
    late, early, back = an_item("1", scheduled_start_time="0700"), an_item("2"), an_item("3")
    book(rig, late, early, back)
    rig.services.worklist.withdraw("north", [each.id for each in (late, early, back)])
    book(rig, back)
    assert figures(rig, "bookings", "cancelled", "cancelled_late") == (3, 2, 1)


def test_a_cancelled_status_is_a_cancellation_of_its_time(rig: ApiRig) -> None:
    item = an_item(scheduled_start_time="0700")
    book(rig, item)
    rig.services.worklist.edit(item.id, {"performed_procedure_step_status": Status.CANCELLED})
    assert figures(rig, "bookings", "cancelled", "cancelled_late") == (1, 1, 1)


def test_what_moved_to_another_site_is_counted_there_alone(rig: ApiRig) -> None:
    book(rig, an_item())
    book(rig, an_item(site="south"), sites=["north", "south"])
    assert figures(rig, "bookings", "cancelled") == (0, 0)
    assert figures(rig, "bookings", "cancelled", url=URL.replace("north", "south")) == (1, 0)


def test_saved_to_listed_is_what_the_sync_was_told(rig: ApiRig) -> None:
    item, other = an_item("1"), an_item("2")
    now = datetime.fromtimestamp(rig.clock(), UTC)
    book(rig, item, saved={item.id: Saved(now, exactly=True)})
    rig.clock.advance(30)
    book(rig, other, saved={other.id: Saved(now)})
    names = ("saved_known", "saved_exactly", "saved_to_listed_p50", "saved_to_listed_p95")
    assert figures(rig, *names) == (2, 1, 0, 30)


def test_who_was_rejected_until_after_the_planned_time_was_missing(rig: ApiRig) -> None:
    item = an_item()
    seen_at = datetime.fromtimestamp(rig.clock(), UTC)
    rig.clock.seconds = datetime(2026, 11, 22, 9, 31, tzinfo=UTC).timestamp()
    book(rig, item, saved={item.id: Saved(datetime.fromtimestamp(rig.clock(), UTC), seen_at=seen_at)})
    assert figures(rig, "bookings", "missing") == (1, 1)


def reject(rig: ApiRig, **row: Any) -> RejectedRow:
    """Store a source whose only row is rejected."""
    definition = definition_from(DEFINITION)
    rig.services.sources.put(definition)
    rig.services.sources.acquire(definition.id, "tests", now=rig.clock(), seconds=60)
    rejected = RejectedRow.model_validate({"record": "9", "field": "t", "reason": "no", "day": DAY, **row})
    state = SourceState(rejected=(rejected,), rejected_count=1)
    rig.services.sources.save_state(definition.id, "tests", state)
    return rejected


def test_a_row_that_was_never_shown_is_missing_once_its_day_has_passed(rig: ApiRig) -> None:
    reject(rig)
    assert figures(rig, "missing") == (0,)
    rig.clock.advance(2 * 86_400)
    assert figures(rig, "missing", "bookings") == (1, 0)


def test_a_booking_that_became_unreadable_was_not_cancelled(rig: ApiRig) -> None:
    item = an_item("9")
    book(rig, item)
    rig.services.worklist.withdraw("north", [item.id])
    reject(rig, record="9")
    assert figures(rig, "bookings", "cancelled") == (0, 0)


def test_days_are_those_of_the_site(rig: ApiRig) -> None:
    reject(rig, day="20300101")  # the source's zone is Oslo's
    item = an_item()
    book(rig, item)
    scan(rig, item, "2.25.1")
    assert report(rig)["zone"] == "Europe/Oslo"
    assert figures(rig, "scans", "start_delay_p50") == (1, 1)


def test_a_spreadsheet_gets_the_same(rig: ApiRig) -> None:
    book(rig, an_item())
    answer = rig.user(Role.READ).get(URL, headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["group"], row["bookings"], row["start_delay_p50"]) for row in rows] == [
        ("MR1", "1", ""),
        ("total", "1", ""),
    ]


def test_no_name_and_no_id_is_in_a_report(rig: ApiRig) -> None:
    item = an_item("secret-record")
    book(rig, item)
    scan(rig, item, "2.25.1")
    text = str(report(rig))
    assert not {word for word in ("Núñez", "Zoë", "sub-", "secret", item.id, "2.25") if word in text}


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("date_from=20261122&date_to=20261121", "date_from"),
        ("date_from=20250101&date_to=20261121", "date_from"),
        ("by=person", "by"),
        ("late_hours=-1", "late_hours"),
        ("day=20261122", "day"),
    ],
)
def test_a_question_without_an_answer_is_refused(rig: ApiRig, query: str, where: str) -> None:
    book(rig, an_item())
    answer = rig.user(Role.READ).get(f"/reports/planned-and-done?site=north&{query}")
    assert answer.status == 422
    assert where in answer.text


def test_a_site_out_of_reach_is_refused(rig: ApiRig) -> None:
    book(rig, an_item(), an_item("2", site="south"))
    add_user(rig.services, "southerner", PASSWORD, Role.READ)
    rig.services.users.change("southerner", about={"sites": ("south",)})
    assert rig.user(Role.READ, "southerner").get(URL).status == 403


def test_too_many_exams_are_refused_and_not_read_for_ever(
    rig: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EXAMS", 2)
    book(rig, an_item("1"), an_item("2"), an_item("3"))
    answer = rig.user(Role.READ).get(URL)
    assert answer.status == 422
    assert "fewer days" in answer.text


def test_a_report_asks_its_days_and_no_others(rig: ApiRig) -> None:
    book(rig, *(an_item(str(n), scheduled_start_date=f"202610{n:02}") for n in range(1, 29)), an_item())
    asked: list[tuple[str, int]] = []
    original = rig.cloud.tables.item._get_connection().__class__.query

    def query(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        asked.append((kwargs.get("index_name") or "", found["ScannedCount"]))
        return found

    client = rig.user(Role.READ)
    with patch.object(rig.cloud.tables.item._get_connection().__class__, "query", query):
        assert client.get(URL).status == 200
    assert sorted(each for each in asked if each[0]) == [("by_group", 0), ("by_group", 0), ("by_start", 1)]


def test_an_item_of_an_earlier_build_counts_and_its_cancellation_too(rig: ApiRig) -> None:
    item = an_item(scheduled_start_time="0700")
    book(rig, item)
    row = rig.cloud.tables.item.get("SITE#north", f"ITEM#{item.id}")
    row.update(actions=[rig.cloud.tables.item.timing.remove()])
    names = ("bookings", "saved_known", "missing", "cancelled_late")
    assert figures(rig, *names) == (1, 0, 0, 0)
    rig.services.worklist.withdraw("north", [item.id])
    assert figures(rig, *names) == (1, 0, 0, 1)


def test_a_tombstone_of_an_earlier_build_is_not_counted(rig: ApiRig) -> None:
    item = an_item()
    book(rig, item)
    rig.services.worklist.withdraw("north", [item.id])
    model = rig.cloud.tables.item
    row = model.get("SITE#north", f"ITEM#{item.id}")
    row.update(actions=[model.timing.remove(), model.group_key.remove(), model.group_at.remove()])
    assert figures(rig, "bookings", "cancelled") == (0, 0)


def test_what_comes_back_is_a_booking_and_no_cancellation_any_more(rig: ApiRig) -> None:
    item = an_item(scheduled_start_time="0700")
    book(rig, item)
    rig.services.worklist.remove(item.id)
    assert figures(rig, "bookings", "cancelled", "cancelled_late") == (1, 1, 1)
    rig.services.worklist.restore(item.id)
    assert figures(rig, "bookings", "cancelled", "cancelled_late") == (1, 0, 0)
