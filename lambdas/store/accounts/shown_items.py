"""Which scanner was shown which item, as relays tell it (`ShownItemStore`).

SHOWN#<item_id>  <relay_id>  the scanners of one relay that were shown the item: first, last, how often

One row an item and relay, written whole with each telling: one write unit, and the same if it is told twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from lambdas.store.accounts.relays import Relay
from lambdas.store.accounts.rows import AccountRows
from lambdas.store.faults import translated
from lambdas.store.models import Tables
from shared.scanners.shown_items import ShownItem, ShownTo

_SHOWN: Final = "SHOWN#"


class ShownAt(BaseModel):
    """What one relay tells of one item."""

    model_config = ConfigDict(frozen=True)

    relay_id: str
    relay: str
    site: str
    scanners: tuple[ShownTo, ...]


class ShownItemStore:
    """What relays tell. Every method raises `Unavailable` if DynamoDB does not answer."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def keep(self, relay: Relay, items: Iterable[ShownItem]) -> int:
        """Keep what a relay tells, in the place of what it told of the same items before; return how many."""
        latest = {each.item_id: each for each in items}
        with translated("keeping what scanners were shown"), self._tables.account.batch_write() as batch:
            for each in latest.values():
                told = ShownAt(
                    relay_id=relay.relay_id, relay=relay.name, site=relay.site, scanners=each.scanners
                )
                key = f"{_SHOWN}{each.item_id}"
                batch.save(self._tables.account(key, relay.relay_id, body=told.model_dump_json(), version=1))
        return len(latest)

    def of_item(self, item_id: str) -> list[ShownAt]:
        """Return what all relays tell of an item."""
        rows = AccountRows(self._tables.account, f"{_SHOWN}{item_id}", ShownAt)
        return [kept.value for kept in rows.all().values()]

    def of_items(self, item_ids: Collection[str], relay_ids: Collection[str]) -> dict[str, list[ShownTo]]:
        """Return which scanners of some relays were shown each of some items, as far as any was."""
        found: dict[str, list[ShownTo]] = {}
        keys: Sequence[tuple[str, str]] = [
            (f"{_SHOWN}{item_id}", relay_id) for item_id in item_ids for relay_id in relay_ids
        ]
        with translated("reading what scanners were shown"):
            for row in self._tables.account.batch_get(keys) if keys else ():
                told = ShownAt.model_validate_json(row.body)
                found.setdefault(row.pk.removeprefix(_SHOWN), []).extend(told.scanners)
        return found
