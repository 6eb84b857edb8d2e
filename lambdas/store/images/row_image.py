"""A row as DynamoDB's streams and its exports to S3 tell it: ``{"pk": {"S": "..."}, "seq": {"N": "7"}}``.

Both give the bytes of a binary attribute in base64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from lambdas.store.accounts.relays import HEALTH, Heartbeat
from lambdas.store.audit.entry import Stored
from lambdas.store.audit.trail import stored_entry
from lambdas.store.item_rows import stored_item
from lambdas.store.models import AUDIT, ITEM, AccountRow, AuditRow, ItemRow, Row, site_key
from lambdas.store.ownership import StoredItem

Image = Mapping[str, Mapping[str, Any]]
"""Attributes by name, each with its type."""

R = TypeVar("R", bound=Row)
_SITE: Final = site_key("")


def entry_in(image: Image) -> Stored | None:
    """Return the audit entry in an image; None if it is another row."""
    return stored_entry(row_of(AuditRow, image)) if key_of(image)[0].startswith(AUDIT) else None


def item_in(image: Image) -> StoredItem | None:
    """Return the item in an image, also one that is gone; None if it is another row."""
    pk, sk = key_of(image)
    return stored_item(row_of(ItemRow, image)) if pk.startswith(_SITE) and sk.startswith(ITEM) else None


def heartbeat_in(image: Image) -> tuple[str, Heartbeat] | None:
    """Return the heartbeat in an image and the id of its relay; None if it is another row."""
    pk, sk = key_of(image)
    if pk != HEALTH:
        return None
    return sk, Heartbeat.model_validate_json(row_of(AccountRow, image).body)


def key_of(image: Image) -> tuple[str, str]:
    """Return the keys of the row."""
    return str(image["pk"]["S"]), str(image["sk"]["S"])


def row_of(model: type[R], image: Image) -> R:
    """Return the row as a model."""
    row = model()
    row.from_dynamodb_dict({name: dict(value) for name, value in image.items()})
    return row
