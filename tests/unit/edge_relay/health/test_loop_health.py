"""How a part of the relay goes is told with times, and nothing of it gets lost or made up on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_relay.health.loop_health import LoopHealth, LoopTimes

STARTED = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOMENTS = st.none() | st.floats(0, 1e9, allow_nan=False)


def at(moment: float) -> datetime:
    return STARTED + timedelta(seconds=moment)


def test_a_part_that_has_done_nothing_yet_is_told_without_times() -> None:
    assert LoopTimes().told(at) == LoopHealth()


def test_the_first_moment_of_the_clock_is_a_moment() -> None:
    assert LoopTimes(succeeded=0.0, failing_since=0.0).told(at) == LoopHealth(
        succeeded_at=STARTED, failing_since=STARTED
    )


@given(MOMENTS, MOMENTS, st.text(), st.booleans())
def test_each_time_is_told_as_what_it_is_of(
    succeeded: float | None, failing_since: float | None, failure: str, forbidden: bool
) -> None:
    told = LoopTimes(succeeded, failing_since, failure, forbidden).told(at)
    assert told.succeeded_at == (None if succeeded is None else at(succeeded))
    assert told.failing_since == (None if failing_since is None else at(failing_since))
    assert (told.failure, told.forbidden) == (failure, forbidden)


def test_what_is_told_survives_the_report_file() -> None:
    told = LoopTimes(succeeded=1.5, failing_since=2.0, failure="no route", forbidden=True).told(at)
    assert LoopHealth.model_validate_json(told.model_dump_json()) == told


def test_what_was_told_does_not_change_afterwards() -> None:
    told = LoopTimes().told(at)
    with pytest.raises(ValidationError):
        told.failure = "another"  # type: ignore[misc]
