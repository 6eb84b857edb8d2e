"""What waits on the queue of the schedule: one message a source, whatever becomes of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest.mock import patch

import pytest

from infra.redcap_simulator import classic
from lambdas import schedule, sync_redcap
from lambdas.store.models import SOURCES
from lambdas.store.runs.claims import CLAIM_SECONDS
from shared.errors import Unavailable
from tests.rigs.lambda_events import Context, schedule_event, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data, classic_definition, running_stack

NAMES = [f"study-{number}" for number in range(20)]
NOON = datetime.fromisoformat("2026-11-23T12:00:00-05:00").timestamp()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


class Minutes:
    """Time for the schedule and for the sync's store alike."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def minutes() -> Iterator[Minutes]:
    clock = Minutes()
    schedule._plan.cache_clear()
    sync_redcap._wired.cache_clear()
    with (
        patch("lambdas.schedule.time.time", clock),
        patch("lambdas.sync_redcap.time.time", clock),
        patch("lambdas.sync.connect.time.time", clock),
    ):
        yield clock
    sync_redcap._wired.cache_clear()


@pytest.fixture
def rig(stack: Stack, minutes: Minutes) -> Rig:
    rig = stack.fresh(classic(4), classic_data())
    rig.cloud.received(rig.cloud.due_queue_url)
    return rig


def tick(minutes: Minutes, seconds: float = 60) -> int:
    answer = schedule.handler(schedule_event(), Context())
    minutes.now += seconds
    return answer["syncs"]


def message(rig: Rig) -> dict[str, Any]:
    (body,) = rig.cloud.received(rig.cloud.due_queue_url)
    assert isinstance(body, dict)
    return body


def take(body: dict[str, Any]) -> int:
    """Let the sync's handler take a message; return how many requests it made, by what it logged."""
    return len(sync_redcap.handler(sqs_event(body), Context())["batchItemFailures"])


def test_a_consumer_that_is_busy_finds_one_message_a_source(rig: Rig, minutes: Minutes) -> None:
    for name in NAMES:
        rig.register(classic_definition(id=name, url=rig.simulator.url))
    asked = [tick(minutes) for _ in range(5)]
    assert asked == [len(NAMES) + 1, 0, 0, 0, 0]
    waiting = Counter(body["source_id"] for body in rig.cloud.received(rig.cloud.due_queue_url))
    assert waiting == dict.fromkeys([*NAMES, "classic"], 1)


def test_a_source_is_asked_for_again_once_it_was_synced_and_is_due(rig: Rig, minutes: Minutes) -> None:
    assert tick(minutes, seconds=1) == 1
    assert take(message(rig)) == 0
    assert rig.state().report is not None
    assert tick(minutes) == 0  # a moment ago
    assert tick(minutes) == 1


def test_a_source_whose_message_was_lost_is_asked_for_again(rig: Rig, minutes: Minutes) -> None:
    assert tick(minutes) == 1
    message(rig)  # and nobody acts on it
    assert sum(tick(minutes) for _ in range(int(CLAIM_SECONDS / 60) - 1)) == 0
    assert tick(minutes) == 1


def test_a_message_handed_out_twice_is_followed_once(rig: Rig, minutes: Minutes) -> None:
    tick(minutes, seconds=1)
    body = message(rig)
    take(body)
    rig.simulator.requests.clear()
    assert take(body) == 0
    assert rig.simulator.requests.count == 0


@pytest.mark.parametrize(
    "closed", [{"enabled": False}, {"operating_window": {"opens": "01:00", "closes": "02:00"}}]
)
def test_a_source_turned_off_or_closed_meanwhile_is_not_asked(
    rig: Rig, minutes: Minutes, closed: dict[str, Any]
) -> None:
    tick(minutes)
    rig.sources.put(classic_definition(url=rig.simulator.url, **closed))
    rig.simulator.requests.clear()
    assert take(message(rig)) == 0
    assert rig.simulator.requests.count == 0
    rig.sources.put(classic_definition(url=rig.simulator.url))
    assert tick(minutes) == 1  # the request was settled: it need not lapse first


@pytest.mark.parametrize("until", ["paused_until", "banned_until"])
def test_a_source_that_is_to_be_left_alone_is_not_asked(rig: Rig, minutes: Minutes, until: str) -> None:
    tick(minutes)
    rig.remember(rig.state().model_copy(update={until: minutes.now + 30}))
    rig.simulator.requests.clear()
    assert take(message(rig)) == 0
    assert rig.simulator.requests.count == 0
    minutes.now += 60
    assert tick(minutes) == 1


def test_a_source_under_lease_is_left_alone_and_asked_for_with_the_next_tick(
    rig: Rig, minutes: Minutes
) -> None:
    tick(minutes)
    assert rig.sources.acquire("classic", "another", now=minutes.now, seconds=30, noted=False)
    assert take(message(rig)) == 0
    rig.sources.release("classic", "another")
    assert tick(minutes) == 1


def test_a_sync_that_fails_is_not_tried_again_by_the_queue_but_after_a_pause(
    rig: Rig, minutes: Minutes
) -> None:
    tick(minutes, seconds=1)
    with patch("lambdas.redcap.project.RedcapProject.project_info", side_effect=Unavailable("down")):
        assert take(message(rig)) == 0
    assert rig.state().failures == 1
    assert [tick(minutes) for _ in range(4)] == [0, 0, 1, 0]


def test_a_source_deleted_since_it_was_asked_for_is_no_failure(rig: Rig, minutes: Minutes) -> None:
    tick(minutes)
    rig.sources.delete("classic")
    assert take(message(rig)) == 0
    assert tick(minutes) == 0


def test_a_request_without_a_moment_is_refused(rig: Rig) -> None:
    assert take({"source_id": "classic", "claim": "soon"}) == 1
    assert rig.state().report is None


def test_what_an_earlier_build_stored_is_taken_over_with_its_watermark(rig: Rig, minutes: Minutes) -> None:
    rig.sync()
    state = rig.state()
    definition = rig.sources.get("classic")
    rig.sources.delete("classic")
    rig.cloud.tables.source(
        SOURCES,
        "classic",
        body=definition.model_dump_json(),
        watermark=state.watermark.isoformat() if state.watermark else None,
        last_run_at=state.last_run_at.isoformat() if state.last_run_at else None,
        last_result=json.loads(state.model_dump_json(exclude={"watermark", "last_run_at"})),
    ).save()
    assert rig.state() == state  # before anything is taken over
    schedule._plan.cache_clear()
    minutes.now += 60
    assert tick(minutes, seconds=1) == 1
    assert rig.state() == state
    rig.simulator.requests.clear()
    take(message(rig))
    report = rig.state().report
    assert report is not None
    assert (report.outcome, report.full) == ("ok", False)


def test_a_source_of_an_earlier_build_can_be_synced_before_the_schedule_has_seen_it(rig: Rig) -> None:
    definition = rig.sources.get("classic")
    rig.sources.delete("classic")
    rig.cloud.tables.source(SOURCES, "classic", body=definition.model_dump_json()).save()
    assert rig.sync().outcome == "ok"
