"""What the dashboard reads and keeps, on tables made from template.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from lambdas.access.browser_session import BrowserSession
from lambdas.store.accounts.browser_sessions import KEPT_SECONDS, BrowserSessionStore
from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.linking.completions import Completions
from lambdas.store.listing import ItemQuery
from lambdas.store.ownership import STATUS, StoredItem
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from shared.steps.procedure_step import EventKind
from shared.steps.study_images import StudyImages
from shared.worklist_item import Status
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import CloudRig, cloud

SESSION = BrowserSession(username="ana", session_id="s1", began_at=1000.0, used_at=1000.0, proved_at=1000.0)


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


@pytest.fixture
def worklist(rig: CloudRig) -> WorklistStore:
    numbers = count(1)
    return WorklistStore(rig.tables, now=rig.clock, new_id=lambda: f"id{next(numbers)}")


@pytest.fixture
def sessions(rig: CloudRig) -> BrowserSessionStore:
    return BrowserSessionStore(rig.tables)


def test_a_session_is_found_by_its_secret_alone(rig: CloudRig, sessions: BrowserSessionStore) -> None:
    sessions.begin("secret", SESSION)
    assert sessions.find("secret") == SESSION
    assert sessions.find("Secret") is None
    [row] = rig.tables.account.scan()
    assert "secret" not in row.sk
    assert row.expires_at.timestamp() == 1000 + KEPT_SECONDS


def test_a_session_is_changed_until_it_ends(sessions: BrowserSessionStore) -> None:
    sessions.begin("secret", SESSION)
    sessions.change("secret", hides_names=True)
    assert sessions.find("secret") == SESSION.model_copy(update={"hides_names": True})
    sessions.end("secret")
    sessions.end("secret")
    sessions.change("secret", used_at=2000.0)
    assert sessions.find("secret") is None


def test_the_days_of_a_site_are_its_own_whatever_their_status(worklist: WorklistStore) -> None:
    items = [
        an_item("1", scheduled_start_date="20261121", scheduled_start_time="235959"),
        an_item("2", scheduled_start_time="1500"),
        an_item("3", scheduled_start_time="0800", performed_procedure_step_status=Status.CANCELLED),
        an_item("4", scheduled_start_date="20261123", scheduled_start_time="0000"),
        an_item("5", site="south"),
        an_item("6", scheduled_start_time="0900"),
    ]
    worklist.put_if_changed(items)
    worklist.remove(items[5].id)

    def records(first: str, last: str) -> list[str]:
        return [each.item.source_record for each in worklist.of_days("north", first, last)]

    assert records("20261122", "20261122") == ["3", "2"]
    assert records("20261121", "20261123") == ["1", "3", "2", "4"]
    assert worklist.of_days("nowhere", "20261122", "20261122") == []


def a_day(worklist: WorklistStore) -> list[StoredItem]:
    return worklist.of_days("north", "20261122", "20261122")


def a_list(worklist: WorklistStore) -> list[StoredItem]:
    return worklist.list_items(ItemQuery(site="north"), limit=2).items


@pytest.mark.parametrize("read", [a_day, a_list])
def test_a_day_and_a_list_have_of_an_item_all_that_is_stored_of_it(
    rig: CloudRig, worklist: WorklistStore, read: Callable[[WorklistStore], list[StoredItem]]
) -> None:
    item = an_item()
    worklist.put_if_changed([item])
    worklist.edit(item.id, {"procedure_description": "Knee", STATUS: Status.ARRIVED.value})
    StepStore(rig.tables, worklist, now=rig.clock).record_event(an_event(item), site="north", relay_id="r")
    told = StudyImages(
        item_id=item.id, study_instance_uid=item.study_instance_uid, patient_id="other", series_count=1
    )
    Completions(worklist, DoubtedImageStore(rig.tables, now=rig.clock)).images_found("north", told)
    [found] = read(worklist)
    assert found == worklist.find(item.id)
    kept = ("edited", "progress", "performed", "audited", "timing", "images")
    assert all(getattr(found, name) for name in kept)
    assert found.status_owner == "mpps"


def test_items_are_chosen_by_a_glance_at_their_fields(worklist: WorklistStore) -> None:
    worklist.put_if_changed([an_item("1"), an_item("2")])
    found = worklist.of_days("north", "20261122", "20261122", lambda each: each["patient_id"] == "sub-2")
    assert [each.item.source_record for each in found] == ["2"]


def test_a_step_tells_what_redcap_is_owed(rig: CloudRig, worklist: WorklistStore) -> None:
    steps = StepStore(rig.tables, worklist, now=rig.clock)
    item = an_item()
    worklist.put_if_changed([item])
    for number in range(3):
        event = an_event(item, f"2.25.{number}", EventKind.N_CREATE)
        steps.record_event(event, site="north", relay_id="r")
    steps.write_back_done("2.25.1", 1)
    steps.write_back_parked("2.25.2", 1, note="the record is locked")
    found = steps.performed(["2.25.0", "2.25.1", "2.25.2", "2.25.9"])
    assert {uid: (each.write_back, each.note) for uid, each in found.items()} == {
        "2.25.0": ("due", ""),
        "2.25.1": ("done", ""),
        "2.25.2": ("parked", "the record is locked"),
    }
    assert found["2.25.0"].step.station_aetitle == "MR1"
    assert steps.performed([]) == {}
