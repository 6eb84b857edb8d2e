"""Steps and items: whatever scanners report, the relay shows and the cloud stores the same, on moto."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_relay.mpps import links as step_links
from edge_relay.mpps.event import event_from
from edge_relay.mpps.journal import Journal
from lambdas.store.models import Tables, step_key
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from shared.errors import Rejected
from shared.steps.event_body import LONGEST_PACKED, pack
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, EventKind, ProcedureStepEvent, Step
from shared.steps.step_dataset import ScheduledStepReference
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import cloud
from tests.rigs.mpps import NOW, attributes, completed, event, with_images


class Stores(NamedTuple):
    tables: Tables
    items: WorklistStore
    steps: StepStore


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    with cloud() as rig:
        ids = count(1)
        items = WorklistStore(rig.tables, now=rig.clock, new_id=lambda: f"epoch-{next(ids)}")
        yield Stores(rig.tables, items, StepStore(rig.tables, items, now=rig.clock))


numbers = count(1)


class Known:
    """What a relay's cache has: everything."""

    def __init__(self, items: list[WorklistItem]) -> None:
        self.items = items

    def linked(self, reference: ScheduledStepReference) -> list[WorklistItem]:
        return self.items

    def of_patient(self, patient_id: str, modality: str, day: str) -> list[WorklistItem]:
        return []


def fresh_items() -> list[WorklistItem]:
    """Return three items nobody has used yet: two of one study, and one alone."""
    first, second, third = (an_item(f"p{next(numbers)}") for _ in range(3))
    return [first, second.model_copy(update={"study_instance_uid": first.study_instance_uid}), third]


def named(item: WorklistItem, how: str) -> dict[str, Any]:
    """Return a reference to an item, as different scanners write them."""
    study = {"0020000D": {"vr": "UI", "Value": [item.study_instance_uid]}}
    step_id = {"00400009": {"vr": "SH", "Value": [item.scheduled_procedure_step_id]}}
    accession = {"00080050": {"vr": "SH", "Value": [item.accession_number]}}
    own_study = {"0020000D": {"vr": "UI", "Value": ["2.25.1234567"]}}
    return {
        "study and step": study | step_id,
        "study": study,
        "accession": accession,
        "own study": own_study | step_id | accession,
        "nothing known": own_study,
    }[how]


REFERENCES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["study and step", "study", "accession", "own study", "nothing known"]),
    ),
    max_size=3,
)
ENDINGS = st.sampled_from(["IN PROGRESS", "COMPLETED", "DISCONTINUED", "wrong entry"])
REPORTS = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, 2), REFERENCES),
    st.tuples(st.just("set"), st.integers(0, 2), ENDINGS),
    st.tuples(st.just("push"), st.integers(1, 4), st.none()),
)


def begun(references: list[dict[str, Any]]) -> dict[str, Any]:
    scheduled = {"00400270": {"vr": "SQ", "Value": references}} if references else {}
    return {"00400252": {"vr": "CS", "Value": ["IN PROGRESS"]}, **scheduled}


def set_to(ending: str) -> dict[str, Any]:
    if ending != "wrong entry":
        return {"00400252": {"vr": "CS", "Value": [ending]}}
    reason = {"00080100": {"vr": "SH", "Value": [WRONG_WORKLIST_ENTRY]}}
    return set_to("DISCONTINUED") | {"00400281": {"vr": "SQ", "Value": [reason]}}


class Site:
    """A relay with three items, and the cloud it pushes to."""

    def __init__(self, stores: Stores, path: Path) -> None:
        self.stores = stores
        self.items = fresh_items()
        stores.items.put_if_changed(self.items)
        self.journal = Journal(path)
        self.uids = [f"2.25.{10**9 + next(numbers)}" for _ in range(3)]

    def report(self, kind: EventKind, number: int, dataset: dict[str, Any]) -> None:
        number_of_report = next(numbers)
        made = event_from(
            kind,
            self.uids[number],
            dataset,
            strict=False,
            calling_aetitle="S",
            received_at=NOW + timedelta(seconds=number_of_report // 2),  # some at the same time
            event_id=UUID(int=number_of_report).hex,
        )
        assert isinstance(made, ProcedureStepEvent)
        self.journal.append(made, step_links.links(dataset, Known(self.items)).item_ids)

    def push(self, limit: int) -> bool:
        due = self.journal.due(limit)
        for each in due:
            # What travels is JSON, and an answer that got lost means a second time.
            sent = ProcedureStepEvent.model_validate_json(each.model_dump_json())
            result = self.stores.steps.record_event(sent, site="north", relay_id="r")
            assert result.outcome == "recorded", result
            self.journal.record_result(result)
        return bool(due)

    def check(self) -> None:
        overlay = self.journal.overlay()
        for item in self.items:
            stored = self.stores.items.find(item.id)
            assert stored is not None
            here = overlay.get(item.id)
            there = stored.item.performed_procedure_step_status
            assert there is (here.status if here else Status.SCHEDULED)
            if here is not None:
                assert here.confirmed_seq == stored.feed_seq


@pytest.mark.slow
@given(st.lists(REPORTS, min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_relay_and_cloud_agree_on_every_item_whatever_happens(
    stores: Stores, reports: list[tuple[str, int, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(stores, Path(folder) / "journal.db")
        for what, number, detail in reports:
            if what == "begin":
                references = [named(site.items[which], how) for which, how in detail]
                site.report(EventKind.N_CREATE, number, begun(references))
            elif what == "set":
                site.report(EventKind.N_SET, number, set_to(detail))
            else:
                site.push(number)
        while site.push(10):
            pass
        site.check()
        site.journal.close()


def status_of(stores: Stores, item: WorklistItem) -> Status:
    found = stores.items.find(item.id)
    assert found is not None
    return found.item.performed_procedure_step_status


def record(stores: Stores, *events: ProcedureStepEvent) -> None:
    for each in events:
        assert stores.steps.record_event(each, site="north", relay_id="r").outcome == "recorded"


def uid() -> str:
    return f"2.25.{10**9 + next(numbers)}"


def test_one_step_of_several_items_moves_them_all(stores: Stores) -> None:
    items = fresh_items()
    stores.items.put_if_changed(items)
    step = uid()
    create = an_event(items[0], step)
    create.dataset["00400270"]["Value"] += an_event(items[2]).dataset["00400270"]["Value"]
    record(stores, create)
    assert [status_of(stores, item) for item in items] == [
        Status.IN_PROGRESS,
        Status.SCHEDULED,  # of the same study, and not named
        Status.IN_PROGRESS,
    ]
    record(stores, an_event(None, step, EventKind.N_SET, "COMPLETED"))
    assert [status_of(stores, item) for item in items] == [
        Status.COMPLETED,
        Status.SCHEDULED,
        Status.COMPLETED,
    ]


def test_several_steps_of_one_item_add_up(stores: Stores) -> None:
    [item, *_] = fresh_items()
    stores.items.put_if_changed([item])
    first, second = uid(), uid()
    record(stores, an_event(item, first), an_event(item, second))
    record(stores, an_event(item, first, EventKind.N_SET, "COMPLETED"))
    assert status_of(stores, item) is Status.IN_PROGRESS
    record(stores, an_event(item, second, EventKind.N_SET, "DISCONTINUED"))
    assert status_of(stores, item) is Status.COMPLETED


def test_a_status_a_person_sets_settles_what_was_reported_before(stores: Stores) -> None:
    [item, *_] = fresh_items()
    stores.items.put_if_changed([item])
    first, second = uid(), uid()
    record(stores, an_event(item, first), an_event(item, first, EventKind.N_SET, "COMPLETED"))
    found = stores.items.find(item.id)
    assert found is not None
    stores.items.edit(item.id, {"performed_procedure_step_status": "SCHEDULED"})
    record(stores, an_event(item, second), an_event(item, second, EventKind.N_SET, "DISCONTINUED"))
    assert status_of(stores, item) is Status.DISCONTINUED


@pytest.mark.parametrize("old_relay", [True, False])
def test_a_step_the_relay_found_by_accession_number_is_linked(stores: Stores, old_relay: bool) -> None:
    [item, *_] = fresh_items()
    stores.items.put_if_changed([item])
    create = an_event(None, uid(), item_id=item.id if old_relay else None, item_ids=(item.id,))
    create = create.model_copy(update={"item_ids": () if old_relay else (item.id,)})
    create.dataset["00400270"] = {"vr": "SQ", "Value": [named(item, "accession")]}
    record(stores, create)
    assert status_of(stores, item) is Status.IN_PROGRESS


def test_an_item_a_relay_names_and_the_step_does_not_is_not_touched(stores: Stores) -> None:
    item, _, other = fresh_items()
    stores.items.put_if_changed([item, other])
    record(stores, an_event(item, uid(), item_ids=(item.id, other.id)))
    assert status_of(stores, other) is Status.SCHEDULED


@pytest.mark.slow
def test_a_scan_of_thousands_of_images_is_recorded_whole(stores: Stores) -> None:
    [item, *_] = fresh_items()
    stores.items.put_if_changed([item])
    step = uid()
    made = event(next(numbers), completed(), step)
    long = made.model_copy(update={"dataset": attributes(with_images(8000))})  # as earlier relays sent it
    assert len(long.model_dump_json()) > 1_000_000
    record(stores, an_event(item, step), long)
    assert status_of(stores, item) is Status.COMPLETED
    assert stores.steps.events(step)[1] == long
    row: Any = stores.tables.event.get(step_key(step), f"EVENT#{long.event_id}")
    assert row.body is None
    assert len(row.packed) < LONGEST_PACKED


def noise(characters: int) -> str:
    """Return text that cannot be packed."""
    digits = (f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(characters // 16))
    return "".join(digits)


def test_what_does_not_fit_even_packed_loses_its_longest_attribute_and_says_so(stores: Stores) -> None:
    [item, *_] = fresh_items()
    stores.items.put_if_changed([item])
    create = an_event(item, uid())
    create.dataset["00400280"] = {"vr": "LT", "Value": [noise(1_200_000)]}
    record(stores, create)
    assert status_of(stores, item) is Status.IN_PROGRESS
    [kept] = stores.steps.events(create.sop_instance_uid)
    assert "00400280" not in kept.dataset
    assert kept.dataset["00400270"] == create.dataset["00400270"]
    assert "(0040,0280) was left out in the cloud" in kept.warnings[0]


def test_what_is_too_long_in_what_a_step_needs_is_refused(stores: Stores) -> None:
    create = an_event(None, uid())
    create.dataset["00400253"] = {"vr": "SH", "Value": [noise(1_200_000)]}
    with pytest.raises(Rejected, match="too long"):
        pack(create)
    refused = stores.steps.record_event(create, site="north", relay_id="r")
    assert refused.outcome == "refused"


def test_warnings_are_kept_with_the_event(stores: Stores) -> None:
    create = an_event(None, uid(), warnings=("missing: Modality",))
    record(stores, create)
    assert stores.steps.events(create.sop_instance_uid)[0].warnings == ("missing: Modality",)
    assert isinstance(stores.steps.find(create.sop_instance_uid), Step)
