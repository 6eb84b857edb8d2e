"""Which scanner was shown which item: counted, kept, told once and then hourly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.health.shown_items import AGAIN_AFTER, KEPT, ShownItems

START = datetime(2026, 11, 27, 11, 20, tzinfo=UTC)


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def shown(tmp_path: Path, watch: Watch) -> ShownItems:
    return ShownItems(tmp_path / "shown.db", watch, own="MWL_RELAY")


def told(shown: ShownItems) -> dict[str, dict[str, int]]:
    """Tell what is due; return it by item and scanner."""
    due = shown.due()
    shown.told(due)
    return {each.item_id: {to.ae_title: to.times for to in each.scanners} for each in due}


def test_the_first_time_is_told_at_once_with_its_moment(shown: ShownItems, watch: Watch) -> None:
    shown.note("PRISMA1", ["a", "b"])
    watch.forward(timedelta(minutes=1))
    shown.note("PRISMA1", ["a"])
    first, second = shown.due()
    assert (first.item_id, second.item_id) == ("a", "b")
    (to,) = first.scanners
    assert (to.ae_title, to.first_at, to.last_at, to.times) == ("PRISMA1", START, watch.now, 2)


def test_what_was_told_is_not_told_again_at_once(shown: ShownItems) -> None:
    shown.note("PRISMA1", ["a"])
    assert told(shown) == {"a": {"PRISMA1": 1}}
    assert told(shown) == {}
    shown.note("PRISMA1", ["a"])
    assert told(shown) == {}


def test_that_it_was_shown_again_is_told_once_an_hour(shown: ShownItems, watch: Watch) -> None:
    shown.note("PRISMA1", ["a"])
    told(shown)
    for _ in range(5):
        watch.forward(AGAIN_AFTER / 5)
        shown.note("PRISMA1", ["a"])
    assert told(shown) == {"a": {"PRISMA1": 6}}
    watch.forward(AGAIN_AFTER)
    assert told(shown) == {}  # nobody asked meanwhile


def test_another_scanner_is_told_at_once_with_the_others(shown: ShownItems) -> None:
    shown.note("PRISMA1", ["a"])
    told(shown)
    shown.note("SKYRA", ["a"])
    assert told(shown) == {"a": {"PRISMA1": 1, "SKYRA": 1}}


def test_what_the_cloud_did_not_take_stays_due(shown: ShownItems) -> None:
    shown.note("PRISMA1", ["a"])
    assert shown.due() == shown.due() != []


def test_a_restart_forgets_nothing(shown: ShownItems, tmp_path: Path, watch: Watch) -> None:
    shown.note("PRISMA1", ["a"])
    shown.keep()
    again = ShownItems(tmp_path / "shown.db", watch)
    again.note("PRISMA1", ["a"])
    assert told(again) == {"a": {"PRISMA1": 2}}


def test_the_relay_asking_itself_is_no_scanner(shown: ShownItems) -> None:
    shown.note("MWL_RELAY", ["a"])
    assert shown.due() == []


def test_what_is_long_past_is_forgotten(shown: ShownItems, watch: Watch) -> None:
    shown.note("PRISMA1", ["a"])
    shown.keep()
    watch.forward(KEPT + timedelta(days=1))
    assert shown.due() == []


def test_at_most_so_many_are_told_at_once(shown: ShownItems) -> None:
    shown.note("PRISMA1", [str(number) for number in range(7)])
    assert len(shown.due(5)) == 5


def test_a_file_that_cannot_be_used_loses_no_count(
    tmp_path: Path, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "folder" / "shown.db"
    shown = ShownItems(path, watch)
    shown.note("PRISMA1", ["a"])
    assert shown.due() == []
    assert "shown.db cannot be used" in caplog.text
    shown.note("PRISMA1", ["a"])
    path.parent.mkdir()
    assert told(shown) == {"a": {"PRISMA1": 2}}


def test_a_damaged_file_is_begun_anew(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "shown.db"
    path.write_bytes(b"no database at all, but long enough" * 100)
    shown = ShownItems(path, watch)
    shown.note("PRISMA1", ["a"])
    assert shown.due() == []
    assert told(shown) == {"a": {"PRISMA1": 1}}


@given(
    st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["x", "y"]), st.booleans()), max_size=20)
)
def test_every_answer_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, str, bool]]
) -> None:
    shown = ShownItems(tmp_path_factory.mktemp("shown") / "shown.db", Watch())
    counts: dict[tuple[str, str], int] = {}
    for title, item_id, keeps in story:
        shown.note(title, [item_id])
        counts[item_id, title] = counts.get((item_id, title), 0) + 1
        if keeps:
            shown.keep()
    found = {(each.item_id, to.ae_title): to.times for each in shown.due() for to in each.scanners}
    assert found == counts
