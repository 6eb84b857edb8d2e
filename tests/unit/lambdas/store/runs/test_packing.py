"""A source's state, in one row or in two."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow
from lambdas.store.runs.packing import LONGEST_WITH_ALL, packed, unpacked

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
RECENT = tuple(f"{number * 7919:024x}" for number in range(400))


def report(**changes: int) -> SyncReport:
    return SyncReport(outcome="ok", finished_at=NOON, unchanged=3).model_copy(update=changes)


STATES = st.builds(
    SourceState,
    watermark=st.just(NOON) | st.none(),
    definition=st.text("0123456789abcdef", max_size=64),
    recent=st.lists(st.text(max_size=24), max_size=60).map(tuple),
    held=st.lists(
        st.builds(HeldRow, record=st.text(max_size=8), field=st.just("f"), reason=st.text(max_size=40)),
        max_size=9,
    ),
    failures=st.integers(0, 9),
    paused_until=st.floats(0, 2e9),
    unchecked=st.booleans(),
    report=st.just(report()) | st.none(),
)


@given(STATES, st.booleans())
def test_a_state_comes_back_as_it_was_put(state: SourceState, apart: bool) -> None:
    parts = packed(state, apart=apart)
    watermark = state.watermark.isoformat() if state.watermark else None
    assert unpacked(parts.short, parts.long, watermark, None) == state


def test_a_short_state_is_in_one_row() -> None:
    parts = packed(SourceState(report=report(), recent=RECENT[:3]), apart=False)
    assert (parts.long, parts.digest) == (None, "")
    assert len(parts.short) <= LONGEST_WITH_ALL


def test_a_long_state_leaves_a_short_row() -> None:
    parts = packed(SourceState(report=report(), recent=RECENT), apart=False)
    assert parts.long is not None
    assert len(parts.short) < LONGEST_WITH_ALL < len(parts.long)


def test_what_changes_with_every_sync_does_not_change_the_long_part() -> None:
    before = SourceState(report=report(), recent=RECENT)
    after = before.model_copy(
        update={"report": report(unchanged=4), "ids_checked_at": 7.0, "failures": 1, "paused_until": 9.0}
    )
    assert packed(before, apart=True).digest == packed(after, apart=True).digest
    other = before.model_copy(update={"recent": RECENT[1:]})
    assert packed(before, apart=True).digest != packed(other, apart=True).digest


def test_what_has_a_row_of_its_own_keeps_it() -> None:
    assert packed(SourceState(), apart=True).long is not None


def test_what_another_version_wrote_and_this_one_cannot_read_is_not_known() -> None:
    parts = packed(SourceState(failures=3), apart=False)
    assert unpacked(parts.short, None, "no date", NOON.isoformat()) == SourceState(last_run_at=NOON)
