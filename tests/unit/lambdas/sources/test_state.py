"""What is remembered of withdrawals that wait for a person, and that older builds' states still open."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.state import CHECK_SECONDS, VANISHED_KEPT, FullRead, ProjectCheck, SourceState, Withheld

IDS = st.sets(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=20)


@given(IDS)
def test_all_are_remembered_by_their_ids_where_there_is_room(ids: set[str]) -> None:
    withheld = Withheld.of(ids, total=50)
    assert withheld.is_complete
    assert (set(withheld.items), withheld.count) == (ids, len(ids))


def test_of_more_than_there_is_room_for_only_the_number_is_remembered() -> None:
    ids = [str(number) for number in range(VANISHED_KEPT + 1)]
    withheld = Withheld.of(ids, total=10_000)
    assert not withheld.is_complete
    assert (withheld.items, withheld.count) == ((), VANISHED_KEPT + 1)


@given(IDS, st.integers(1, 1000))
def test_where_some_were_forgotten_the_others_are_not_taken_for_all(ids: set[str], forgotten: int) -> None:
    withheld = Withheld.of(ids, total=5000, forgotten=forgotten)
    assert not withheld.is_complete
    assert withheld.count == len(ids) + forgotten


def test_a_state_of_an_earlier_build_holds_nothing_back() -> None:
    state = SourceState.model_validate(
        {
            "watermark": "2026-11-23T08:00:00Z",
            "failures": 3,
            "report": {
                "outcome": "failed",
                "finished_at": "2026-11-23T08:00:00Z",
                "error": "none was withdrawn",
            },
            "progress": {
                "started": "2026-11-23T08:00:00Z",
                "began_at": 1.0,
                "definition": "d",
                "vanished": ["a", "b"],
            },
        }
    )
    assert state.withheld is None
    assert isinstance(state.progress, FullRead)
    assert state.progress.forgotten == 0


@given(st.floats(0, 2e9), st.floats(-1e6, 1e6))
def test_what_a_project_said_is_good_for_a_quarter_of_an_hour_and_its_definition(
    at: float, age: float
) -> None:
    check = ProjectCheck(definition="d", at=at)
    now = at + age
    assert check.is_valid("d", now) == (at <= now < at + CHECK_SECONDS)
    assert not check.is_valid("another", now)
