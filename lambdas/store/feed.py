"""The feed's arithmetic: which numbers a writer takes, and how far a reader's cursor may go. Pure.

The invariant, for every relay: *once a cursor says `settled`, no change numbered at or below it can still
be unseen.* DynamoDB commits a transaction at once but shows its rows to a Query one by one, within moments;
and a writer may sleep as long as it likes before it commits. So age is never taken from a row's own time
stamp. It is taken from the head, whose number moves inside the same transaction: "the head stood at N at time
T" means every number up to N was committed before T, whoever says it and however late. A settle window after
T, all of them are visible. Two witnesses say such sentences: each writer leaves one in the head (`marks`) as
it takes numbers, and the reader's own cursor carries one (`watched`) from the page before. See docs/adr/001.

A table restored to an earlier point has its head restored with it, and then takes the same numbers again for
other changes. So every write of the head has a number, its ``version``, and leaves a stamp of its own.
A cursor names the last one its relay saw. If that is not in the table's history, the relay knows changes that
never were: it starts from nothing. See docs/adr/006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, Protocol

from shared.errors import Rejected
from shared.feed import Cursor, FeedItem, FeedPage, Tombstone
from shared.steps.self_test import FeedSelfTest

FeedRow = FeedItem | Tombstone | FeedSelfTest

LONGEST_ABSENCE_SECONDS = 60 * 24 * 3600
"""A cursor older than this starts from nothing."""
TOMBSTONE_SECONDS = 90 * 24 * 3600
"""How long a tombstone is kept: well beyond `LONGEST_ABSENCE_SECONDS`."""
_MARKS_PER_WINDOW = 4


class Mark(NamedTuple):
    """The head stood at ``seq`` at ``at`` (seconds since 1970), or later."""

    seq: int
    at: float


@dataclass(frozen=True)
class Head:
    """A site's counter: the last number taken, and when earlier numbers were seen to be taken.

    :param audited: the last entry of the site's audit chain.
    """

    seq: int
    epoch: str
    marks: tuple[Mark, ...] = ()
    version: int = 0
    stamp: str = ""
    audited: str = ""

    def take(self, count: int, *, read_at: float, settle: float, stamp: str) -> Head:
        """Return the head after a writer took ``count`` numbers; none, if only history goes on.

        :param read_at: the writer's clock *after* it read this head.
        :param settle: the settle window in seconds.
        :param stamp: a random text never used before.
        """
        old = [mark for mark in self.marks if read_at - mark.at >= settle]
        young = [mark for mark in self.marks if read_at - mark.at < settle]
        if not young or read_at - young[-1].at >= settle / _MARKS_PER_WINDOW:
            young.append(Mark(self.seq, read_at))
        return Head(self.seq + count, self.epoch, (*old[-1:], *young), self.version + 1, stamp, self.audited)

    def quiet_seconds(self, now: float) -> float:
        """Return for how many seconds, nearly, nobody has taken a number."""
        return now - max((mark.at for mark in self.marks), default=-inf)


class FeedTable(Protocol):
    """What reading the feed needs of a table; DynamoDB's is `lambdas.store.worklist`, a model is in tests."""

    def head(self, site: str) -> Head | None:
        """Return the site's head, consistently; None if nothing was ever written there."""

    def rows_after(self, site: str, seq: int, limit: int) -> tuple[Sequence[FeedRow], bool]:
        """Return up to ``limit`` rows numbered above ``seq`` in order, and whether there may be more."""

    def is_in_history(self, site: str, version: int, stamp: str) -> bool:
        """Tell, consistently, whether that write of the site's head left this stamp."""


def settled_bound(head: Head, cursor: Cursor, now: float, settle: float) -> int:
    """Return the highest number that every reader can see now, with all below it."""
    witnesses = [*head.marks, Mark(cursor.watched, cursor.watched_at)]
    certain = [mark.seq for mark in witnesses if now - mark.at >= settle]
    return min(head.seq, max([cursor.settled, *certain]))


def is_ancestor(table: FeedTable, site: str, cursor: Cursor, head: Head) -> bool:
    """Tell whether what a relay with this cursor saw is part of the history that led to this head.

    A cursor of a table whose head had no stamps yet cannot be held against anything, and is believed once:
    the page it gets brings it a stamp.
    """
    if cursor.epoch != head.epoch or cursor.version > head.version:
        return False
    if cursor.version == head.version:
        return cursor.stamp == head.stamp
    return cursor.version == 0 or table.is_in_history(site, cursor.version, cursor.stamp)


def start(cursor: Cursor | None, head: Head, now: float, *, ancestor: bool) -> Cursor:
    """Return where a pull begins: at the cursor, or at nothing.

    :param ancestor: whether what the cursor stands for is part of the table's history; see `is_ancestor`.
    """
    if (
        cursor is not None
        and ancestor
        and cursor.position <= head.seq
        and now - cursor.issued_at < LONGEST_ABSENCE_SECONDS
    ):
        return cursor
    return Cursor(
        epoch=head.epoch,
        settled=0,
        watched=head.seq,
        watched_at=now,
        issued_at=now,
        position=0,
        snapshot=True,
        version=head.version,
        stamp=head.stamp,
    )


def is_current(cursor: Cursor | None, head: Head | None) -> bool:
    """Tell whether a reader with this cursor has everything, and is known to have missed nothing."""
    if cursor is None or head is None:
        return False
    same_history = (cursor.epoch, cursor.version, cursor.stamp) == (head.epoch, head.version, head.stamp)
    return same_history and cursor.settled == cursor.position == head.seq


def read_page(
    table: FeedTable, site: str, cursor_text: str | None, *, limit: int, now: float, settle: float
) -> FeedPage:
    """Return the next page of a site's feed.

    :param cursor_text: what the relay kept (``cursor``) or, within a pull, got (``next``); None to begin.
    :raises Rejected: the cursor is not one of ours, or ``limit`` is not positive; or history was rewritten
        while a snapshot was being read, so that its pages do not belong together.
    """
    if limit < 1:
        raise Rejected("must be at least 1", where="limit")
    cursor = Cursor.decode(cursor_text) if cursor_text else None
    head = table.head(site) or Head(0, "empty")
    # The head first, then the rows: whatever the head proves to be settled, the rows then show.
    ancestor = cursor is not None and is_ancestor(table, site, cursor, head)
    if cursor is not None and cursor.snapshot and not ancestor:
        raise Rejected("the table was restored in the middle of this pull", where="cursor", hint="begin anew")
    begun = start(cursor, head, now, ancestor=ancestor)
    rows, more = table.rows_after(site, begun.position, limit)
    last = rows[-1].feed_seq if rows else begun.position
    end = last if more else max(last, head.seq)
    kept, following = _advance(begun, head, end, now, settle)
    return FeedPage(
        epoch=head.epoch,
        snapshot=begun.snapshot,
        items=tuple(row for row in rows if isinstance(row, FeedItem)),
        tombstones=tuple(row for row in rows if isinstance(row, Tombstone)),
        self_tests=tuple(row for row in rows if isinstance(row, FeedSelfTest)),
        cursor=kept.encode(),
        next=following.encode(),
        more=more,
    )


def _advance(begun: Cursor, head: Head, end: int, now: float, settle: float) -> tuple[Cursor, Cursor]:
    """Return the cursor to keep and the one to go on with, after everything up to ``end`` was delivered."""
    bound = settled_bound(head, begun, now, settle)
    ceiling = begun.ceiling
    if bound < end:
        # Numbers between bound and end were read before they had settled: a gap may hide there, and no later
        # page of this pull looks again.
        ceiling = bound if ceiling is None else min(ceiling, bound)
    settled = max(begun.settled, end if ceiling is None else min(end, ceiling))
    # A witness is kept until it has served, also when its time came in the middle of this pull.
    unused = begun.watched > settled
    watched, watched_at = (begun.watched, begun.watched_at) if unused else (head.seq, now)
    kept = Cursor(
        epoch=head.epoch,
        settled=settled,
        watched=watched,
        watched_at=watched_at,
        issued_at=now,
        position=settled,
        version=head.version,
        stamp=head.stamp,
    )
    following = begun.model_copy(update={"position": end, "ceiling": ceiling, "issued_at": now})
    return kept, following
