"""What a sync costs in DynamoDB's units, by AWS's rules; docs/cost.md tells the same figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.redcap_simulator import classic
from lambdas import schedule, sync_redcap
from lambdas.store.servers.request_rates import server_of
from tests.rigs.dynamodb import TableModel, modelled
from tests.rigs.dynamodb.said import as_said, cost
from tests.rigs.lambda_events import Context, schedule_event, sqs_event
from tests.rigs.redcap import Rig, classic_data, running_stack


@pytest.fixture(scope="module")
def table() -> Iterator[TableModel]:
    with modelled() as model:
        yield model


@pytest.fixture(scope="module")
def redcap(table: TableModel) -> Iterator[Rig]:
    with running_stack() as stack:
        rig = stack.fresh(classic(400), classic_data())
        rig.sync()
        rig.sync()
        yield rig


def sync() -> None:
    """Run the sync's handler, and nothing that looks at what it did."""
    assert not sync_redcap.handler(sqs_event({"source_id": "classic"}), Context())["batchItemFailures"]


def rested(rig: Rig) -> None:
    """Let REDCap's server have had a minute's peace."""
    rig.cloud.tables.rate("RATES", server_of(rig.simulator.url)).delete()


def test_a_sync_without_news(table: TableModel, redcap: Rig) -> None:
    rested(redcap)
    as_said("A sync without news", cost(table, sync))


def test_a_sync_that_finds_an_exam_moved(table: TableModel, redcap: Rig) -> None:
    redcap.simulator.save_form(11, "000001", "mri", {"mri_date": "2026-12-24"}, instance=1)
    rested(redcap)
    units = cost(table, sync)
    report = redcap.state().report
    assert report is not None
    assert report.written == 1
    as_said("A sync that finds an exam moved, among 400 participants", units)


def test_a_minute_of_the_schedule_with_one_source(table: TableModel, redcap: Rig) -> None:
    schedule.handler(schedule_event(), Context())  # which reads the definition, once
    as_said("A minute of the schedule", cost(table, lambda: schedule.handler(schedule_event(), Context())))
