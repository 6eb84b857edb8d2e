"""What everyday work costs in DynamoDB's units, by AWS's rules; docs/cost.md tells the same figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from unittest.mock import patch

import pytest

from lambdas.store.listing import DEFAULT_STATUSES, ItemQuery
from shared.steps.procedure_step import EventKind, ProcedureStepEvent
from shared.worklist_item import Status
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.dynamodb import Put, TableModel, Units, modelled
from tests.rigs.dynamodb.said import as_said, cost, said, within
from tests.rigs.dynamodb.units import size_of
from tests.structure.imports import ROOT

ITEM = an_item()
UID = "2.25." + "7" * 38
RELAY = "r" * 32
OPEN = {status.value for status in DEFAULT_STATUSES}
WRITES = {what: writes for what, _, writes in said()}
ROWS = {
    "HEAD": "the site's head",
    "AUDIT#": "the audit entry",
    "ITEM#": "the exam",
    "EVENT#": "the event, as the scanner sent it",
    "STATE": "the step, and that REDCap is to be told",
}


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

    before = table.calls.copy()
    units = cost(table, poll)
    assert answers == [304]
    assert table.calls - before == {"BatchGetItem": 1}  # one request takes half the processor time of two
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
    began, ended = (
        an_event(an_item("R1"), UID),
        an_event(an_item("R1"), UID, EventKind.N_SET, "COMPLETED"),
    )
    steps = cloud.services.steps

    def report(event: ProcedureStepEvent) -> Units:
        cloud.clock.advance(600)
        return cost(table, lambda: steps.record_event(event, site="north", relay_id=RELAY))

    def tell() -> Units:
        cloud.clock.advance(10)
        pending = steps.pending(UID)
        assert pending is not None
        return cost(table, lambda: steps.write_back_done(UID, pending.version))

    as_said("A scan reported as begun", report(began))
    as_said("A write-back noted as done", tell())
    as_said("A scan reported as ended", report(ended))
    as_said("A write-back noted as done", tell())


def test_the_page_lists_each_row_that_a_scanners_report_writes(table: TableModel, cloud: ApiRig) -> None:
    event = an_event(an_item("R2"), UID + "1")
    rows: list[Put] = []
    with patch.object(table, "told", rows.append):
        cloud.services.steps.record_event(event, site="north", relay_id=RELAY)
    listed = "\n".join(f"| {each.pk} | {each.sk} | {each.size} | {each.indexes} |" for each in rows)
    assert [row_of(each) for each in rows] == rows_said(), listed
    assert sum(each.units + sum(each.indexes.values()) for each in rows) == WRITES["A scan reported as begun"]


def row_of(put: Put) -> tuple[str, int, int]:
    """Return what the page says of a row: what it is, its own units, and those of all its indexes."""
    kind = next(name for start, name in ROWS.items() if put.sk.startswith(start) or put.pk.startswith(start))
    return kind, put.units, sum(put.indexes.values())


def rows_said() -> list[tuple[str, int, int]]:
    text = (ROOT / "docs" / "cost.md").read_text("utf-8")
    found = re.findall(r"^\| (the [^|]+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    return [(what, int(row), int(indexes)) for what, row, indexes in found]


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


def test_a_list_of_all_sites_reads_narrow_rows_of_open_exams_and_few_exams(
    table: TableModel, cloud: ApiRig
) -> None:
    done = [
        an_item(f"E{number}", site="south", performed_procedure_step_status=Status.COMPLETED)
        for number in range(200)
    ]
    there = [an_item(f"T{number}", site="south", modality="PT") for number in range(9)]
    others = [an_item(f"W{number}", site="farther") for number in range(200)]
    cloud.services.worklist.put_if_changed([*done, *there, *others])
    before, found = copy(table.calls), []
    query = ItemQuery(modality="PT")
    units = cost(table, lambda: found.extend(cloud.services.worklist.list_items(query, limit=100).items))
    assert len(found) == len(there)
    assert table.calls - before == {"Query": 2, "BatchGetItem": 1}  # one a status, and those nine
    listing = table.tables["WorklistTable"].indexes["listing"]
    rows = [listing.entry(row) for row in table.tables["WorklistTable"].items.values()]
    open_bytes = sum(size_of(row) for row in rows if row and row["status"]["S"] in OPEN)
    within(units, reads=open_bytes / 8192 + len(there) / 2 + 1, writes=0)


@pytest.mark.slow
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
