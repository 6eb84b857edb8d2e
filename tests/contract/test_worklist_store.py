"""The worklist store on DynamoDB as moto plays it, with the tables template.yaml declares."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from lambdas.store.commit import BATCH
from lambdas.store.listing import ItemQuery
from lambdas.store.models import ItemRow, Tables, item_key, site_key
from lambdas.store.ownership import from_clock
from lambdas.store.steps import StepStore
from lambdas.store.worklist import StoredItem, WorklistStore
from shared.errors import AlreadyExists, Conflict, NotFound, Rejected
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, EventKind
from shared.worklist_item import Status
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import Clock, CloudRig, cloud


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


@pytest.fixture
def tables(rig: CloudRig) -> Tables:
    return rig.tables


@pytest.fixture
def clock(rig: CloudRig) -> Clock:
    return rig.clock


@pytest.fixture
def store(tables: Tables, clock: Clock) -> WorklistStore:
    ids = count(1)
    return WorklistStore(tables, now=clock, new_id=lambda: f"epoch-{next(ids)}")


@pytest.fixture
def steps(tables: Tables, store: WorklistStore, clock: Clock) -> StepStore:
    return StepStore(tables, store, now=clock)


def feed(store: WorklistStore) -> dict[str, Any]:
    page = store.changes_after("north", None, 500)
    return {row.item.id: row.item for row in page.items}


def test_what_was_put_is_found_and_fed(store: WorklistStore) -> None:
    items = [an_item("001"), an_item("002", patient_name="山田^太郎")]
    result = store.put_if_changed(items)
    assert (result.written, result.unchanged) == (2, 0)
    found = store.find(items[1].id)
    assert found is not None
    assert found.item == items[1]
    assert feed(store) == {item.id: item for item in items}
    assert store.sites() == ["north"]


def test_an_unchanged_item_is_not_written_again(store: WorklistStore) -> None:
    store.put_if_changed([an_item("001"), an_item("002")])
    head = store.head("north")
    result = store.put_if_changed([an_item("001"), an_item("002")])
    assert (result.written, result.unchanged) == (0, 2)
    assert store.head("north") == head


@pytest.mark.slow
def test_more_items_than_one_transaction_holds_are_all_written(store: WorklistStore) -> None:
    items = [an_item(f"{n:04}") for n in range(BATCH * 2 + 5)]
    assert store.put_if_changed(items).written == len(items)
    assert len(feed(store)) == len(items)


def test_a_transaction_that_fails_leaves_nothing_of_itself(store: WorklistStore) -> None:
    store.put_if_changed([an_item("001"), an_item("002")])
    before = store.changes_after("north", None, 10)

    def outrun(current: Any) -> Any:
        store.writer.change(
            "north", {an_item("003").id: lambda _: StoredItem(item=an_item("003"), feed_seq=0)}
        )
        return current.model_copy(update={"item": an_item("001", patient_id="lost")})

    with pytest.raises(Conflict):
        store.writer.change("north", {an_item("001").id: outrun}, also=lambda _, __: None)
    after = store.changes_after("north", None, 10)
    assert after.items[:2] == before.items
    assert [row.item.source_record for row in after.items] == ["001", "002", "003"]


def test_an_update_moves_the_item_in_the_feed_and_leaves_one_row(store: WorklistStore) -> None:
    store.put_if_changed([an_item("001"), an_item("002")])
    store.put_if_changed([an_item("001", scheduled_start_time="1100")])
    page = store.changes_after("north", None, 10)
    assert [(row.feed_seq, row.item.scheduled_start_time) for row in page.items] == [
        (2, "093000"),
        (3, "110000"),
    ]


def test_a_feed_is_read_page_by_page(store: WorklistStore) -> None:
    store.put_if_changed([an_item(f"{n}") for n in range(7)])
    first = store.changes_after("north", None, 3)
    second = store.changes_after("north", first.next, 3)
    third = store.changes_after("north", second.next, 3)
    assert [len(page.items) for page in (first, second, third)] == [3, 3, 1]
    assert [page.more for page in (first, second, third)] == [True, True, False]
    assert all(page.snapshot for page in (first, second, third))


def test_a_relay_is_current_only_once_the_settle_window_has_passed(
    store: WorklistStore, clock: Clock
) -> None:
    store.put_if_changed([an_item("001")])
    page = store.changes_after("north", None, 10)
    assert store.quiet_seconds("north", page.cursor) is None
    clock.seconds += 10
    page = store.changes_after("north", page.cursor, 10)
    assert len(page.items) == 1  # sent again, applied idempotently
    assert store.quiet_seconds("north", page.cursor) == 10
    store.put_if_changed([an_item("002")])
    assert store.quiet_seconds("north", page.cursor) is None


def test_sites_do_not_see_each_other(store: WorklistStore) -> None:
    store.put_if_changed([an_item("001"), an_item("002", site="south")])
    assert set(feed(store)) == {an_item("001").id}
    assert store.sites() == ["north", "south"]


def test_a_cursor_nobody_gave_out_is_rejected(store: WorklistStore) -> None:
    with pytest.raises(Rejected, match="cursor"):
        store.changes_after("north", "bm9uc2Vuc2U", 10)


def test_a_writer_that_lost_the_race_reads_again_and_loses_nothing(store: WorklistStore) -> None:
    raced = False

    def slow(current: Any) -> Any:
        nonlocal raced
        if not raced:
            raced = True
            store.put_if_changed([an_item("001", patient_id="first")])
        return current.model_copy(update={"item": an_item("001", patient_id=current.item.patient_id + "+")})

    store.put_if_changed([an_item("001", patient_id="zeroth")])
    written = store.writer.change("north", {an_item("001").id: slow})
    assert written.items[an_item("001").id].item.patient_id == "first+"


def test_a_persons_edit_survives_the_next_sync(store: WorklistStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    store.edit(item.id, {"scheduled_start_time": "14:00"})
    store.put_if_changed([an_item("001", patient_id="changed")])
    found = store.find(item.id)
    assert found is not None
    assert (found.item.scheduled_start_time, found.item.patient_id) == ("140000", "changed")
    assert found.edited == ("scheduled_start_time",)


@pytest.mark.parametrize("name", ["id", "site", "source_record", "colour"])
def test_what_an_item_is_cannot_be_edited(store: WorklistStore, name: str) -> None:
    store.put_if_changed([an_item("001")])
    with pytest.raises(Rejected, match=name):
        store.edit(an_item("001").id, {name: "x"})


def test_an_edit_to_an_illegal_value_is_rejected_without_quoting_it(store: WorklistStore) -> None:
    store.put_if_changed([an_item("001")])
    with pytest.raises(Rejected, match="scheduled_start_date") as caught:
        store.edit(an_item("001").id, {"scheduled_start_date": "2026-02-30"})
    assert "02-30" not in str(caught.value)


def test_an_item_removed_by_a_person_is_not_raised_by_the_source(store: WorklistStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    store.remove(item.id)
    assert store.find(item.id) is None
    assert store.put_if_changed([item]).written == 0
    page = store.changes_after("north", None, 10)
    assert [row.id for row in page.tombstones] == [item.id]
    with pytest.raises(NotFound):
        store.remove(item.id)


def test_a_withdrawn_item_comes_back_with_its_row(store: WorklistStore, tables: Tables) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    assert store.withdraw("north", [item.id, "unknown"]) == 1
    assert store.withdraw("north", [item.id]) == 0
    assert feed(store) == {}
    row = tables.item.get(site_key("north"), item_key(item.id))
    assert isinstance(row, ItemRow)
    assert row.expires_at is not None
    assert store.put_if_changed([item]).written == 1
    assert feed(store) == {item.id: item}


def test_a_source_lists_its_own_items_only(store: WorklistStore) -> None:
    store.put_if_changed([an_item("001"), an_item("002"), an_item("003", source="other")])
    store.withdraw("north", [an_item("002").id])
    assert [ref.source_record for ref in store.items_of_source("study", "north")] == ["001"]


def test_a_made_item_is_made_once(store: WorklistStore) -> None:
    item = an_item("hand", source="", source_record="")
    assert store.create(item).feed_seq == store.create(item).feed_seq
    with pytest.raises(AlreadyExists):
        store.create(item.model_copy(update={"patient_id": "other"}))


def test_lists_are_ordered_by_start_filtered_and_paged(store: WorklistStore) -> None:
    days = ["20261124", "20261122", "20261123"]
    store.put_if_changed([an_item(day, scheduled_start_date=day) for day in days])
    store.put_if_changed([an_item("ct", modality="CT", performed_procedure_step_status="IN_PROGRESS")])
    store.put_if_changed([an_item("done", performed_procedure_step_status="COMPLETED")])
    query = ItemQuery(modality="MR", date_from="20261122")
    first = store.list_items(query, limit=2)
    assert [stored.item.source_record for stored in first.items] == ["20261122", "20261123"]
    second = store.list_items(query, limit=2, start=first.next)
    assert [stored.item.source_record for stored in second.items] == ["20261124"]
    assert second.next is None
    assert [s.item.source_record for s in store.list_items(query, limit=2, offset=2).items] == ["20261124"]
    assert len(store.list_items(ItemQuery(date_to="20261122"), limit=9).items) == 2
    assert (
        store.list_items(ItemQuery(statuses=(Status.COMPLETED,)), limit=9).items[0].item.source_record
        == "done"
    )


def test_an_event_is_recorded_once_and_changes_the_item(store: WorklistStore, steps: StepStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    event = an_event(item)
    first = steps.record_event(event, site="north", relay_id="r1")
    again = steps.record_event(event, site="north", relay_id="r1")
    assert (first.outcome, again.outcome) == ("recorded", "already_recorded")
    assert first.items == again.items
    found = store.find(item.id)
    assert found is not None
    assert found.item.performed_procedure_step_status is Status.IN_PROGRESS
    assert [(link.item_id, link.feed_seq) for link in first.items] == [(item.id, found.feed_seq)]
    assert len(steps.events(event.sop_instance_uid)) == 1


def test_a_sync_does_not_take_back_what_the_scanner_reported(store: WorklistStore, steps: StepStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    steps.record_event(an_event(item), site="north", relay_id="r1")
    assert store.put_if_changed([item]).written == 0
    assert store.withdraw("north", [item.id]) == 0


def test_a_scan_of_an_item_withdrawn_meanwhile_brings_it_back(store: WorklistStore, steps: StepStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    store.withdraw("north", [item.id])
    steps.record_event(an_event(item, item_id=None), site="north", relay_id="r1")
    found = store.find(item.id)
    assert found is not None
    assert found.item.performed_procedure_step_status is Status.IN_PROGRESS


def test_a_wrong_entry_frees_the_item(store: WorklistStore, steps: StepStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    steps.record_event(an_event(item), site="north", relay_id="r1")
    wrong = an_event(item, kind=EventKind.N_SET, status="DISCONTINUED")
    reason = {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": [WRONG_WORKLIST_ENTRY]}}]}
    wrong = wrong.model_copy(update={"dataset": {**wrong.dataset, "00400281": reason}})
    steps.record_event(wrong, site="north", relay_id="r1")
    found = store.find(item.id)
    assert found is not None
    assert found.item.performed_procedure_step_status is Status.SCHEDULED
    assert store.withdraw("north", [item.id]) == 1


def test_an_unscheduled_step_is_kept_and_owes_redcap_nothing(steps: StepStore) -> None:
    event = an_event(None)
    result = steps.record_event(event, site="north", relay_id="r1")
    assert (result.outcome, result.items) == ("recorded", ())
    assert steps.find(event.sop_instance_uid) is not None
    assert steps.due_write_backs(10) == []


def test_a_relay_cannot_touch_another_sites_step_or_item(store: WorklistStore, steps: StepStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    foreign = steps.record_event(an_event(item), site="south", relay_id="r2")
    assert (foreign.outcome, foreign.items) == ("recorded", ())
    taken = steps.record_event(an_event(item), site="north", relay_id="r1")
    assert taken.outcome == "refused"


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (EventKind.N_SET, "COMPLETED", "0112"),
        (EventKind.N_CREATE, "COMPLETED", "0106"),
        (EventKind.N_CREATE, "FINISHED", "0040,0252"),
    ],
)
def test_an_event_the_state_machine_forbids_is_refused_and_not_stored(
    steps: StepStore, kind: EventKind, status: str, reason: str
) -> None:
    event = an_event(None, kind=kind, status=status)
    result = steps.record_event(event, site="north", relay_id="r1")
    assert result.outcome == "refused"
    assert reason in result.reason
    assert steps.find(event.sop_instance_uid) is None


def test_a_write_back_is_due_until_it_is_done(store: WorklistStore, steps: StepStore, clock: Clock) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    event = an_event(item)
    steps.record_event(event, site="north", relay_id="r1")
    uid = event.sop_instance_uid
    assert steps.due_write_backs(10) == [uid]
    pending = steps.pending(uid)
    assert pending is not None
    assert [linked.id for linked in pending.items] == [item.id]
    steps.write_back_later(uid, pending.version, at=clock() + 60, note="REDCap is down")
    assert steps.due_write_backs(10) == []
    clock.seconds += 61
    assert steps.due_write_backs(10) == [uid]
    steps.record_event(an_event(item, kind=EventKind.N_SET, status="COMPLETED"), site="north", relay_id="r1")
    assert not steps.write_back_done(uid, pending.version)
    newer = steps.pending(uid)
    assert newer is not None
    assert [step.ended_at is not None for step in newer.performed[item.id]] == [True]
    assert steps.write_back_done(uid, newer.version)
    assert (steps.due_write_backs(10), steps.pending(uid)) == ([], None)


def test_a_write_back_that_was_overtaken_leaves_the_step_due(store: WorklistStore, steps: StepStore) -> None:
    item = an_item("001")
    store.put_if_changed([item])
    event = an_event(item)
    uid = event.sop_instance_uid
    steps.record_event(event, site="north", relay_id="r1")
    slow = steps.pending(uid)
    steps.record_event(an_event(item, kind=EventKind.N_SET, status="COMPLETED"), site="north", relay_id="r1")
    quick, other = steps.pending(uid), steps.pending(uid)
    assert slow is not None
    assert quick is not None
    assert other is not None
    assert steps.write_back_done(uid, quick.version)
    # The slow run has just written IN_PROGRESS over the quick one's COMPLETED: somebody has to come again,
    # and a third run that began before must not take that back.
    assert not steps.write_back_done(uid, slow.version)
    assert not steps.write_back_done(uid, other.version)
    assert steps.due_write_backs(10) == [uid]
    last = steps.pending(uid)
    assert last is not None
    assert steps.write_back_done(uid, last.version)
    assert steps.due_write_backs(10) == []


@pytest.mark.slow
def test_a_full_batch_of_no_shows_is_moved_and_every_row_told(
    store: WorklistStore, steps: StepStore, tables: Tables
) -> None:
    items = [an_item(f"{number:03}") for number in range(BATCH)]
    store.put_if_changed(items)
    missed = {each.id: lambda now: now and from_clock(now, "20261122") for each in items}
    assert store.writer.change("north", missed).written == BATCH
    assert len(steps.due_write_backs(500)) == BATCH
    moved = [each.model_copy(update={"scheduled_start_date": "20261201"}) for each in items]
    assert store.put_if_changed(moved).written == BATCH
    assert {each.performed_procedure_step_status for each in feed(store).values()} == {Status.SCHEDULED}
    assert len(steps.due_write_backs(500)) == BATCH


def test_a_sites_days_are_listed_page_by_page_as_the_listing_itself_does(store: WorklistStore) -> None:
    items = [
        an_item(
            f"{number:03}",
            scheduled_start_date=f"202611{20 + number % 4}",
            scheduled_start_time=f"{8 + number % 9:02}0000",
            modality="CT" if number % 3 else "MR",
        )
        for number in range(40)
    ]
    store.put_if_changed([*items, an_item("x", site="south")])
    store.remove(items[5].id)
    store.edit(items[7].id, {"performed_procedure_step_status": "CANCELLED"})

    def listed(**conditions: Any) -> list[str]:
        found, start = [], None
        while True:
            page = store.list_items(ItemQuery(modality="CT", **conditions), limit=4, start=start)
            found += [stored.item.id for stored in page.items]
            start = page.next
            if start is None:
                return found

    week: dict[str, Any] = {"date_from": "20261121", "date_to": "20261122"}
    of_days = listed(site="north", **week)
    assert len(of_days) > 10
    assert of_days == [each for each in listed(**week) if each != an_item("x").id]
    query = ItemQuery(modality="CT", site="north", **week)
    skipped = store.list_items(query, limit=3, offset=5)
    assert [stored.item.id for stored in skipped.items] == of_days[5:8]


@pytest.mark.parametrize("day", ["20260230", "99991231"])
def test_a_day_that_no_calendar_has_holds_nothing(store: WorklistStore, day: str) -> None:
    query = ItemQuery(site="north", date_from=day, date_to=day)
    assert store.list_items(query, limit=5).items == []
