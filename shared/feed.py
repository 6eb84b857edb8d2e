"""The feed: what a relay asks for and what it gets, page by page.

Per site every change of an item takes the next number, its ``feed_seq``. A relay keeps one opaque `cursor`
and asks for what came after it. Reading DynamoDB is not gap-free for a few seconds after a write, so the
cursor only passes numbers that had been taken a settle window ago (see docs/adr/001): younger changes are
sent again and applied idempotently, by item id and ``feed_seq``.

Each answer says in a header, `POLL_INTERVAL`, for how many seconds there is no need to ask again.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Rejected
from shared.steps.self_test import FeedSelfTest
from shared.worklist_item import WorklistItem

POLL_INTERVAL: Final = "Poll-Interval"
"""Whole seconds; 0: ask as often as you are set to. A relay that does not know it does that anyway."""


def poll_interval(text: str) -> float:
    """Return what `POLL_INTERVAL` says, in seconds; 0 if nothing, or nothing that makes sense."""
    return float(text) if text.isascii() and text.isdigit() else 0.0


class FeedItem(BaseModel):
    """An item as of change number ``feed_seq``."""

    model_config = ConfigDict(defer_build=True, frozen=True, hide_input_in_errors=True)

    feed_seq: Annotated[int, Field(ge=1)]
    item: WorklistItem


class Tombstone(BaseModel):
    """An item that is gone as of change number ``feed_seq``."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    feed_seq: Annotated[int, Field(ge=1)]
    id: str


class FeedPage(BaseModel):
    """One answer of ``GET /relay/worklist``.

    :param epoch: names this life of the table; a restored table has another one.
    :param snapshot: the pull this page belongs to started from nothing: when its last page has been read,
        whatever it did not mention no longer exists.
    :param cursor: what to keep once this page has been applied, in the same transaction.
    :param next: what to ask with for the next page of this pull; may run ahead of ``cursor``; never kept.
    :param more: whether there is a next page now.
    :param self_tests: test participants, apart from the items; a relay that does not know them reads on.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    epoch: str
    snapshot: bool
    items: tuple[FeedItem, ...]
    tombstones: tuple[Tombstone, ...]
    cursor: str
    next: str
    more: bool
    self_tests: tuple[FeedSelfTest, ...] = ()


class Cursor(BaseModel):
    """What a cursor says; the relay sees only its opaque text.

    :param epoch: the table's life it belongs to.
    :param settled: every change up to this number has been delivered, and no gap can be left below it.
    :param watched: the head's number when a page was last cut, seen at ``watched_at``: it will have settled
        a settle window later.
    :param watched_at: server time in seconds since 1970.
    :param issued_at: server time this cursor was made: one older than the tombstones starts from nothing.
    :param position: within a pull of many pages: the last number delivered; otherwise equal to ``settled``.
    :param ceiling: within such a pull: numbers above it were read before they had settled, so the cursor may
        not pass it in this pull; None if there is no such limit yet.
    :param snapshot: the pull started from nothing.
    :param version: which write of the head this relay saw last; 0 if the head did not count them.
    :param stamp: the random text that write left: if the table's history has another one there, or none, it
        was rewritten, and what this relay saw is not an ancestor of what is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: Annotated[str, Field(max_length=64)]
    settled: Annotated[int, Field(ge=0)]
    watched: Annotated[int, Field(ge=0)]
    watched_at: Annotated[float, Field(ge=0)]
    issued_at: Annotated[float, Field(ge=0)]
    position: Annotated[int, Field(ge=0)]
    ceiling: Annotated[int, Field(ge=0)] | None = None
    snapshot: bool = False
    version: Annotated[int, Field(ge=0)] = 0
    stamp: Annotated[str, Field(max_length=64)] = ""

    def encode(self) -> str:
        """Return the opaque text form: URL-safe, no padding."""
        text = self.model_dump_json(exclude_defaults=True)
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Return the cursor a text stands for; raise `Rejected` for anything we did not make."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return cls.model_validate_json(raw)
        except (binascii.Error, ValidationError, ValueError):
            raise Rejected(
                "the cursor is not one this server gave out",
                where="cursor",
                hint="ask again without a cursor",
            ) from None
