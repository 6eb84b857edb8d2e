"""Today: what needs somebody on top, one table a scanner, and buttons only where they make sense."""

from __future__ import annotations

from datetime import timedelta

from lambdas.api.pages.views.day import Row, day_view, to_come
from lambdas.store.ownership import StoredItem, from_scanner, without_stale
from lambdas.store.unfinished_write_backs import PerformedStep
from shared.scanners.shown_items import ShownTo
from shared.worklist_item import Status
from tests.rigs.site_state import a_site, performed, stored

TODAY = "20261122"


def row(item: StoredItem, *steps: PerformedStep, hides_names: bool = False, may_mark: bool = True) -> Row:
    known = {each.step.sop_instance_uid: each for each in steps}
    view = day_view(a_site(), TODAY, [item], known, hides_names=hides_names, may_mark=may_mark)
    [table] = view.tables
    return table.rows[0]


def test_the_title_is_the_day() -> None:
    assert day_view(a_site(), TODAY, [], {}).title == "Sunday 22 November"


def test_an_empty_day_says_what_to_expect() -> None:
    assert "shows here within a minute" in day_view(a_site(), TODAY, [], {}).empty
    assert day_view(a_site(), "20261123", [], {}).empty == "No scan is booked for this day."


def test_each_scanner_has_a_table_in_order_of_time() -> None:
    items = [
        stored("1", scheduled_station_aetitle="MR2", scheduled_start_time="0800"),
        stored("2", scheduled_start_time="1500"),
        stored("3", scheduled_start_time="0900"),
    ]
    view = day_view(a_site(), TODAY, items, {})
    shown = [(table.scanner, [each.time for each in table.rows]) for table in view.tables]
    assert shown == [("MR1", ["09:00", "15:00"]), ("MR2", ["08:00"])]
    assert view.empty == ""


def test_a_scanner_says_when_it_last_asked() -> None:
    items = [stored("1"), stored("2", scheduled_station_aetitle="MR2")]
    first, second = day_view(a_site(), TODAY, items, {}).tables
    assert first.heard == "Asked for its list 40 s ago, at 09:59."
    assert second.heard == "This scanner has not asked for its list yet."


def test_the_next_participant_of_each_scanner_is_named() -> None:
    items = [
        stored("1", status=Status.COMPLETED, scheduled_start_time="0800"),
        stored("2", scheduled_start_time="0900"),
        stored("3", status=Status.ARRIVED, scheduled_start_time="1100"),
        stored("4", scheduled_station_aetitle="MR2", status=Status.ARRIVED),
        stored("5", scheduled_station_aetitle="MR3", status=Status.NO_SHOW),
    ]

    def following(day: str) -> list[str]:
        tables = day_view(a_site(), day, items, {}).tables
        return [f"{table.scanner} {each.time}" for table in tables for each in table.rows if each.is_next]

    assert following(TODAY) == ["MR1 09:00", "MR2 09:30"]
    assert following("20261123") == []


def test_the_page_says_as_of_when_it_is() -> None:
    assert day_view(a_site(), TODAY, [], {}).as_of == "10:00"


def test_without_any_word_of_a_scanner_nothing_is_said_of_it() -> None:
    [table] = day_view(a_site(relays=()), TODAY, [stored()], {}).tables
    assert table.heard == ""


def test_who_comes_and_for_what() -> None:
    shown = row(stored())
    assert (shown.time, shown.name, shown.about) == ("09:30", "Zoë Núñez", "sub-001, Brain MRI")


def test_a_hidden_name_hides_the_id_too() -> None:
    shown = row(stored(), hides_names=True)
    assert (shown.name, shown.about) == ("Z. N.", "Brain MRI")


def test_a_scan_done_elsewhere_says_where() -> None:
    item = stored("1", "2.25.1", status=Status.COMPLETED)
    shown = row(item, performed(started="09:30", ended="10:00", station_aetitle="MR2"))
    assert shown.note == "started 09:30; done on MR2"


def test_it_says_whether_redcap_knows() -> None:
    item = stored("1", "2.25.1", status=Status.COMPLETED)
    assert row(item, performed()).told == "in REDCap"
    assert row(item, performed(write_back="due")).told == "REDCap is being told"
    assert row(item, performed(write_back="parked")).told == "REDCap refuses it: see Write-backs"
    by_hand = stored("1", "2.25.1", status=Status.COMPLETED, source="")
    assert row(by_hand, performed()).told == ""


def marks(item: StoredItem) -> list[str]:
    return [mark.value.split("/")[0] for mark in row(item).marks]


def test_only_who_is_due_can_be_marked() -> None:
    assert marks(stored()) == ["ARRIVED", "NO_SHOW"]
    assert marks(stored(status=Status.ARRIVED)) == ["SCHEDULED", "NO_SHOW"]
    assert marks(stored(status=Status.NO_SHOW)) == ["SCHEDULED"]
    for status in (Status.IN_PROGRESS, Status.COMPLETED, Status.CANCELLED):
        assert marks(stored(status=status)) == []


def test_nobody_is_marked_before_the_day() -> None:
    item = stored(scheduled_start_date="20261123")
    [table] = day_view(a_site(), "20261123", [item], {}, may_mark=True).tables
    assert table.rows[0].marks == ()


def test_a_mark_names_the_version_that_was_looked_at() -> None:
    item = stored()
    assert row(item).marks[0].value == f"ARRIVED/{item.item.id}/{item.version}"


def test_who_may_only_read_has_no_buttons() -> None:
    assert row(stored(), may_mark=False).marks == ()


def test_an_exam_that_was_begun_and_never_ended_is_not_said_to_be_late_but_asked_about() -> None:
    began = performed("2.25.1", "08:05").step
    running = from_scanner(stored("1", scheduled_start_time="0800"), began)
    shown = row(without_stale(running, [], began.reported_at + timedelta(seconds=1)))
    assert (shown.kind, shown.words, shown.note) == ("late", "begun, not ended", "say whether it was done")


def test_who_has_seen_an_exam_is_told_of_those_to_come_alone() -> None:
    by_status = {each: stored(each.value, status=each) for each in Status}
    seen = ShownTo(ae_title="MR1", first_at=a_site().now, last_at=a_site().now, times=1)
    expected = [Status.SCHEDULED, Status.ARRIVED, Status.READY]
    assert to_come(by_status.values()) == [item for status, item in by_status.items() if status in expected]
    for status, item in by_status.items():
        [table] = day_view(a_site(), TODAY, [item], {}, shown={item.item.id: [seen]}).tables
        assert ("seen by MR1" in table.rows[0].note) == (status in expected)
