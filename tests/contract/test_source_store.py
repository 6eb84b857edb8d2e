"""Definitions, state and leases in DynamoDB, as moto plays it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient

from lambdas import schedule
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import RejectedRow
from lambdas.store.models import SOURCES
from lambdas.store.runs import rows
from lambdas.store.runs.rows import RunRows
from lambdas.store.sources import SourceStore
from shared.errors import Conflict, NotFound, Rejected
from tests.rigs.cloud import CloudRig, cloud, create_tables
from tests.rigs.redcap import classic_definition

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)  # 12:00 in New York, a Monday
NOW = NOON.timestamp()
STATE = SourceState(
    watermark=NOON,
    definition="d",
    site="main",
    reconciled_at=NOW + 0.25,
    recent=("a", "b"),
    rejected=(RejectedRow(record="007", field="mri_wt_lbs", reason="no number"),),
    rejected_count=1,
    report=SyncReport(outcome="ok", finished_at=NOON, written=3),
)


def is_due(source: StoredSource, now: float) -> bool:
    return schedule.is_due(source.definition, source.timing, now)


@pytest.fixture(scope="module")
def running() -> Iterator[CloudRig]:
    with cloud() as rig:
        yield rig


@pytest.fixture
def store(running: CloudRig) -> SourceStore:
    running.dynamodb.delete_table(TableName="WorklistTable")
    create_tables(running.dynamodb, "WorklistTable")
    sources = SourceStore(running.tables)
    sources.put(classic_definition())
    return sources


def test_a_definition_comes_back_as_it_was_put(store: SourceStore) -> None:
    assert store.get("classic") == classic_definition()
    assert [source.source_id for source in store.all()] == ["classic"]


def test_there_is_no_source_that_nobody_put(store: SourceStore) -> None:
    with pytest.raises(NotFound, match="no-such"):
        store.get("no-such")
    assert not store.acquire("no-such", "me", now=NOW, seconds=60)
    assert len(store.all()) == 1


def test_a_deleted_source_is_gone_and_deleting_it_again_is_quiet(store: SourceStore) -> None:
    store.delete("classic")
    store.delete("classic")
    assert store.all() == []


def test_what_was_remembered_survives_a_new_definition(store: SourceStore) -> None:
    assert store.acquire("classic", "me", now=NOW, seconds=60)
    store.save_state("classic", "me", STATE)
    store.put(classic_definition(site="north"))
    assert store.state("classic") == STATE.model_copy(update={"last_run_at": NOON})


def test_a_lease_is_one_owners_until_it_ends(store: SourceStore) -> None:
    assert store.acquire("classic", "me", now=NOW, seconds=60)
    assert not store.acquire("classic", "you", now=NOW + 60, seconds=60)
    assert store.acquire("classic", "you", now=NOW + 61, seconds=60)


def test_a_lease_given_back_is_free_at_once(store: SourceStore) -> None:
    store.acquire("classic", "me", now=NOW, seconds=60)
    store.release("classic", "me")
    assert store.acquire("classic", "you", now=NOW, seconds=60)


def test_a_lease_held_on_lasts_from_then(store: SourceStore) -> None:
    store.acquire("classic", "me", now=NOW, seconds=60)
    store.renew("classic", "me", now=NOW + 50, seconds=60)
    assert not store.acquire("classic", "you", now=NOW + 100, seconds=60)


def test_who_lost_the_lease_may_write_nothing(store: SourceStore) -> None:
    store.acquire("classic", "me", now=NOW, seconds=60)
    store.acquire("classic", "you", now=NOW + 61, seconds=60)
    with pytest.raises(Conflict):
        store.renew("classic", "me", now=NOW + 61, seconds=60)
    with pytest.raises(Conflict):
        store.save_state("classic", "me", STATE)
    store.release("classic", "me")  # quiet, and without effect
    assert not store.acquire("classic", "me", now=NOW + 62, seconds=60)


def test_a_definition_another_version_wrote_is_told_and_stops_no_other(
    store: SourceStore, running: CloudRig
) -> None:
    running.tables.source(SOURCES, "alien", body='{"id": "alien"}').save()
    alien, classic = store.all()
    assert alien.definition is None
    assert "cannot be read" in alien.problem
    assert classic.definition == classic_definition()
    assert not is_due(alien, NOW)
    with pytest.raises(Rejected, match="alien"):
        store.get("alien")


def test_a_state_another_version_wrote_means_everything_is_read_again(
    store: SourceStore, running: CloudRig
) -> None:
    model = running.tables.run
    unreadable = zlib.compress(b'{"recent": 7}')
    RunRows(running.tables).row("classic").update(actions=[model.state.set(unreadable)])
    assert store.state("classic") == SourceState()


def test_a_source_is_due_when_its_interval_is_over_and_the_schedule_may_be_a_little_early(
    store: SourceStore,
) -> None:
    assert is_due(store.find("classic"), NOW)
    store.acquire("classic", "me", now=NOW, seconds=330)
    assert not is_due(store.find("classic"), NOW + 60)
    store.release("classic", "me")
    assert not is_due(store.find("classic"), NOW + 53)
    assert is_due(store.find("classic"), NOW + 55)


def test_a_killed_sync_does_not_hold_its_source_for_ever(store: SourceStore) -> None:
    store.acquire("classic", "me", now=NOW, seconds=330)
    assert is_due(store.find("classic"), NOW + 331)


def test_a_paused_disabled_or_closed_source_is_not_due(store: SourceStore) -> None:
    store.acquire("classic", "me", now=NOW - 600, seconds=60)
    store.save_state("classic", "me", STATE.model_copy(update={"paused_until": NOW + 1}))
    store.release("classic", "me")
    assert not is_due(store.find("classic"), NOW)
    assert is_due(store.find("classic"), NOW + 1)
    store.put(classic_definition(operating_window={"opens": "06:00", "closes": "11:00"}))
    assert not is_due(store.find("classic"), NOW + 1)
    store.put(classic_definition(enabled=False))
    assert not is_due(store.find("classic"), NOW + 1)


def test_the_states_of_a_few_sources_and_of_many_are_read_alike(
    store: SourceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        store.put(classic_definition(id=f"s{number}"))
        assert store.acquire(f"s{number}", "me", now=NOW, seconds=60)
        store.finish(f"s{number}", "me", STATE.model_copy(update={"rejected_count": number}))
    few = store.all()
    monkeypatch.setattr(rows, "BATCH_GET", 2)
    assert store.all() == few
    assert [each.state.rejected_count for each in few] == [0, 0, 1, 2]


def test_a_few_sources_are_read_in_two_requests(store: SourceStore) -> None:
    asked: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        asked.append(operation)
        return real(self, operation, arguments)

    with patch.object(BaseClient, "_make_api_call", counted):
        store.all()
    assert asked == ["Query", "BatchGetItem"]
