"""Statuses laid over cached items: what scanners reported and the cloud has not confirmed yet. Pure."""

from __future__ import annotations

from typing import NamedTuple

from shared.worklist_item import Status


class Overlay(NamedTuple):
    """A status laid over a cached item.

    :param event_id: the event that gave it.
    :param confirmed_seq: the change number by which the feed shows it; 0 if the cloud has the events but
        named none; None while the cloud does not have all events of the item's steps.
    """

    status: Status
    event_id: str
    confirmed_seq: int | None

    def covers(self, feed_seq: int) -> bool:
        """Tell whether it still lies over an item held with this change number."""
        return not self.confirmed_seq or feed_seq < self.confirmed_seq
