"""Work in the background reads all sources at a pace that leaves their partition free for syncs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lambdas.store.models import SOURCES, Tables, bind
from lambdas.store.runs.plan import SourcePlan
from lambdas.store.runs.rows import GENTLE
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.scans.no_shows import mark_no_shows
from lambdas.sync.scans.stale_steps import StaleSteps
from tests.cost.simulation import BEGIN, paced
from tests.rigs.dynamodb import TableModel, modelled

PAGE = 1024 * 1024 / 4096
"""Read units of the most that DynamoDB gives at once, consistently."""


@dataclass
class Many:
    """A table with definitions of five megabytes together: of a thousand sources, or so."""

    tables: Tables
    model: TableModel
    waited: list[float]

    def worklist(self) -> WorklistStore:
        return WorklistStore(self.tables, now=lambda: BEGIN, new_id=lambda: "id")


@pytest.fixture
def many() -> Iterator[Many]:
    clock, waited = [BEGIN], [0.0]
    with paced(clock, waited), modelled(lambda: clock[0] + waited[0]) as model:
        tables = bind("WorklistTable", "AccountsTable", "eu-central-1")
        for number in range(15):
            tables.source(SOURCES, f"s{number:02}", body="x" * 350_000).save()
        list(SourcePlan(tables).shards(BEGIN))  # takes them over from an earlier build
        model.busiest.clear()
        waited[0] = 0.0
        yield Many(tables, model, waited)


def plan(many: Many) -> None:
    list(SourcePlan(many.tables).shards(BEGIN))


def no_shows(many: Many) -> None:
    mark_no_shows(many.worklist(), SourceStore(many.tables), BEGIN)


def stale_steps(many: Many) -> None:
    StaleSteps(many.tables, many.worklist(), now=lambda: BEGIN).set_aside()


@pytest.mark.parametrize("work", [plan, no_shows, stale_steps])
def test_background_work_reads_all_sources_at_a_measured_pace(
    work: Callable[[Many], None], many: Many
) -> None:
    work(many)
    assert many.waited[0] >= 4 * PAGE / GENTLE, "five pages, and a wait after each but the last"
    _, busiest = many.model.busiest["", SOURCES]
    assert 0 < busiest.reads <= GENTLE + PAGE


def test_who_waits_for_a_list_gets_it_at_once(many: Many) -> None:
    assert len(SourceStore(many.tables).all()) == 15
    assert many.waited == [0.0]


def test_a_single_page_is_not_waited_for() -> None:
    clock, waited = [BEGIN], [0.0]
    with paced(clock, waited), modelled(lambda: clock[0] + waited[0]):
        tables = bind("WorklistTable", "AccountsTable", "eu-central-1")
        tables.source(SOURCES, "s", body="x" * 300_000).save()
        assert len(SourceStore(tables).all(gently=True)) == 1
    assert waited == [0.0]
