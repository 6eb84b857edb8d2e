"""Telling the cloud which scanner was shown which item, after each heartbeat."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from edge_relay.exchange.loop import Exchange
from edge_relay.health.shown_items import ShownItems
from shared.errors import MwlError
from shared.scanners.shown_items import MOST_ITEMS, ShownItem

log = logging.getLogger(__name__)

MOST_CALLS: Final = 20
"""After one heartbeat; more waits for the next."""


class Keeper(Protocol):
    """What is needed of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def shown(self, items: Sequence[ShownItem]) -> bool:
        """Tell what scanners were shown; return False if the cloud is too old to be told."""


def also_telling(exchange: Exchange, cloud: Keeper, shown: ShownItems) -> Exchange:
    """Return an exchange that tells what is due after another one has succeeded.

    That it could not be told is no trouble of the other: it is told with the next one.
    """

    def exchange_once() -> bool:
        more = exchange()
        try:
            tell_shown(cloud, shown)
        except MwlError as error:
            log.warning("what scanners were shown could not be told: %s", error)
        return more

    return exchange_once


def tell_shown(cloud: Keeper, shown: ShownItems) -> int:
    """Tell what is due; return of how many items.

    :raises Unavailable, Forbidden, Rejected: as the cloud's answers; what was not told stays due.
    """
    told = 0
    for _ in range(MOST_CALLS):
        items = shown.due()
        if not items or not cloud.shown(items):
            return told
        shown.told(items)
        told += len(items)
        if len(items) < MOST_ITEMS:
            return told
    return told
