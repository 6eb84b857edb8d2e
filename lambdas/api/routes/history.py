"""What became of one item: what REDCap, people, scanners and write-backs did to it, oldest first."""

from __future__ import annotations

from lambdas.api import reading
from lambdas.api.auth import Acting, MayRead, Within
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.schemas.audit import AuditRecord
from lambdas.store.audit.item_history import history
from lambdas.store.unfinished_write_backs import completion_of, no_show_of
from shared.errors import NotFound

router = Router(prefix="/worklist", tags=["worklist"], dependencies=[MayRead])


@router.get("/{item_id}/history")
def item_history(item_id: str, services: UseServices, by: Acting, within: Within) -> list[AuditRecord]:
    """Show what became of an item, removed ones too: REDCap's changes, people's, scanners', write-backs, and
    which scanner was shown it (`shown`: first, last and how often, as relays count; no audit entries).

    Readings are not part of it; `GET /audit?item=` lists them.
    """
    stored = services.worklist.find(item_id, gone=True)
    if stored is None:
        raise NotFound("no such worklist item", where="id")
    things = {("item", item_id): stored.audited}
    within.check(stored.item.site)
    steps = (*stored.progress.steps, no_show_of(item_id), completion_of(item_id))
    for uid, last in services.steps.audited(steps).items():
        things["step", uid] = last
    told = history(services.audit.entry, things)
    reading.item_read(services.audit, by, stored, kind="history")
    records = [AuditRecord.of(each.key, each.entry, subject) for each in told for subject in each.subjects]
    shown = [
        AuditRecord.of_shown(item_id, each, to)
        for each in services.shown_items.of_item(item_id)
        for to in each.scanners
    ]
    return sorted([*records, *shown], key=lambda each: each.at)
