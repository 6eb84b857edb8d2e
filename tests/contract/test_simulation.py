"""Some minutes of many sites through the real handlers; `make cost ARGS=--hour` simulates the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.aws.due_requests import AT_ONCE
from tests.cost.simulation import MOST_READS, MOST_WRITES, Outcome, Scale, simulate, smaller

SMALL = smaller(Scale(), 0.004, minutes=4)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return simulate(SMALL)


@pytest.mark.slow
def test_every_source_is_synced_every_minute(outcome: Outcome) -> None:
    assert (outcome.failed, outcome.unserved) == (0, 0)
    assert outcome.syncs >= 0.9 * SMALL.sources * SMALL.minutes
    assert outcome.share(outcome.lags) <= 90


@pytest.mark.slow
def test_what_was_just_saved_is_there_in_three_seconds(outcome: Outcome) -> None:
    assert outcome.hint_lags
    assert outcome.share(outcome.hint_lags) <= 3


@pytest.mark.slow
def test_no_partition_and_no_server_is_asked_too_much(outcome: Outcome) -> None:
    assert outcome.busiest.writes <= MOST_WRITES
    assert outcome.busiest.reads <= MOST_READS
    assert outcome.most_at_a_server <= AT_ONCE


@pytest.mark.slow
def test_the_queue_stays_bounded_when_redcap_is_far_too_slow() -> None:
    hopeless = replace(SMALL, redcap_seconds=200.0, minutes=5, hints=0.0, scans=0.0)
    outcome = simulate(hopeless)
    assert 0 < outcome.longest_queue <= hopeless.sources
