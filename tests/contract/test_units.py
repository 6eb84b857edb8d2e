"""What everyday work costs in DynamoDB's units, by AWS's rules; docs/cost.md tells the same figures."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import pytest

from lambdas.store.worklist import ItemQuery
from shared.steps.procedure_step import EventKind
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.dynamodb import TableModel, modelled
from tests.rigs.dynamodb.said import as_said, cost, within
from tests.rigs.dynamodb.units import size_of

ITEM = an_item()
UID = "2.25." + "7" * 38
RELAY = "r" * 32


@pytest.fixture(scope="module")
def table() -> Iterator[TableModel]:
    with modelled() as model:
        yield model


@pytest.fixture(scope="module")
def cloud(table: TableModel) -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        running.services.worklist.put_if_changed([ITEM, *(an_item(f"R{number}") for number in range(50))])
        yield running


def test_a_poll_without_news_costs_one_read_unit(table: TableModel, cloud: ApiRig) -> None:
    relay = cloud.relay("north")
    cursor = relay.http.get("/relay/worklist").json()["cursor"]
    cloud.clock.advance(20)
    page = relay.http.get(f"/relay/worklist?cursor={cursor}")
    path, answers = f"/relay/worklist?cursor={page.json()['cursor']}", []

    def poll() -> None:
        answer = relay.http.get(path, headers={"If-None-Match": page.headers["etag"]})
        answers.append(answer.status)

    units = cost(table, poll)
    assert answers == [304]
    as_said("A relay's poll without news", units)
    within(units, reads=1, writes=0)


def test_a_change_of_an_item_is_at_most_ten_write_units(table: TableModel, cloud: ApiRig) -> None:
    renamed = ITEM.model_copy(update={"patient_name": "Doe^Jane"})
    units = cost(table, lambda: cloud.services.worklist.put_if_changed([renamed]))
    as_said("A name corrected", units)
    within(units, reads=10, writes=10)
    moved = renamed.model_copy(update={"scheduled_start_time": "113000"})
    units = cost(table, lambda: cloud.services.worklist.put_if_changed([moved]))
    as_said("An exam moved", units)
    within(units, reads=10, writes=12)


def test_an_exam_is_found_by_its_id_in_one_lookup_and_one_read(table: TableModel, cloud: ApiRig) -> None:
    for number in range(30):
        cloud.services.worklist.put_if_changed([an_item(f"S{number}", site=f"site{number}")])
    before = copy(table.calls)
    as_said("An exam looked up by its id", cost(table, lambda: cloud.services.worklist.find(ITEM.id)))
    assert table.calls - before == {"Query": 1, "BatchGetItem": 1}


def test_a_scanners_report_and_its_write_back(table: TableModel, cloud: ApiRig) -> None:
    steps, item = cloud.services.steps, an_item("R1")
    began = an_event(item, UID)
    ended = an_event(item, UID, EventKind.N_SET, "COMPLETED")
    units = cost(table, lambda: steps.record_event(began, site="north", relay_id=RELAY))
    as_said("A scan reported as begun", units)
    units = cost(table, lambda: steps.record_event(ended, site="north", relay_id=RELAY))
    as_said("A scan reported as ended", units)
    pending = steps.pending(UID)
    assert pending is not None
    units = cost(table, lambda: steps.write_back_done(UID, pending.version))
    as_said("A write-back noted as done", units)


def test_a_relays_heartbeat(table: TableModel, cloud: ApiRig) -> None:
    relay = cloud.relay("north")
    health = {"version": "1", "at": "2026-11-22T09:30:00Z"}
    relay.http.post("/relay/heartbeat", json=health)
    answers = []
    units = cost(table, lambda: answers.append(relay.http.post("/relay/heartbeat", json=health).status))
    assert answers == [200]
    as_said("A relay's heartbeat", units)


def test_a_list_of_a_hundred_exams(table: TableModel, cloud: ApiRig) -> None:
    items = [an_item(f"L{number}", site="west") for number in range(120)]
    cloud.services.worklist.put_if_changed(items)
    query = ItemQuery(site="west", date_from="20261122", date_to="20261122")
    units = cost(table, lambda: cloud.services.worklist.list_items(query, limit=100))
    as_said("A list of 100 exams", units)


def test_a_sites_day_costs_the_same_whatever_other_sites_hold(table: TableModel, cloud: ApiRig) -> None:
    one = an_item("D1", site="day", modality="CT")
    cloud.services.worklist.put_if_changed([one, an_item("D2", site="day", scheduled_start_date="20261201")])
    cloud.services.worklist.put_if_changed([an_item(f"O{number}", site="other") for number in range(600)])
    found = []
    query = ItemQuery(site="day", date_from="20261122", date_to="20261122", modality="CT", patient_id="SUB-D")
    units = cost(table, lambda: found.extend(cloud.services.worklist.list_items(query, limit=100).items))
    assert [stored.item.id for stored in found] == [one.id]
    within(units, reads=0.5, writes=0)


def test_one_patient_among_many_open_exams_is_found_by_narrow_rows(table: TableModel, cloud: ApiRig) -> None:
    items = [an_item(f"M{number}", site="east") for number in range(2_000)]
    cloud.services.worklist.put_if_changed(items)
    before, found = copy(table.calls), []
    query = ItemQuery(patient_id="SUB-m1234", modality="MR")
    units = cost(table, lambda: found.extend(cloud.services.worklist.list_items(query, limit=9).items))
    assert [stored.item.source_record for stored in found] == ["M1234"]
    assert table.calls - before == {"Query": 2, "BatchGetItem": 1}  # one a status, and the exam itself
    whole = sum(size_of(row) for (_, sk), row in table.tables["WorklistTable"].items.items() if "ITEM#" in sk)
    assert units.reads < whole / 4096 / 2 / 3  # of what reading the rows themselves would take, a third
