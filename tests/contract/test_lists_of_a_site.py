"""Lists of one site: long ago from narrow rows, the rest from its own rows, and nothing lost between."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.store.listing import DEFAULT_STATUSES, ItemQuery
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import Status, WorklistItem
from tests.rigs.api import api
from tests.rigs.builders import an_item
from tests.rigs.cloud import Clock
from tests.rigs.dynamodb import TableModel, modelled
from tests.rigs.dynamodb.said import cost, within
from tests.rigs.dynamodb.units import size_of

DAYS = ("20250101", "20261018", "20261019", "20261020", "20261118", "20261201")  # 30 days before: October 19
STATUSES = (Status.SCHEDULED, Status.IN_PROGRESS, Status.COMPLETED)
ITEMS = [
    an_item(
        f"{site}-{day}-{status.value}-{number}",
        site=site,
        scheduled_start_date=day,
        scheduled_start_time=f"{8 + number:02}0000",
        performed_procedure_step_status=status,
        modality="MR" if number else "CT",
    )
    for site in ("near", "far")
    for day in DAYS
    for status in STATUSES
    for number in range(2)
]


@pytest.fixture(scope="module")
def table() -> Iterator[TableModel]:
    with modelled() as model:
        yield model


@pytest.fixture(scope="module")
def worklist(table: TableModel) -> Iterator[WorklistStore]:
    with api() as running:
        running.services.worklist.put_if_changed(ITEMS)
        yield running.services.worklist


def test_the_clock_stands_thirty_days_after_the_third_day() -> None:
    assert ItemQuery(site="near").first_of_site(Clock()()) == DAYS[2]


def begins(item: WorklistItem) -> tuple[str, str, str]:
    return item.scheduled_start_date, item.scheduled_start_time, item.id


days = st.none() | st.sampled_from(DAYS)


@settings(max_examples=20, deadline=None)
@given(
    statuses=st.sets(st.sampled_from(STATUSES), min_size=1).map(tuple),
    sites=st.sampled_from([("near", ()), (None, ("near",)), ("near", ("near", "far")), (None, ())]),
    modality=st.none() | st.just("CT"),
    first=days,
    last=days,
    limit=st.integers(1, 9),
    offset=st.integers(0, 5),
)
def test_its_pages_have_each_exam_once_in_order_of_start(
    worklist: WorklistStore,
    statuses: tuple[Status, ...],
    sites: tuple[str | None, tuple[str, ...]],
    modality: str | None,
    first: str | None,
    last: str | None,
    limit: int,
    offset: int,
) -> None:
    query = ItemQuery(statuses, sites[0], frozenset(sites[1]), None, modality, first, last)
    wanted = [
        item
        for item in sorted(ITEMS, key=begins)
        if item.performed_procedure_step_status in statuses
        and (item.site == "near" or sites == (None, ()))
        and modality in (None, item.modality)
        and (first or "") <= item.scheduled_start_date <= (last or "~")
    ]
    page = worklist.list_items(query, limit=limit, offset=offset)
    found = page.items
    while page.next:
        page = worklist.list_items(query, limit=limit, start=page.next)
        found = [*found, *page.items]
    assert [stored.item for stored in found] == wanted[offset:]


@pytest.mark.parametrize("statuses", [DEFAULT_STATUSES, tuple(Status)])
def test_what_other_sites_hold_costs_a_list_of_one_nothing(
    table: TableModel, worklist: WorklistStore, statuses: tuple[Status, ...]
) -> None:
    own = [an_item(f"own{number}", site="own") for number in range(20)]
    worklist.put_if_changed([*own, *(an_item(f"other{number}", site="other") for number in range(400))])
    before, found = copy(table.calls), []
    query = ItemQuery(statuses=statuses, site="own")
    units = cost(table, lambda: found.extend(worklist.list_items(query, limit=100).items))
    assert [stored.item.id for stored in found] == sorted(item.id for item in own)
    assert set(table.calls - before) <= {"Query", "BatchGetItem"}
    rows = [row for row in table.tables["WorklistTable"].items.values() if row["pk"]["S"] == "SITE#own"]
    past = [item for item in ITEMS if item.scheduled_start_date < DAYS[2]]
    within(units, reads=sum(map(size_of, rows)) / 8192 + 1 + len(past) * 200 / 8192, writes=0)
