"""The items of a source and of its records, as a sync looks for them: by glances, not by whole models."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from lambdas.mapping.patients import Bearer
from lambdas.store.by_source.keys import record_key
from lambdas.store.faults import translated
from lambdas.store.models import ITEM, ItemRow, Tables, site_key
from lambdas.store.ownership import StatusOwner

_SITE: Final = site_key("")


class ItemRef(NamedTuple):
    """An item of a source, the record it came from, and who set its status."""

    item_id: str
    source_record: str
    status_owner: StatusOwner = "source"


def items_of_source(tables: Tables, source_id: str, site: str) -> Iterator[ItemRef]:
    """Yield the items a source has at a site, except those gone; reads the site's whole partition."""
    # Two hundred thousand models would take longer than reading them: a glance into the JSON is enough.
    with translated("listing a source's items"):
        for row in _present(tables, site):
            ref = _ref(row, source_id)
            if ref is not None:
                yield ref


def items_of_record(
    tables: Tables, source_id: str, record: str, but: Collection[str]
) -> Iterator[tuple[str, ItemRef]]:
    """Yield site and item of each item that a record has, except those gone and some that are known.

    Rows that only earlier builds have written are not found: see `FollowedItems.is_prepared`.

    :param but: ids of items to leave out, unread.
    """
    with translated("listing a record's items"):
        found = tables.item.by_record.query(record_key(source_id, record))
        keys = [(row.pk, row.sk) for row in found if row.sk.removeprefix(ITEM) not in but]
        for row in tables.item.batch_get(keys) if keys else ():
            ref = None if row.gone else _ref(row, source_id)
            if ref is not None:
                yield row.pk.removeprefix(_SITE), ref


def bearers(tables: Tables, site: str) -> Iterator[Bearer]:
    """Yield whose Patient IDs a site's items bear, except those gone; reads its whole partition."""
    with translated("listing a site's items"):
        for row in _present(tables, site):
            yield _bearer(json.loads(row.body or "{}"))


def _present(tables: Tables, site: str) -> Iterator[ItemRow]:
    model = tables.item
    yield from model.query(
        site_key(site),
        model.sk.startswith(ITEM),
        filter_condition=model.gone == False,  # noqa: E712
    )


def _ref(row: ItemRow, source_id: str) -> ItemRef | None:
    body = json.loads(row.body or "{}")
    if body.get("source") != source_id:
        return None
    owner = cast("StatusOwner", row.status_owner or "source")
    return ItemRef(body["id"], body.get("source_record", ""), owner)


def _bearer(body: Mapping[str, Any]) -> Bearer:
    return Bearer(
        item_id=body["id"],
        source=body.get("source", ""),
        record=body.get("source_record", ""),
        site=body["site"],
        patient_id=body["patient_id"],
        issuer=body.get("issuer_of_patient_id", ""),
        name=body["patient_name"],
        birth_date=body.get("patient_birth_date", ""),
        sex=body.get("patient_sex", ""),
    )
