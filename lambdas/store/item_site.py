"""Chooses the site of an item whose participant may have moved to another site. Pure.

A source may serve several sites, and the site is no part of an item's identity: the same item id can have
rows at several sites, at most one of them alive. It is withdrawn where it was before it is written where it
belongs, so that nobody is ever on the list of two sites; a stop in between is put right by the next sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.store.ownership import SCANNED, StoredItem
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class SiteMove:
    """What to do with an item.

    :param item: what to write, with the site it belongs to; None: a person removed it, and it stays removed.
    :param leave: sites it is still shown at, and must be withdrawn from first.
    :param inherited: what a person changed of it at the site it leaves; None: nothing.
    """

    item: WorklistItem | None
    leave: tuple[str, ...] = ()
    inherited: StoredItem | None = None


def site_move(item: WorklistItem, found: Mapping[str, StoredItem]) -> SiteMove:
    """Return what to do with an item that the source puts at ``item.site``.

    :param found: site -> the item as it is stored there, tombstones included.
    """
    shown = {site: stored for site, stored in found.items() if not stored.gone}
    # A scan that has begun belongs to the site that scans; it stays there, and is not offered elsewhere.
    scanned = sorted(site for site, stored in shown.items() if stored.status_owner in SCANNED)
    target = scanned[0] if scanned and item.site not in scanned else item.site
    leave = tuple(sorted(site for site in shown if site != target and site not in scanned))
    if target in shown:
        return SiteMove(item.model_copy(update={"site": target}), leave)
    elsewhere = [stored for site, stored in sorted(found.items()) if site != target]
    if any(stored.gone and stored.status_owner == "person" for stored in elsewhere):
        return SiteMove(None, leave)
    changed = [stored for stored in elsewhere if stored.edited or stored.status_owner == "person"]
    return SiteMove(item, leave, min(changed, key=lambda stored: stored.gone, default=None))
