"""What an item's row holds, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_json

from lambdas.store import ownership
from lambdas.store.by_source.keys import record_key
from lambdas.store.feed import TOMBSTONE_SECONDS
from lambdas.store.models import ItemRow, item_key, site_key
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.keys import cancelled_group
from shared.worklist_item import WorklistItem

CANCELLED_SECONDS: Final = 400 * 86_400
"""How long a booking that was taken off the list before a scan is kept for reports of a year."""
READ: Final = (
    "feed_seq",
    "gone",
    "body",
    "status_owner",
    "edited",
    "progress",
    "performed",
    "audited",
    "timing",
    "images",
)
"""The attributes of a row that `stored_item` reads. What only indexes need takes as long to take apart."""


def item_row(model: type[ItemRow], stored: StoredItem, now: float) -> ItemRow:
    """Return an item as its row holds it.

    :param now: seconds since 1970.
    """
    item = stored.item
    row = model(
        site_key(item.site),
        item_key(item.id),
        feed_seq=stored.feed_seq,
        gone=stored.gone,
        body=_body(item),
        status_owner=stored.status_owner,
        edited=list(stored.edited),
        progress=_plain(stored.progress) or None,
        audited=stored.audited or None,
        performed=[each.model_dump(mode="json", exclude_defaults=True) for each in stored.performed] or None,
        images=_plain(stored.images) if stored.images else None,
        study_instance_uid=item.study_instance_uid,
        timing=_plain(stored.timing) or None,
        record_key=record_key(item.source, item.source_record) if item.source else None,
    )
    starts_at = f"{item.scheduled_start_date}{item.scheduled_start_time}#{item.id}"
    was_cancelled = stored.gone and stored.timing.cancelled_at is not None
    if was_cancelled:
        row.group_key, row.group_at = cancelled_group(item.site), starts_at
    if not stored.gone:
        row.status = item.performed_procedure_step_status.value
        row.modality, row.patient_key = item.modality, item.patient_id.casefold()
        row.starts_at = starts_at
    elif stored.status_owner != "person" or not item.source:
        # What a person removed from a source must stay buried, or the next sync would raise it.
        kept = CANCELLED_SECONDS if was_cancelled else TOMBSTONE_SECONDS
        row.expires_at = datetime.fromtimestamp(now + kept, UTC)
    return row


def stored_item(row: ItemRow) -> StoredItem:
    """Return what a row holds. What reads the same row again gets the same object: neither ever changes."""
    if row.raw is None:  # somebody made the row, looked at it or changed it
        return _made_of(row.attribute_values)
    told = row.raw.get
    return _remembered(tuple([(name, *value.items()) for name in READ if (value := told(name))]))


@lru_cache(maxsize=1024)
def _remembered(told: tuple[Any, ...]) -> StoredItem:
    """Return what a row of these values holds, each as name and DynamoDB's type and value."""
    return _made_of(ItemRow.from_raw_data({name: dict(values) for name, *values in told}).attribute_values)


def _made_of(values: Mapping[str, Any]) -> StoredItem:
    held = values.get  # each attribute of a PynamoDB model takes as long as all of this
    return StoredItem.model_validate(
        {
            "item": _item_of(held("body") or "{}"),
            "feed_seq": held("feed_seq"),
            "edited": tuple(held("edited") or ()),
            "progress": held("progress") or {},
            "status_owner": held("status_owner") or "source",
            "gone": bool(held("gone")),
            "audited": held("audited") or "",
            "performed": held("performed") or (),
            "timing": held("timing") or {},
            "images": held("images"),
        }
    )


@lru_cache(maxsize=1024)  # a page that renews itself reads the same items again; an item never changes
def _item_of(body: str) -> WorklistItem:
    return WorklistItem.model_validate_json(body)


def _body(item: WorklistItem) -> str:
    """Return an item as its row holds it: without what it has not, for every kilobyte is charged.

    Its status, on which it depends whether a scanner is shown it, is always said.
    """
    fields = item.model_dump(mode="json", exclude_defaults=True)
    status = {ownership.STATUS: item.performed_procedure_step_status.value}
    return to_json(fields | status).decode()


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_defaults=True)
