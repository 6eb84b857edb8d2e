"""Each trouble raises its figure: through the real handlers, as CloudWatch takes it from their logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from infra.redcap_simulator import classic
from lambdas import schedule, sync_redcap
from lambdas.sources.state import Withheld
from lambdas.store.models import SOURCES
from shared.errors import Unavailable
from tests.rigs.figures import Told
from tests.rigs.lambda_events import Context, schedule_event, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data


@pytest.fixture
def rig(stack: Stack, told: Told) -> Iterator[Rig]:
    schedule._plan.cache_clear()
    rig = stack.fresh(classic(2), classic_data())
    rig.sync()
    told()
    yield rig
    sync_redcap._wired.cache_clear()


def sync(**message: str) -> None:
    sync_redcap.handler(sqs_event({"source_id": "classic", **message}), Context())


def tick() -> None:
    schedule.handler(schedule_event(), Context())


# ------------------------------------------------------------------------------- sources


def test_a_sync_that_finds_no_trouble_tells_none(rig: Rig, told: Told) -> None:
    sync()
    assert told() == {}


def test_a_save_tells_how_long_it_took_until_relays_can_pull_it(rig: Rig, told: Told) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_time": "11:45"}, instance=1)
    sync()
    assert 0 <= told()["SavedToVisible"] < 600


def test_an_announced_save_tells_it_to_the_second(rig: Rig, told: Told) -> None:
    now = datetime.now(UTC).timestamp()
    rig.simulator.save_form(11, "000001", "mri", {"mri_time": "11:45"}, instance=1)
    sync(record="000001", saved_at=str(now - 42))
    assert 42 <= told()["SavedToVisible"] < 102


def test_a_source_that_fails_tells_how_often_in_a_row(rig: Rig, told: Told) -> None:
    for failures in (1, 2, 3):
        rig.remember(rig.state().model_copy(update={"paused_until": 0.0}))
        with patch("lambdas.redcap.project.RedcapProject.project_info", side_effect=Unavailable("down")):
            rig.remember(rig.state().model_copy(update={"watermark": None}))
            sync(claim=str(datetime.now(UTC).timestamp()))
        assert told()["SyncFailing"] == failures


def test_rows_that_cannot_be_exams_are_told_and_those_of_today_apart(rig: Rig, told: Told) -> None:
    today = f"{rig.sources.get('classic').local(datetime.now(UTC)):%Y-%m-%d}"
    rig.simulator.save_form(11, "000001", "mri", {"mri_date": today, "mri_time": "not a time"}, instance=1)
    sync()
    found = told()
    assert (found["RowsRejected"], found["MissingSoon"]) == (1, 1)


def test_withdrawals_that_wait_and_changes_that_went_unseen_are_told(rig: Rig, told: Told) -> None:
    waiting = Withheld.of(["a", "b", "c", "d", "e", "f"], total=6)
    rig.remember(rig.state().model_copy(update={"withheld": waiting, "unseen": 2}))
    sync()
    found = told()
    assert (found["WithdrawalsWait"], found["UnseenChanges"]) == (6, 2)


def test_a_fault_of_ours_is_told_at_once(rig: Rig, told: Told) -> None:
    with patch("lambdas.sync.source_sync.SyncAttempt.sync", side_effect=ZeroDivisionError):
        sync()
    assert told()["Broke"] == 1


# ------------------------------------------------------------------------------ schedule


def test_every_minute_tells_how_late_the_sources_are(rig: Rig, told: Told) -> None:
    tick()
    assert told() == {"SyncLag": 0}
    long_ago = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 3600, UTC)
    rig.set_run(last_run_at=long_ago.isoformat())
    tick()
    assert 3500 < told()["SyncLag"] < 3700


def test_a_definition_that_cannot_be_read_is_told(rig: Rig, told: Told) -> None:
    rig.cloud.dynamodb.update_item(
        TableName="WorklistTable",
        Key={"pk": {"S": SOURCES}, "sk": {"S": "classic"}},
        UpdateExpression="SET body = :broken",
        ExpressionAttributeValues={":broken": {"S": "{}"}},
    )
    schedule._plan.cache_clear()
    tick()
    assert told()["SourcesUnreadable"] == 1
