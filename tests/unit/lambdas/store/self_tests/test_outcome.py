from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.store.self_tests.outcome import ADVICE, LABELS, SelfTest, outcome_of
from shared.steps.self_test import SECONDS, Hop, HopResult, id_of
from shared.worklist_item import Status

BEGUN = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
SOON, LATE = BEGUN + timedelta(seconds=5), BEGUN + timedelta(seconds=SECONDS)
TEST = SelfTest(test_id=id_of(UUID(int=1)), relay_id="r", site="north", begun_at=BEGUN, by="ingrid")


def reached(*hops: Hop) -> SelfTest:
    return TEST.having(*(HopResult(hop=hop, at=SOON) for hop in hops))


def states(test: SelfTest, now: datetime) -> list[str]:
    return [each.state for each in outcome_of(test, now).hops]


def test_a_test_that_came_all_the_way_is_green() -> None:
    outcome = outcome_of(reached(*Hop), LATE)
    assert (outcome.state, {each.state for each in outcome.hops}) == ("green", {"green"})


def test_the_next_hop_is_waited_for_and_the_others_are_to_come() -> None:
    assert states(reached(Hop.SAVED), SOON) == ["green", "waiting"] + ["off"] * 6


@pytest.mark.parametrize("missing", list(Hop)[1:])
def test_what_has_not_happened_in_time_is_red_and_says_what_to_do(missing: Hop) -> None:
    before = list(Hop)[: list(Hop).index(missing)]
    outcome = outcome_of(reached(*before), LATE)
    failed = next(each for each in outcome.hops if each.state == "red")
    assert (outcome.state, failed.hop, failed.said) == ("red", missing, ADVICE[missing])


def test_a_hop_that_failed_says_why_and_what_to_do() -> None:
    failed = HopResult(hop=Hop.FOUND, at=SOON, failure="cannot be reached: refused.")
    hop = outcome_of(reached(Hop.SAVED, Hop.FETCHED).having(failed), SOON).hops[2]
    assert hop.said == f"Cannot be reached: refused. {ADVICE[Hop.FOUND]}"


def test_a_test_that_is_over_waits_for_nothing() -> None:
    assert "waiting" not in states(reached(Hop.SAVED).having(over=True), SOON)


def test_the_first_word_about_a_hop_counts() -> None:
    again = reached(Hop.SAVED).having(HopResult(hop=Hop.SAVED, at=LATE, failure="no"))
    assert again == reached(Hop.SAVED)


def test_every_hop_has_a_label_and_advice() -> None:
    assert set(LABELS) == set(ADVICE) == set(Hop)


@pytest.mark.parametrize(
    ("hops", "status"),
    [
        ((Hop.SAVED,), Status.SCHEDULED),
        ((Hop.SAVED, Hop.BEGUN_TOLD), Status.IN_PROGRESS),
        ((Hop.BEGUN_TOLD, Hop.ENDED_TOLD), Status.COMPLETED),
    ],
)
def test_the_feed_shows_the_status_that_arrived(hops: tuple[Hop, ...], status: Status) -> None:
    assert reached(*hops).item.performed_procedure_step_status is status


@given(st.sets(st.sampled_from(list(Hop))), st.booleans(), st.integers(0, 2 * SECONDS))
def test_no_test_is_green_unless_every_hop_was_reached(hops: set[Hop], over: bool, seconds: int) -> None:
    outcome = outcome_of(reached(*hops).having(over=over), BEGUN + timedelta(seconds=seconds))
    assert (outcome.state == "green") <= (hops == set(Hop))
    assert [each.state for each in outcome.hops].count("waiting") <= 1


def test_while_a_test_runs_the_one_before_it_says_whether_all_is_well() -> None:
    before = TEST.having(HopResult(hop=Hop.FOUND, at=SOON, failure="no answer"), over=True)
    assert before.failed_last(SOON)
    after = TEST.model_copy(update={"after_red": True})
    assert after.failed_last(SOON)
    assert not after.having(*(HopResult(hop=hop, at=SOON) for hop in Hop), over=True).failed_last(LATE)
    assert not TEST.failed_last(SOON)
    assert TEST.failed_last(LATE)


def test_a_test_that_an_earlier_build_began_is_read() -> None:
    stored = TEST.model_dump_json(exclude={"after_red"})
    assert SelfTest.model_validate_json(stored) == TEST
