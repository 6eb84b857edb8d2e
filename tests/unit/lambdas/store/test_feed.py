"""The feed against a model of DynamoDB that shows a committed transaction row by row, late.

The model: a transaction moves the head and decides every row at one instant, but each row becomes visible to
a Query by itself, up to a delay below the settle window later. Writers read the head, sleep as long as they
like, and then commit or lose. Readers are relays: they keep the cursor of each page, go on from `next`, stop
halfway, come back.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambdas.store.feed import FeedTable, Head, Mark, is_ancestor, is_current, read_page, settled_bound
from shared.errors import Rejected
from shared.feed import Cursor, FeedItem, Tombstone
from tests.rigs.builders import an_item

SETTLE = 10.0
Backup = tuple[Head | None, dict[str, list[tuple[float, int, bool]]], dict[int, str]]
NAMES = [f"{n:03}" for n in range(6)]
ITEMS = {name: an_item(name) for name in NAMES}
IDS = {name: item.id for name, item in ITEMS.items()}


@dataclass
class SlowTable:
    """One site's partition: what is true, and from when a Query sees it."""

    now: float = 1_000_000.0
    epoch: str = "first"
    current: Head | None = None
    versions: dict[str, list[tuple[float, int, bool]]] = field(default_factory=dict)
    stamps: dict[int, str] = field(default_factory=dict)
    written: int = 0

    def head(self, site: str) -> Head | None:
        return self.current

    def commit(self, read: Head | None, read_at: float, writes: dict[str, tuple[bool, float]]) -> bool:
        """Commit if the head is as it was read; ``writes``: name -> (gone, seconds until it is seen)."""
        if self.current != read:
            return False
        before = read or Head(0, self.epoch)
        self.written += 1  # in all histories together, so that no stamp is used twice
        self.current = before.take(len(writes), read_at=read_at, settle=SETTLE, stamp=f"s{self.written}")
        self.stamps[self.current.version] = self.current.stamp
        for seq, (name, (gone, delay)) in enumerate(writes.items(), start=before.seq + 1):
            self.versions.setdefault(name, []).append((self.now + delay, seq, gone))
        return True

    def rows_after(self, site: str, seq: int, limit: int) -> tuple[list[FeedItem | Tombstone], bool]:
        rows: list[FeedItem | Tombstone] = []
        for name, versions in self.versions.items():
            visible = [version for version in versions if version[0] <= self.now]
            if visible and visible[-1][1] > seq:
                _, number, gone = visible[-1]
                rows.append(
                    Tombstone(feed_seq=number, id=IDS[name])
                    if gone
                    else FeedItem.model_construct(feed_seq=number, item=ITEMS[name])
                )
        rows.sort(key=lambda row: row.feed_seq)
        return rows[:limit], len(rows) > limit

    def is_in_history(self, site: str, version: int, stamp: str) -> bool:
        return self.stamps.get(version) == stamp

    def backup(self) -> Backup:
        return deepcopy((self.current, self.versions, self.stamps))

    def restore(self, backup: Backup) -> None:
        self.current, self.versions, self.stamps = deepcopy(backup)

    def truth(self) -> dict[str, int]:
        return {IDS[name]: v[-1][1] for name, v in self.versions.items() if not v[-1][2]}


@dataclass
class Relay:
    """Keeps what the protocol says to keep: rows by id and number, and the cursor."""

    table: FeedTable
    rows: dict[str, tuple[int, bool]] = field(default_factory=dict)
    cursor: str | None = None
    asking: str | None = None
    staged: dict[str, tuple[int, bool]] | None = None
    epoch: str = ""

    def pull_page(self, limit: int, now: float) -> bool:
        """Read one page; return whether there is more."""
        asked = self.asking or self.cursor
        try:
            page = read_page(self.table, "north", asked, limit=limit, now=now, settle=SETTLE)
        except Rejected:  # in the middle of a snapshot: its pages do not belong together
            self.restart()
            return True
        if page.snapshot and (self.staged is None or page.epoch != self.epoch):
            self.staged = {}
        self.epoch = page.epoch
        target = self.rows if self.staged is None else self.staged
        changes = [(row.item.id, row.feed_seq, False) for row in page.items]
        changes += [(row.id, row.feed_seq, True) for row in page.tombstones]
        for item_id, seq, gone in changes:
            if target.get(item_id, (0, False))[0] <= seq:
                target[item_id] = (seq, gone)
        if self.staged is None:
            self.cursor = page.cursor
        elif not page.more:
            self.rows, self.staged, self.cursor = self.staged, None, page.cursor
        self.asking = page.next if page.more else None
        return page.more

    def restart(self) -> None:
        self.asking = self.staged = None

    def items(self) -> dict[str, int]:
        return {item_id: seq for item_id, (seq, gone) in self.rows.items() if not gone}


class FeedMachine(RuleBasedStateMachine):
    """Any interleaving of writers and relays."""

    @initialize()
    def begin(self) -> None:
        self.table = SlowTable()
        self.relays = [Relay(self.table), Relay(self.table)]
        self.reads: list[tuple[Head | None, float]] = []
        self.backup = self.table.backup()

    @rule(seconds=st.sampled_from([0.5, 3.0, SETTLE, 3 * SETTLE]))
    def time_passes(self, seconds: float) -> None:
        self.table.now += seconds

    @rule()
    def a_writer_reads_the_head(self) -> None:
        self.reads.append((self.table.current, self.table.now))

    @rule(
        data=st.data(),
        writes=st.dictionaries(
            st.sampled_from(NAMES),
            st.tuples(st.booleans(), st.sampled_from([0.0, 5.0, SETTLE - 0.01])),
            min_size=1,
            max_size=4,
        ),
    )
    def a_writer_commits_or_loses(self, data: st.DataObject, writes: dict[str, tuple[bool, float]]) -> None:
        if self.reads:
            at = data.draw(st.integers(0, len(self.reads) - 1))
            self.table.commit(*self.reads.pop(at), writes)

    @rule(
        writes=st.dictionaries(
            st.sampled_from(NAMES),
            st.tuples(st.booleans(), st.sampled_from([0.0, 5.0, SETTLE - 0.01])),
            min_size=1,
            max_size=4,
        )
    )
    def a_writer_writes_at_once(self, writes: dict[str, tuple[bool, float]]) -> None:
        self.table.commit(self.table.current, self.table.now, writes)

    @rule(which=st.integers(0, 1), limit=st.integers(1, 5))
    def a_relay_pulls_one_page(self, which: int, limit: int) -> None:
        self.relays[which].pull_page(limit, self.table.now)

    @rule(which=st.integers(0, 1))
    def a_relay_restarts(self, which: int) -> None:
        self.relays[which].restart()

    @rule()
    def a_backup_is_taken(self) -> None:
        self.backup = self.table.backup()

    @rule()
    def the_table_is_restored_from_the_backup_and_nobody_says_so(self) -> None:
        self.table.restore(self.backup)
        self.reads.clear()

    @invariant()
    def what_a_cursor_calls_settled_was_delivered(self) -> None:
        if not hasattr(self, "table") or self.table.current is None:
            return
        for relay in self.relays:
            cursor = Cursor.decode(relay.cursor) if relay.cursor else None
            if cursor is None or not is_ancestor(self.table, "north", cursor, self.table.current):
                continue
            for name, versions in self.table.versions.items():
                seq, gone = versions[-1][1:]
                if seq <= cursor.settled:
                    held = relay.rows.get(IDS[name])
                    assert held == (seq, gone) or (held is None and gone)

    def teardown(self) -> None:
        for relay in self.relays:
            for _ in range(4):  # quiet, and the relay keeps polling
                self.table.now += SETTLE / 2 + 1
                while relay.pull_page(3, self.table.now):
                    pass
            assert relay.items() == self.table.truth()
            if self.table.current is not None:
                assert relay.cursor is not None
                assert is_current(Cursor.decode(relay.cursor), self.table.current)


def test_a_writer_that_sleeps_before_committing_does_not_age_its_rows() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    table.now += SETTLE
    read, read_at = table.current, table.now
    table.now += 600  # the writer is frozen between reading the head and committing
    assert table.commit(read, read_at, {"001": (False, 9.0), "002": (False, 0.0)})
    relay = Relay(table)
    relay.pull_page(10, table.now)
    assert IDS["001"] not in relay.rows
    table.now += 9
    relay.pull_page(10, table.now)
    assert relay.items() == table.truth()


def test_a_settled_cursor_stays_behind_a_change_younger_than_the_window() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    relay = Relay(table)
    relay.pull_page(10, table.now)
    assert relay.cursor is not None
    assert Cursor.decode(relay.cursor).settled == 0
    table.now += SETTLE
    relay.pull_page(10, table.now)
    assert Cursor.decode(relay.cursor).settled == 1


def test_marks_in_the_head_stay_few_however_many_writers_come() -> None:
    head = Head(0, "e")
    for step in range(5000):
        head = head.take(1, read_at=1_000.0 + step * 0.01, settle=SETTLE, stamp="s")
        assert len(head.marks) <= 7


def test_a_cursor_of_sixty_days_ago_starts_from_nothing() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    old = Cursor(epoch="first", settled=1, watched=1, watched_at=table.now, issued_at=table.now, position=1)
    page = read_page(table, "north", old.encode(), limit=5, now=table.now + 61 * 86400, settle=SETTLE)
    assert page.snapshot
    assert [row.item.id for row in page.items] == [IDS["000"]]


def seen_and_then_restored(*later: dict[str, tuple[bool, float]]) -> tuple[SlowTable, Relay]:
    """Return a table restored to before a relay's last pull, and then written to, and that relay."""
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    backup = table.backup()
    table.commit(table.current, table.now, {"001": (False, 0.0), "002": (False, 0.0)})
    relay = Relay(table)
    for _ in range(3):
        table.now += SETTLE
        relay.pull_page(10, table.now)
    assert is_current(cursor_of(relay.cursor), table.current)
    table.restore(backup)
    for writes in later:
        table.commit(table.current, table.now, writes)
    return table, relay


@pytest.mark.parametrize(
    "later",
    [
        [],
        [{"003": (False, 0.0)}],
        [{"003": (False, 0.0), "004": (False, 0.0)}],  # the very number that the relay had seen
        [{"003": (False, 0.0)}] * 7,
        [{}],  # nothing but an event of no item
    ],
)
def test_a_relay_finds_out_that_the_table_was_restored_whatever_was_written_since(
    later: list[dict[str, tuple[bool, float]]],
) -> None:
    table, relay = seen_and_then_restored(*later)
    assert not is_current(cursor_of(relay.cursor), table.current)
    page = read_page(table, "north", relay.cursor, limit=10, now=table.now, settle=SETTLE)
    assert page.snapshot
    relay.pull_page(10, table.now)
    assert relay.items() == table.truth()


def test_a_relay_that_saw_nothing_since_the_point_restored_to_goes_on() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    backup, relay = table.backup(), Relay(table)
    for _ in range(3):
        table.now += SETTLE
        relay.pull_page(10, table.now)
    table.commit(table.current, table.now, {"001": (False, 0.0)})
    table.restore(backup)
    table.commit(table.current, table.now, {"002": (False, 0.0)})
    page = read_page(table, "north", relay.cursor, limit=10, now=table.now, settle=SETTLE)
    assert not page.snapshot
    assert [row.item.id for row in page.items] == [IDS["002"]]


def test_a_snapshot_in_the_middle_of_which_the_table_is_restored_is_begun_anew() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    backup = table.backup()
    table.commit(table.current, table.now, {"001": (False, 0.0), "002": (False, 0.0)})
    page = read_page(table, "north", None, limit=1, now=table.now, settle=SETTLE)
    table.restore(backup)
    with pytest.raises(Rejected, match="restored"):
        read_page(table, "north", page.next, limit=1, now=table.now, settle=SETTLE)


def test_a_cursor_of_a_build_without_stamps_is_believed_once_and_gets_one() -> None:
    table = SlowTable()
    table.current = Head(1, "first", (Mark(1, table.now - SETTLE),))  # as an earlier build left it
    table.versions["000"] = [(table.now, 1, False)]
    relay = Relay(table)
    relay.pull_page(10, table.now)
    assert cursor_of(relay.cursor).version == 0
    table.commit(table.current, table.now, {"001": (False, 0.0)})
    page = read_page(table, "north", relay.cursor, limit=10, now=table.now, settle=SETTLE)
    assert not page.snapshot
    assert cursor_of(page.cursor).version == 1


def test_a_cursor_with_a_stamp_is_not_of_a_table_restored_to_before_there_were_any() -> None:
    table = SlowTable()
    table.current = Head(1, "first")
    backup = table.backup()
    table.commit(table.current, table.now, {"000": (False, 0.0)})
    relay = Relay(table)
    relay.pull_page(10, table.now)
    table.restore(backup)
    assert read_page(table, "north", relay.cursor, limit=10, now=table.now, settle=SETTLE).snapshot


def test_a_long_pull_during_which_the_window_passes_does_not_start_the_window_anew() -> None:
    table = SlowTable()
    for name in NAMES:
        table.commit(table.current, table.now, {name: (False, 0.0)})
    relay = Relay(table)
    relay.pull_page(10, table.now)
    table.now += SETTLE - 1
    while relay.pull_page(2, table.now):  # begins before the window has passed, ends after
        table.now += 1
    relay.pull_page(10, table.now)
    assert relay.cursor is not None
    assert is_current(Cursor.decode(relay.cursor), table.current)


def cursor_of(text: str | None) -> Cursor:
    assert text is not None
    return Cursor.decode(text)


def test_a_gap_read_before_it_had_settled_is_read_again_though_the_window_passes_within_the_pull() -> None:
    """Three pages: before, in, and after the settle window of what they hold."""
    table = SlowTable()
    late, *others = NAMES
    # One transaction of six items; the first is the last to be seen, nearly a window later.
    table.commit(None, table.now, {late: (False, SETTLE - 0.5), **dict.fromkeys(others, (False, 0.0))})
    relay = Relay(table)
    assert relay.pull_page(2, table.now)  # reads 2 and 3: 1 cannot be seen yet
    table.now += SETTLE
    table.commit(table.current, table.now, {others[-1]: (False, 0.0)})  # the newest, so that the pull goes on
    assert relay.pull_page(2, table.now)  # reads 4 and 5, which have settled by now, as has 1
    assert not relay.pull_page(2, table.now)  # reads 7, which has not
    assert cursor_of(relay.cursor).settled == 0  # 1 has not been delivered
    relay.pull_page(10, table.now)
    assert relay.items() == table.truth()


def test_a_pull_of_settled_pages_leaves_nothing_for_the_next_one() -> None:
    table = SlowTable()
    for name in NAMES:
        table.commit(table.current, table.now, {name: (False, 0.0)})
    relay = Relay(table)
    relay.pull_page(10, table.now)
    table.now += SETTLE
    while relay.pull_page(2, table.now):
        pass
    assert cursor_of(relay.cursor).settled == len(NAMES)


def test_a_page_that_ends_where_all_has_settled_does_not_hold_back_the_pages_after_it() -> None:
    table = SlowTable()
    for pair in (NAMES[:2], NAMES[2:4]):
        table.commit(table.current, table.now, dict.fromkeys(pair, (False, 0.0)))
        table.now += SETTLE
    relay = Relay(table)
    assert relay.pull_page(2, table.now)  # reads 1 and 2, of which the head knows that they have settled
    table.now += SETTLE
    assert not relay.pull_page(2, table.now)  # reads 3 and 4, of which this pull knows by now
    assert cursor_of(relay.cursor).settled == 4


def test_a_relay_becomes_current_where_the_newest_rows_are_tombstones_that_have_expired() -> None:
    table = SlowTable()
    table.current = Head(5, "first", (Mark(5, table.now - SETTLE),))
    relay = Relay(table)
    relay.pull_page(10, table.now)
    assert is_current(cursor_of(relay.cursor), table.current)


def test_a_relay_that_has_everything_is_asked_to_begin_anew_by_nothing() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    relay = Relay(table)
    for _ in range(3):
        relay.pull_page(10, table.now)
        table.now += SETTLE
    assert is_current(cursor_of(relay.cursor), table.current)
    page = read_page(table, "north", relay.cursor, limit=10, now=table.now, settle=SETTLE)
    assert not page.snapshot
    assert (page.items, page.tombstones, page.more) == ((), (), False)


def test_a_cursor_ahead_of_the_table_starts_from_nothing() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    ahead = Cursor(epoch="first", settled=9, watched=9, watched_at=0, issued_at=table.now, position=9)
    page = read_page(table, "north", ahead.encode(), limit=5, now=table.now, settle=SETTLE)
    assert page.snapshot
    assert [row.item.id for row in page.items] == [IDS["000"]]


def test_a_relay_just_short_of_sixty_days_away_goes_on() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    old = Cursor(epoch="first", settled=1, watched=1, watched_at=table.now, issued_at=table.now, position=1)
    page = read_page(table, "north", old.encode(), limit=5, now=table.now + 60 * 86400 - 1, settle=SETTLE)
    assert not page.snapshot


def test_while_somebody_writes_every_second_a_new_relay_settles_all_but_the_last_two_windows() -> None:
    table = SlowTable()
    for _ in range(100):
        table.commit(table.current, table.now, {"000": (False, 0.0)})
        table.now += 1
    page = read_page(table, "north", None, limit=10, now=table.now, settle=SETTLE)
    assert 100 - 2 * SETTLE <= cursor_of(page.cursor).settled <= 100 - SETTLE


def test_a_mark_old_enough_to_tell_is_kept_however_often_the_head_moves() -> None:
    head = Head(0, "e")
    for second in range(60):
        head = head.take(1, read_at=1_000.0 + second, settle=SETTLE, stamp="s")
        if second > SETTLE:
            assert any(1_000.0 + second - mark.at >= SETTLE for mark in head.marks)


def test_what_is_settled_stays_so_though_no_witness_is_left_to_say_it() -> None:
    settled = Cursor(epoch="e", settled=5, watched=9, watched_at=1_000.0, issued_at=1_000.0, position=5)
    assert settled_bound(Head(9, "e"), settled, now=1_001.0, settle=SETTLE) == 5
    assert settled_bound(Head(9, "e"), settled, now=1_010.0, settle=SETTLE) == 9
    assert settled_bound(Head(7, "e"), settled, now=1_010.0, settle=SETTLE) == 7


def test_a_cursor_never_goes_back() -> None:
    table = SlowTable(current=Head(5, "first"))
    held = Cursor(epoch="first", settled=4, watched=5, watched_at=table.now, issued_at=table.now, position=4)
    within = held.model_copy(update={"ceiling": 2})
    page = read_page(table, "north", within.encode(), limit=5, now=table.now, settle=SETTLE)
    assert cursor_of(page.cursor).settled == 4


def test_a_relay_of_another_life_of_the_table_is_not_current() -> None:
    table = SlowTable(current=Head(3, "second"))
    cursor = Cursor(epoch="first", settled=3, watched=3, watched_at=0, issued_at=0, position=3)
    assert not is_current(cursor, table.current)
    assert is_current(cursor.model_copy(update={"epoch": "second"}), table.current)


@pytest.mark.parametrize(("settled", "position"), [(2, 3), (2, 2), (3, 4)])
def test_a_relay_that_may_lack_a_change_is_not_current(settled: int, position: int) -> None:
    cursor = Cursor(epoch="e", settled=settled, watched=3, watched_at=0, issued_at=0, position=position)
    assert not is_current(cursor, Head(3, "e"))


def test_nobody_is_current_with_a_table_nobody_has_written() -> None:
    cursor = Cursor(epoch="e", settled=0, watched=0, watched_at=0, issued_at=0, position=0)
    assert not is_current(cursor, None)
    assert not is_current(None, Head(0, "e"))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_is_refused(limit: int) -> None:
    with pytest.raises(Rejected) as refused:
        read_page(SlowTable(), "north", None, limit=limit, now=0.0, settle=SETTLE)
    assert refused.value.where == "limit"


def test_a_page_that_ends_just_where_all_has_settled_hides_no_gap() -> None:
    table = SlowTable()
    first, second, third, fourth, fifth, _ = NAMES
    table.commit(None, table.now, {first: (False, 0.0), second: (False, 0.0)})
    relay = Relay(table)
    relay.pull_page(10, table.now)  # sees the head at 2
    table.now += 5
    table.commit(table.current, table.now, {third: (False, 0.0), fourth: (False, 0.0)})
    table.now += 3
    table.commit(table.current, table.now, {fifth: (False, 0.0)})  # sees the head at 4
    table.now += 2
    assert relay.pull_page(2, table.now)  # ends at 2, of which it is certain just now
    table.now += 8
    assert relay.pull_page(2, table.now)  # ends at 4, likewise
    assert cursor_of(relay.cursor).settled == 4


def test_a_relay_is_current_though_the_last_change_was_a_tombstone_that_is_gone_by_now() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0), "001": (True, 0.0)})
    del table.versions["001"]  # its time to live is over
    relay = Relay(table)
    for _ in range(2):
        table.now += SETTLE
        relay.pull_page(10, table.now)
    assert is_current(cursor_of(relay.cursor), table.current)


FeedMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestFeedNeverMissesAChange = pytest.mark.slow(FeedMachine.TestCase)
