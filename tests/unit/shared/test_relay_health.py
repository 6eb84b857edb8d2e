"""What a relay tells the cloud always fits, and a newer or older other side is understood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.relay_health import (
    MOST_ACTIVE,
    MOST_PROBLEMS,
    HeartbeatAnswer,
    LoopState,
    RelayHealth,
    ScannerActivity,
)
from shared.text.sentence import MOST_CHARACTERS

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def health(**fields: Any) -> RelayHealth:
    return RelayHealth.model_validate({"version": "0.2.0", "at": NOW, **fields})


@given(st.lists(st.text(), max_size=120), st.text())
def test_whatever_fails_can_be_told(problems: list[str], failure: str) -> None:
    told = health(problems=problems, pull=LoopState(failure=failure), profile_problems=problems)
    assert len(told.problems) <= MOST_PROBLEMS
    assert all(len(problem) <= MOST_CHARACTERS for problem in told.problems)
    assert len(told.pull.failure) <= MOST_CHARACTERS
    assert RelayHealth.model_validate_json(told.model_dump_json()) == told


def test_what_is_cut_says_so() -> None:
    told = health(problems=[f"number {number}" for number in range(100)])
    assert told.problems[0] == "number 0"
    assert told.problems[-1] == "and 61 more"
    assert health(problems=["x" * 400]).problems[0].endswith("x…")


def test_of_too_many_scanners_those_heard_of_last_are_told() -> None:
    scanners = [
        ScannerActivity(ae_title=f"S{number}", last_query_at=NOW - timedelta(minutes=number))
        for number in reversed(range(MOST_ACTIVE + 50))
    ]
    told = health(scanners=[ScannerActivity(ae_title="SILENT"), *scanners])
    assert len(told.scanners) == MOST_ACTIVE
    assert told.scanners[0].ae_title == "S0"
    assert "SILENT" not in {scanner.ae_title for scanner in told.scanners}


def test_few_scanners_stay_in_their_order() -> None:
    told = health(scanners=[ScannerActivity(ae_title="B"), ScannerActivity(ae_title="A", last_echo_at=NOW)])
    assert [scanner.ae_title for scanner in told.scanners] == ["B", "A"]


def test_what_a_newer_relay_tells_besides_is_left_out() -> None:
    assert health(mood="good", pull={"succeeded_at": NOW, "colour": "green"}).pull.succeeded_at == NOW


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="at"):
        health(at="2026-11-22T09:00:00")


@pytest.mark.parametrize(
    "answer", [{}, {"version": "1"}, {"scanners": []}, {"scanners": "none", "version": "1"}]
)
def test_an_answer_that_is_none_is_not_taken_for_nothing_overridden(answer: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HeartbeatAnswer.model_validate(answer)


def test_problems_of_profiles_are_problems() -> None:
    told = health(problems=["pull fails"], profile_problems=["PRISMA1: mpps: is wrong"])
    assert told.all_problems == ("pull fails", "profile of scanner PRISMA1: mpps: is wrong")
