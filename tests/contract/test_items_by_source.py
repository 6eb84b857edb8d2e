"""Looking for the items of one record, and for touched ones of one hour, reads those and no others."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from itertools import count

import pytest

from lambdas.store.by_source.keys import APART, apart_key
from lambdas.store.commit import BATCH
from lambdas.store.models import Tables, site_key
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import cloud
from tests.rigs.dynamodb import TableModel, modelled

ITEM = an_item("001")


@pytest.fixture
def table() -> Iterator[TableModel]:
    with modelled() as model:
        yield model


@pytest.fixture
def tables(table: TableModel) -> Iterator[Tables]:
    with cloud() as rig:
        yield rig.tables


@pytest.fixture
def store(tables: Tables) -> WorklistStore:
    ids = count(1)
    made = WorklistStore(tables, now=lambda: 1_795_000_000.0, new_id=lambda: f"id-{next(ids)}")
    made.put_if_changed([ITEM, an_item("002", scheduled_start_time="110000")])
    return made


def scanned(tables: Tables, store: WorklistStore, item: WorklistItem) -> None:
    steps = StepStore(tables, store, now=lambda: 1_795_000_000.0)
    steps.record_event(an_event(item), site="north", relay_id="r" * 32)


def of_record(store: WorklistStore, record: str = "001", but: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(site, ref.item_id) for site, ref in store.items_of_record("study", record, but)]


def touched_like(store: WorklistStore, item: WorklistItem = ITEM) -> list[str]:
    return [stored.item.id for stored in store.followed.touched_like(item, ["north"])]


def as_an_earlier_build_left_it(tables: Tables) -> None:
    """Take out what earlier builds did not write."""
    for row in list(tables.site.query(site_key("north"), tables.site.sk.startswith(APART))):
        row.delete()
    for row in list(tables.item.query(site_key("north"), tables.item.sk.startswith("ITEM#"))):
        row.update(actions=[tables.item.record_key.remove()])


def test_a_records_items_are_found_at_every_site(store: WorklistStore) -> None:
    there = an_item("001", site="south", id="f" * 32)
    store.put_if_changed([there])
    assert sorted(of_record(store)) == [("north", ITEM.id), ("south", there.id)]


def test_what_is_known_is_not_read(store: WorklistStore, table: TableModel) -> None:
    before = copy(table.calls)
    assert of_record(store, but=(ITEM.id,)) == []
    assert table.calls - before == {"Query": 1}


def test_what_is_gone_is_no_item_of_its_record(store: WorklistStore) -> None:
    store.withdraw("north", [ITEM.id])
    assert of_record(store) == []


def test_an_item_made_by_hand_is_of_no_record(store: WorklistStore) -> None:
    store.create(an_item("x", source="", source_record="", id="e" * 32))
    assert of_record(store, "") == []


def test_a_row_of_an_earlier_build_is_found_once_its_site_is_prepared(
    store: WorklistStore, tables: Tables
) -> None:
    as_an_earlier_build_left_it(tables)
    assert not store.followed.is_prepared("north")
    assert of_record(store) == []
    touched_like(store)
    assert store.followed.is_prepared("north")
    assert of_record(store) == [("north", ITEM.id)]


def test_a_large_table_of_an_earlier_build_is_prepared_bit_by_bit(
    store: WorklistStore, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_an_earlier_build_left_it(tables)
    monkeypatch.setattr("lambdas.store.followed_items.MOST_PREPARED", 1)
    touched_like(store)
    assert not store.followed.is_prepared("north")
    touched_like(store)
    assert store.followed.is_prepared("north")


def test_an_item_that_is_written_meanwhile_is_prepared_the_next_time(
    store: WorklistStore, tables: Tables
) -> None:
    as_an_earlier_build_left_it(tables)
    rows = list(tables.item.query(site_key("north"), tables.item.sk.startswith("ITEM#")))
    store.edit(ITEM.id, {"patient_name": "Doe^Jane"})
    store.followed.prepare("north", rows)
    assert not store.followed.is_prepared("north")
    touched_like(store)
    assert store.followed.is_prepared("north")


def test_what_a_scanner_has_begun_is_found_by_its_start(store: WorklistStore, tables: Tables) -> None:
    assert touched_like(store) == []
    scanned(tables, store, ITEM)
    assert touched_like(store) == [ITEM.id]
    assert touched_like(store, an_item("003", scheduled_start_time="110000")) == []
    assert touched_like(store, an_item("003", source="other")) == []


def test_an_exam_that_a_person_has_moved_is_found_whatever_the_start(store: WorklistStore) -> None:
    store.edit(ITEM.id, {"scheduled_start_time": "150000"})
    assert touched_like(store, an_item("003", scheduled_start_time="080000")) == [ITEM.id]


def test_an_exam_that_a_person_has_removed_is_found(store: WorklistStore) -> None:
    store.remove(ITEM.id)
    assert touched_like(store) == [ITEM.id]


def test_an_exam_that_a_person_has_given_back_is_touched_no_more(store: WorklistStore) -> None:
    store.edit(ITEM.id, {"scheduled_start_time": "150000"})
    store.release(ITEM.id, ["scheduled_start_time"])
    assert touched_like(store) == []


def test_what_was_moved_takes_it_along_to_another_site(store: WorklistStore) -> None:
    store.edit(ITEM.id, {"scheduled_start_time": "150000"})
    store.put_if_changed([ITEM.model_copy(update={"site": "south"})], ["north", "south"])
    found = store.followed.touched_like(an_item("003", scheduled_start_time="080000"), ["south"])
    assert [stored.item.id for stored in found] == [ITEM.id]


@pytest.mark.parametrize("removed", [True, False])
def test_what_an_earlier_build_left_is_looked_for_once(
    store: WorklistStore, tables: Tables, table: TableModel, removed: bool
) -> None:
    if removed:
        store.remove(ITEM.id)
    else:
        store.edit(ITEM.id, {"scheduled_start_time": "150000"})
    as_an_earlier_build_left_it(tables)
    assert touched_like(store) == [ITEM.id]
    before = copy(table.calls)
    assert touched_like(store) == [ITEM.id]
    assert table.calls - before == {"Query": 2, "BatchGetItem": 1}


def test_a_new_site_has_nothing_apart_and_is_not_looked_through(store: WorklistStore, tables: Tables) -> None:
    assert tables.site.get(site_key("north"), APART)
    assert not list(tables.site.query(site_key("north"), tables.site.sk.startswith(apart_key("0"))))


def test_as_many_items_as_ever_fit_the_first_transaction_of_a_site(store: WorklistStore) -> None:
    assert store.put_if_changed([an_item(f"N{n}", site="new") for n in range(BATCH)]).written == BATCH


def test_of_many_that_become_apart_at_once_every_one_is_written_and_told(store: WorklistStore) -> None:
    items = [an_item(f"N{n}", site="east") for n in range(BATCH)]
    store.put_if_changed(items)

    def remove(current: object) -> object:
        return current.model_copy(update={"gone": True, "status_owner": "person"})  # type: ignore[attr-defined]

    done = store.writer.change("east", {item.id: remove for item in items})  # type: ignore[misc]
    assert done.written == BATCH
    assert done.changed == {item.id for item in items}
