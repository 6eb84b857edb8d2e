"""What an audit entry says of an item's change. Pure."""

from __future__ import annotations

from typing import Any

from lambdas.store.audit.entry import Action, Subject, difference
from lambdas.store.ownership import StoredItem


def subject_of(before: StoredItem | None, after: StoredItem) -> Subject:
    """Return what became of an item: the fields that changed, and what happened on the whole."""
    saved_at = after.timing.saved_at
    were, are = difference(fields_of(before) if before else {}, fields_of(after))
    return Subject(
        kind="item",
        id=after.item.id,
        action=_action(before, after),
        before=were,
        after=are,
        was=before.version if before else "",
        saved_at=None if before and before.timing.saved_at == saved_at else saved_at,
        earlier=before.audited if before else "",
    )


def _action(before: StoredItem | None, after: StoredItem) -> Action:
    if before is None:
        return "created"
    if before.gone and not after.gone:
        return "restored"
    return "removed" if after.gone and not before.gone else "changed"


def fields_of(stored: StoredItem) -> dict[str, Any]:
    """Return what entries tell of an item, by field."""
    fields = stored.item.model_dump(mode="json", exclude={"id", "site"})
    images = {"images": stored.images.model_dump(mode="json", exclude_defaults=True)} if stored.images else {}
    return {**fields, "edited": list(stored.edited), "status_owner": stored.status_owner, **images}
