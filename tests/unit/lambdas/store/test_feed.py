"""The feed against a model of DynamoDB that shows a committed transaction row by row, late.

The model: a transaction moves the head and decides every row at one instant, but each row becomes visible to
a Query by itself, up to a delay below the settle window later. Writers read the head, sleep as long as they
like, and then commit or lose. Readers are relays: they keep the cursor of each page, go on from `next`, stop
halfway, come back.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambdas.store.feed import FeedTable, Head, is_current, read_page
from shared.feed import Cursor, FeedItem, Tombstone
from tests.rigs.builders import an_item

SETTLE = 10.0
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

    def head(self, site: str) -> Head | None:
        return self.current

    def commit(self, read: Head | None, read_at: float, writes: dict[str, tuple[bool, float]]) -> bool:
        """Commit if the head is as it was read; ``writes``: name -> (gone, seconds until it is seen)."""
        if self.current != read:
            return False
        before = read or Head(0, self.epoch)
        self.current = before.take(len(writes), read_at=read_at, settle=SETTLE)
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
        page = read_page(self.table, "north", self.asking or self.cursor, limit=limit, now=now, settle=SETTLE)
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
        self.a_backup_is_taken()

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
        self.backup = (self.table.current, deepcopy(self.table.versions))

    @rule()
    def the_table_is_restored_from_the_backup_in_another_epoch(self) -> None:
        head, versions = self.backup
        if head is not None and self.table.epoch == "first":
            self.table.epoch = "second"
            self.table.current = Head(head.seq, "second", head.marks)
            self.table.versions = versions
            self.reads.clear()

    @invariant()
    def what_a_cursor_calls_settled_was_delivered(self) -> None:
        if not hasattr(self, "table") or self.table.current is None:
            return
        for relay in self.relays:
            cursor = Cursor.decode(relay.cursor) if relay.cursor else None
            if cursor is None or cursor.epoch != self.table.epoch:
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


FeedMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestFeedNeverMissesAChange = FeedMachine.TestCase


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
        head = head.take(1, read_at=1_000.0 + step * 0.01, settle=SETTLE)
        assert len(head.marks) <= 7


def test_a_cursor_of_sixty_days_ago_starts_from_nothing() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0)})
    old = Cursor(epoch="first", settled=1, watched=1, watched_at=table.now, issued_at=table.now, position=1)
    page = read_page(table, "north", old.encode(), limit=5, now=table.now + 61 * 86400, settle=SETTLE)
    assert page.snapshot
    assert [row.item.id for row in page.items] == [IDS["000"]]


def test_a_cursor_of_a_table_that_was_restored_starts_from_nothing() -> None:
    table = SlowTable()
    table.commit(None, table.now, {"000": (False, 0.0), "001": (False, 0.0)})
    relay = Relay(table)
    table.now += SETTLE
    for _ in range(2):
        relay.pull_page(10, table.now)
        table.now += SETTLE
    # Restored to before 001, and then as many changes as the relay had already seen.
    table.epoch, table.current, table.versions = "second", None, {}
    table.commit(None, table.now, {"002": (False, 0.0), "003": (False, 0.0)})
    relay.pull_page(10, table.now)
    assert relay.items() == table.truth()


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
