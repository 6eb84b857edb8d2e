"""Bringing the predecessor's exams into the worklist: a plan of `adoption` against the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from infra.pylantir.databases.adoption import Adoption, Edit, Setting, adopt
from infra.pylantir.databases.old_rows import OldItem
from lambdas.sources.definition import SourceDefinition
from lambdas.store.audit.entry import COMMAND
from lambdas.store.commit import BATCH, Change
from lambdas.store.ownership import StoredItem, from_person
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import ItemQuery, WorklistStore
from shared.batches import batches
from shared.errors import AlreadyExists, Rejected
from shared.worklist_item import Status

_NAMESPACE: Final = UUID("0c1f4c0e-3f0f-5e58-8a3c-6d1f8d6f5a21")
_PAGE: Final = 500


def hand_made_id(study_instance_uid: str) -> str:
    """Return the item id of an exam brought along, the same at every try."""
    return uuid5(_NAMESPACE, study_instance_uid).hex


def plan_worklist(
    rows: Sequence[OldItem],
    definitions: Sequence[SourceDefinition],
    sources: SourceStore,
    worklist: WorklistStore,
    now: datetime,
) -> Adoption:
    """Return what would be kept of the predecessor's rows; writes nothing.

    :param now: aware.
    :raises Rejected: a source has not been synced yet, so that nobody could tell which exam is which.
    """
    for definition in definitions:
        state = sources.state(definition.id)
        if not state.reconciled_at or state.definition != definition.digest():
            raise Rejected(
                "has not been read in full yet, so nobody can tell which exam is which",
                where=f"source {definition.id}",
                hint="mwl-cloud sources list shows when it is; then the same command again",
            )
    sites = sorted({site for definition in definitions for site in definition.sites()})
    today = definitions[0].local(now).strftime("%Y%m%d")
    return adopt(rows, _items(worklist, sites), Setting(_site_of(sites), today, hand_made_id))


def write_worklist(plan: Adoption, worklist: WorklistStore) -> None:
    """Write what a plan says. Safe to do again."""
    for site in sorted({edit.site for edit in plan.edits}):
        edits = [edit for edit in plan.edits if edit.site == site]
        for some in batches(edits, BATCH):
            worklist.writer.change(site, {edit.item_id: _edited(edit) for edit in some}, by=COMMAND)
    for made in plan.made:
        try:
            worklist.create(made.item, by=COMMAND)
        except AlreadyExists:
            continue  # a person has changed or removed it since it was brought along: theirs stays


def _edited(edit: Edit) -> Change:
    def change(current: StoredItem | None) -> StoredItem | None:
        # A scanner may have reported since the item was looked at.
        if current is None or current.gone or current.status_owner == "mpps":
            return current
        return from_person(current, edit.changes)

    return change


def _site_of(sites: Sequence[str]) -> Callable[[str], str]:
    return lambda written: written if written in sites else sites[0] if len(sites) == 1 else ""


def _items(worklist: WorklistStore, sites: Sequence[str]) -> Iterator[StoredItem]:
    for site in sites:
        query = ItemQuery(statuses=tuple(Status), site=site)
        page = worklist.list_items(query, limit=_PAGE)
        yield from page.items
        while page.next:
            page = worklist.list_items(query, limit=_PAGE, start=page.next)
            yield from page.items
