"""What a relay's poll reads: its own row and its site's head, in one request, as both were a moment ago.

Two requests take twice the processor time. Which site's head it is has to be known before the relay's row is
read: it is remembered from the relay's last poll, and never believed. The row beside the head says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pynamodb.connection.base import BOTOCORE_EXCEPTIONS
from pynamodb.exceptions import GetError

from lambdas.store.accounts.relays import RELAYS, Relay, RelayStore
from lambdas.store.commit import head_of
from lambdas.store.faults import translated
from lambdas.store.feed import Head
from lambdas.store.models import HEAD, Row, Tables, connection, site_key

MOST_REMEMBERED: Final = 4096
"""Relays whose site is remembered; with more, the memo begins anew."""


class Polled(NamedTuple):
    """A relay that polls, revoked ones too, and its site's head; None: not read."""

    relay: Relay
    head: Head | None


class Polls:
    """Reads for polls.

    :param relays: finds a relay that has not polled here yet.
    """

    def __init__(self, tables: Tables, relays: RelayStore) -> None:
        self._tables, self._relays = tables, relays
        self._connection = connection(tables.account)
        self._sites: dict[str, str] = {}

    def read(self, relay_id: str) -> Polled | None:
        """Return a relay, with its site's head if that came along; None: there is no such relay.

        As both were a moment ago, as `RelayStore.find` without consistency. Costs what two reads cost.
        """
        site = self._sites.get(relay_id)
        relay, head = self._both(relay_id, site) if site else (None, None)
        relay = relay or self._relays.find(relay_id, consistent=False)
        if relay is None:
            return None
        if relay.site == site:
            return Polled(relay, head)
        if len(self._sites) >= MOST_REMEMBERED:
            self._sites.clear()
        self._sites[relay_id] = relay.site
        return Polled(relay, None)

    def _both(self, relay_id: str, site: str) -> tuple[Relay | None, Head | None]:
        wanted = {self._tables.account: (RELAYS, relay_id), self._tables.head: (site_key(site), HEAD)}
        rows = self._rows(wanted)
        account, head = rows.get(self._tables.account), rows.get(self._tables.head)
        return (
            Relay.model_validate_json(account.body) if account is not None else None,
            head_of(head) if head is not None else None,
        )

    def _rows(self, wanted: Mapping[type[Row], tuple[str, str]]) -> dict[type[Row], Any]:
        """Return one row of each table. What DynamoDB was too busy to read is missing, as if not there."""
        tables = {model.Meta.table_name: model for model in wanted}
        asked = {
            name: {"Keys": [{"pk": {"S": wanted[model][0]}, "sk": {"S": wanted[model][1]}}]}
            for name, model in tables.items()
        }
        with translated("reading for a poll"):
            try:
                answer = self._connection.dispatch("BatchGetItem", {"RequestItems": asked})
            except BOTOCORE_EXCEPTIONS as error:
                raise GetError(f"Failed to get items: {error}", error) from error
        return {
            tables[name]: tables[name].from_raw_data(row)
            for name, rows in answer["Responses"].items()
            for row in rows
        }
