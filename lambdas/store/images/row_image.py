"""A row as DynamoDB's streams and its exports to S3 tell it: ``{"pk": {"S": "..."}, "seq": {"N": "7"}}``.

Both give the bytes of a binary attribute in base64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.relays import HEALTH, Heartbeat
from lambdas.store.audit.entry import Stored
from lambdas.store.audit.trail import stored_entry
from lambdas.store.item_rows import stored_item
from lambdas.store.models import (
    AUDIT,
    CLAIMS,
    ITEM,
    RUNS,
    SOURCES,
    AccountRow,
    AuditRow,
    ItemRow,
    Row,
    RunRow,
    SourceRow,
    site_key,
)
from lambdas.store.ownership import StoredItem
from lambdas.store.runs.packing import unpacked
from lambdas.store.runs.rows import stored_source

Image = Mapping[str, Mapping[str, Any]]
"""Attributes by name, each with its type."""

R = TypeVar("R", bound=Row)
_SITE: Final = site_key("")


def entry_in(image: Image) -> Stored | None:
    """Return the audit entry in an image; None if it is another row."""
    return stored_entry(_row(AuditRow, image)) if _key(image)[0].startswith(AUDIT) else None


def item_in(image: Image) -> StoredItem | None:
    """Return the item in an image, also one that is gone; None if it is another row."""
    pk, sk = _key(image)
    return stored_item(_row(ItemRow, image)) if pk.startswith(_SITE) and sk.startswith(ITEM) else None


def source_in(image: Image) -> StoredSource | None:
    """Return the source in an image; None if it is another row.

    The row of a source's syncs has no definition; if there is much to remember, it has no rejected rows.
    """
    pk, sk = _key(image)
    if pk == SOURCES:
        return stored_source(_row(SourceRow, image))
    return _synced(_row(RunRow, image)) if pk.startswith(RUNS) and sk != CLAIMS else None


def _synced(row: RunRow) -> StoredSource:
    state = unpacked(row.state, None, row.watermark, row.last_run_at)
    return StoredSource(row.sk, None, "", state, float(row.lease_until or 0))


def heartbeat_in(image: Image) -> tuple[str, Heartbeat] | None:
    """Return the heartbeat in an image and the id of its relay; None if it is another row."""
    pk, sk = _key(image)
    if pk != HEALTH:
        return None
    return sk, Heartbeat.model_validate_json(_row(AccountRow, image).body)


def _key(image: Image) -> tuple[str, str]:
    return str(image["pk"]["S"]), str(image["sk"]["S"])


def _row(model: type[R], image: Image) -> R:
    row = model()
    row.from_dynamodb_dict({name: dict(value) for name, value in image.items()})
    return row
