"""What the audit trail is told when a person reads patient data: who saw which items, before they are shown.

If it cannot be written down, it is not shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.store.audit.entry import Actor, Subject
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.ownership import StoredItem


def list_read(trail: AuditTrail, by: Actor, shown: Sequence[StoredItem]) -> None:
    """Note that a list of items was read."""
    sites = {stored.item.site for stored in shown}
    ids = tuple(stored.item.id for stored in shown)
    subject = Subject(kind="list", action="read", ids=ids)
    trail.record(by, [subject], site=sites.pop() if len(sites) == 1 else "")


def item_read(trail: AuditTrail, by: Actor, stored: StoredItem, kind: str = "item") -> None:
    """Note that an item was read, or with ``kind`` something that belongs to it."""
    item = stored.item
    trail.record(by, [Subject(kind=kind, id=item.id, action="read", ids=(item.id,))], site=item.site)
