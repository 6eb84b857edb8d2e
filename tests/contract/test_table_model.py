"""The table in memory that counts units behaves as moto does, and counts as AWS says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from lambdas.store.models import Tables
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.worklist import ItemQuery, WorklistStore
from shared.errors import AlreadyExists, Unavailable
from shared.steps.procedure_step import EventKind
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import CloudRig, cloud
from tests.rigs.dynamodb import TableModel, modelled
from tests.rigs.dynamodb.units import Units, index_units, read_units, size_of, write_units
from tests.rigs.redcap import classic_definition
from tests.rigs.table_backup import export


@pytest.fixture(scope="module")
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


def play(tables: Tables) -> list[Any]:
    """Do much of what stores do, always with the same ids and times; return what they answered."""
    seconds, ids = count(1_795_000_000), count()

    def now() -> float:
        return float(next(seconds))

    worklist = WorklistStore(tables, now=now, new_id=lambda: f"id{next(ids)}")
    steps, sources = StepStore(tables, worklist, now=now), SourceStore(tables, now=now)
    item = an_item()
    worklist.put_if_changed([item, *(an_item(f"R{number}") for number in range(30))])
    worklist.edit(item.id, {"allergies": "latex"})
    with pytest.raises(AlreadyExists):
        worklist.create(item.model_copy(update={"allergies": "none"}))
    worklist.withdraw("north", [an_item("R7").id])
    began = an_event(item, "2.25.78").model_copy(update={"event_id": "a" * 32})
    ended = an_event(item, "2.25.78", EventKind.N_SET, "COMPLETED")
    for event in (began, began, ended.model_copy(update={"event_id": "b" * 32})):
        steps.record_event(event, site="north", relay_id="r")
    sources.put(classic_definition())
    taken = sources.take("classic", "me", now=now(), seconds=60, claim=7.0)
    assert taken is not None
    sources.finish("classic", "me", taken.state.model_copy(update={"recent": ("a" * 24,) * 3}))
    pending = steps.pending("2.25.78")
    assert pending is not None
    steps.write_back_done("2.25.78", pending.version)
    page = worklist.list_items(ItemQuery(patient_id="SUB-r", modality="MR", site="north"), limit=4)
    return [
        worklist.find(item.id),
        worklist.changes_after("north", None, 7),
        page,
        worklist.list_items(ItemQuery(), limit=3, start=page.next, offset=2),
        list(worklist.items_of_source("study", "north")),
        sources.find("classic"),
        sources.take("classic", "you", now=now(), seconds=60, claim=7.0),
    ]


def plain(rows: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["pk"]["S"], row["sk"]["S"]): dict(row) for row in rows}


def test_it_answers_and_ends_as_moto_does(rig: CloudRig) -> None:
    answers = play(rig.tables)
    with modelled() as model:
        assert play(rig.tables) == answers
        rows = plain(model.tables["WorklistTable"].items.values())
    theirs = plain(export(rig))
    assert rows.keys() == theirs.keys()
    assert rows == theirs


def test_a_fault_of_the_wire_reaches_whoever_asked(rig: CloudRig) -> None:
    def broken(operation: str, request: Any) -> None:
        raise ConnectionResetError(operation, len(request))

    with modelled() as model:
        worklist = WorklistStore(rig.tables, now=lambda: 1.0, new_id=lambda: "x")
        assert worklist.sites() == []
        model.fault = broken
        with pytest.raises((Unavailable, ConnectionResetError)):
            worklist.sites()


def test_each_row_of_a_transaction_costs_twice_and_each_index_once(rig: CloudRig) -> None:
    with modelled() as model:
        worklist = WorklistStore(rig.tables, now=lambda: 1_795_000_000.0, new_id=lambda: "x")
        worklist.put_if_changed([an_item("first")])
        before = model.spent.writes
        worklist.put_if_changed([an_item("second")])
        rows, indexes = (
            ["head", "audit entry", "item"],
            ["feed", "by_study", "listing", "by_start", "by_record"],
        )
        assert model.spent.writes - before == 2 * len(rows) + len(indexes)


def test_sizes_are_rounded_up_row_by_row() -> None:
    row: dict[str, dict[str, Any]] = {"pk": {"S": "a" * 1000}, "n": {"N": "12"}, "on": {"BOOL": True}}
    assert size_of(row) == 1002 + 4 + 3
    assert [write_units(size) for size in (0, 1024, 1025)] == [1, 1, 2]
    assert read_units(4097, consistent=True) == 2
    assert read_units(10, consistent=False) == 0.5


def test_an_index_costs_nothing_unless_what_it_holds_changes() -> None:
    one, other = {"pk": {"S": "a"}}, {"pk": {"S": "b" * 1100}}
    assert index_units(None, None, moved=False) == index_units(one, dict(one), moved=False) == 0
    assert index_units(None, one, moved=True) == index_units(one, None, moved=True) == 1
    assert index_units(one, other, moved=False) == 2
    assert index_units(one, other, moved=True) == 3


def test_the_busiest_second_of_a_partition_is_known(rig: CloudRig) -> None:
    clock = [0.0]
    with modelled(lambda: clock[0]) as model:
        worklist = WorklistStore(rig.tables, now=lambda: 1_795_000_000.0, new_id=lambda: "x")
        worklist.put_if_changed([an_item("first")])
        most = model.most.writes
        clock[0] = 1.0
        worklist.put_if_changed([an_item("first")])
        assert model.most.writes == most
        worklist.put_if_changed([an_item(f"R{number}") for number in range(20)])
        assert model.most.writes > most
    assert isinstance(model, TableModel)
    assert model.spent - model.spent == Units()
