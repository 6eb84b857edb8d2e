"""Pulls the worklist: `pull_once` fetches the changes since the last pull and stores them in the cache."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from edge_relay.exchange.answers import Away
from edge_relay.exchange.cloud import PulledPage
from edge_relay.exchange.loop import Exchange
from edge_relay.exchange.portion import Portion
from edge_relay.exchange.redelivery import Records, send_again_if_due
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_parked import yield_to_cloud
from edge_relay.storage.sqlite_file import why
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.overlay import Overlay
from shared.errors import MwlError, Rejected, Unavailable
from shared.text.quantity import quantity

log = logging.getLogger(__name__)

_MOST_PAGES: Final = 10_000  # a pull that never ends is a cloud gone wrong


class Feed(Records, Protocol):
    """What a pull needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def pull(self, cursor: str, etag: str, limit: int) -> PulledPage | None:
        """Return the page after a cursor, None if nothing is new."""


class PullOutcome(NamedTuple):
    """What one pull brought; ``snapshot`` means the whole worklist was replaced."""

    items: int = 0
    tombstones: int = 0
    unreadable: int = 0
    snapshot: bool = False


NOTHING_NEW: Final = PullOutcome()


def pull_exchange(feed: Feed, cache: Cache, journal: Journal, page_size: int) -> Exchange:
    """Return the exchange that takes over what changed in the worklist.

    After a page that did not come in time it asks for smaller ones, until they do.
    """
    portion = Portion(page_size)

    def exchange_once() -> bool:
        asked = portion.size
        try:
            outcome = pull_once(feed, cache, journal, asked)
        except sqlite3.Error as error:
            raise Unavailable(f"cannot be written: {why(error)}", where="cache.db") from error
        except Away as error:
            if error.too_much:
                portion.too_much(asked)
            raise
        portion.managed(asked)
        if outcome.unreadable:
            items = quantity(outcome.unreadable, "item")
            log.warning("%s cannot be read: is the cloud newer than this relay?", items)
        return False

    return exchange_once


def pull_once(feed: Feed, cache: Cache, journal: Journal, page_size: int) -> PullOutcome:
    """Ask for everything that changed since the last pull, and take it over page by page.

    :raises Unavailable: also if the feed changes its epoch or kind in the middle: the pull is thrown away,
        and the next one starts anew. Nothing the cache answers with has been harmed then.
    """
    cache.ensure_on_disk()
    with suppress(Unavailable):  # a journal that cannot be written holds up no pull
        yield_to_cloud(journal, cache.feed_seq)
    confirmed = journal.confirmed_overlay()
    sent_again: set[str] = set()

    def begin_snapshot() -> None:
        cache.begin_snapshot()
        try:
            sent_again.update(send_again_if_due(feed, journal, cache))
        except MwlError as error:  # the push tries it again, and tells if it fails
            log.info("not known yet whether the cloud has all MPPS: %s", error)

    outcome = _pull_pages(feed, cache, page_size, begin_snapshot)
    shown = {
        item_id: entry
        for item_id, entry in confirmed.items()
        if item_id not in sent_again and (outcome.snapshot or _shows(cache, item_id, entry))
    }
    if shown:
        journal.end_overlay(shown)
    return outcome


def _pull_pages(feed: Feed, cache: Cache, page_size: int, begin_snapshot: Callable[[], None]) -> PullOutcome:
    held = cache.bookmark()
    try:
        pulled = feed.pull(held.cursor, held.etag, page_size)
    except Rejected:
        cache.forget_bookmark()  # the cloud does not know our cursor: the next pull asks without one
        raise
    if pulled is None:
        return NOTHING_NEW
    first = pulled.page
    if not first.snapshot and first.epoch != held.epoch:
        cache.forget_bookmark()
        raise Unavailable("the feed changed its epoch without a snapshot", hint="starting anew")
    if first.snapshot:
        begin_snapshot()
    items = tombstones = unreadable = 0
    for _ in range(_MOST_PAGES):
        page = pulled.page
        if (page.epoch, page.snapshot) != (first.epoch, first.snapshot):
            raise Unavailable("the feed changed in the middle of a pull", hint="starting anew")
        cache.apply_page(page, pulled.etag, pulled.unreadable)
        items += len(page.items)
        tombstones += len(page.tombstones)
        unreadable += len(pulled.unreadable)
        if not page.more:
            return PullOutcome(items, tombstones, unreadable, first.snapshot)
        pulled = feed.pull(page.next, "", page_size)
        if pulled is None:
            raise Unavailable("the feed broke off in the middle of a pull", hint="starting anew")
    raise Unavailable("the feed does not end", hint="starting anew")


def _shows(cache: Cache, item_id: str, entry: Overlay) -> bool:
    """Tell whether the cache, pulled after the cloud confirmed a status, no longer needs it laid over."""
    held = cache.feed_seq(item_id)
    return held is None or not entry.covers(held) or not entry.confirmed_seq
