"""Ending a source: its items go first, then its definition, so that no item is left without one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.triggers import TriggerStore
from lambdas.store.audit.entry import SYSTEM, Actor
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import WorklistStore
from shared.errors import Conflict, Rejected
from shared.worklist_item import OPEN_STATUSES

LEASE_SECONDS: Final = 60


def remove_source(
    source_id: str,
    *,
    sources: SourceStore,
    worklist: WorklistStore,
    triggers: TriggerStore,
    withdraw: bool,
    owner: str,
    now: float,
    by: Actor = SYSTEM,
) -> int:
    """Delete a source, and return how many of its items were withdrawn.

    Items a scanner has reported on stay in any case: the scans are real.

    :param withdraw: withdraw its open items; without it, a source that has some is refused.
    :param owner: a fresh random id, for the lease: no sync may bring items back meanwhile.
    :param by: who deletes it.
    :raises NotFound: there is no such source.
    :raises Rejected: it has open items; nothing was changed.
    :raises Conflict: a sync is under way; try again when it has ended.
    """
    stored = sources.find(source_id)
    if not sources.acquire(source_id, owner, now=now, seconds=LEASE_SECONDS):
        raise Conflict("a sync is under way", where=f"source {source_id}", hint="try again in a minute")
    try:
        items = dict(_items(worklist, stored))
        if not withdraw:
            _check_closed(source_id, worklist, items)
        withdrawn = sum(worklist.withdraw(site, ids, by=by) for site, ids in items.items())
        triggers.delete(source_id, by=by)
        sources.delete(source_id, by=by)
    except BaseException:
        sources.release(source_id, owner)
        raise
    return withdrawn


def _items(worklist: WorklistStore, source: StoredSource) -> Iterator[tuple[str, list[str]]]:
    sites = {*source.state.sites, *(source.definition.sites() if source.definition else ())}
    for site in sorted(sites):
        yield site, [ref.item_id for ref in worklist.items_of_source(source.source_id, site)]


def _check_closed(source_id: str, worklist: WorklistStore, items: Mapping[str, Collection[str]]) -> None:
    count = sum(
        not stored.gone and stored.item.performed_procedure_step_status in OPEN_STATUSES
        for site, ids in items.items()
        for stored in worklist.writer.read(site, list(ids)).values()
    )
    if count:
        raise Rejected(
            f"{count} of its items are still on the worklist",
            where=f"source {source_id}",
            hint="say withdraw to take them off",
        )
