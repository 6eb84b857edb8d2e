"""Requests that must not be done twice: what a key of the caller's stands for, for a day.

IDEMPOTENCY  <hash of caller and key>  the hash of the body, and the id of the item it makes
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ConfigDict

from lambdas.store.accounts.rows import AccountRows, hidden_name
from lambdas.store.faults import ATTEMPTS, races
from lambdas.store.models import Tables
from shared.errors import Rejected

KEPT_SECONDS: Final = 24 * 3600


class Claim(BaseModel):
    """What a key stands for.

    :param item_id: the item that the request makes, or has made.
    """

    model_config = ConfigDict(frozen=True)

    body_hash: str
    item_id: str
    until: float


class IdempotencyStore:
    """The keys of all callers.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._rows = AccountRows(tables.account, "IDEMPOTENCY", Claim)
        self._now, self._new_id = now, new_id

    def claim(self, caller: str, key: str, body: str) -> str:
        """Return the id of the item that this request makes, the same each time within a day.

        :raises Rejected: the key was used for another body.
        """
        return str(races(ATTEMPTS)(self._claim, hidden_name(f"{caller}\n{key}"), hidden_name(body)))

    def _claim(self, name: str, body_hash: str) -> str:
        kept = self._rows.get(name)
        now = self._now()
        if kept is not None and kept.value.until > now:
            if kept.value.body_hash != body_hash:
                raise Rejected("was used for another body within 24 hours", where="Idempotency-Key")
            return kept.value.item_id
        until = now + KEPT_SECONDS
        claim = Claim(body_hash=body_hash, item_id=self._new_id(), until=until)
        if kept is None:
            self._rows.add(name, claim, expires_at=until)
        else:
            self._rows.replace(name, claim, kept.version, expires_at=until)
        return claim.item_id
