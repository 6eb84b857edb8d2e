"""Attempts to log in (`LoginStore`).

LOGINS  <hash>  attempts that failed, counted as `lambdas.access.throttle` says; forgotten by TTL
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lambdas.access.throttle import (
    FORGOTTEN_AFTER,
    LONGEST_WAIT,
    Attempts,
    Count,
    Throttled,
    counts,
    next_attempt,
    taken_back,
)
from lambdas.store.accounts.people import normal_name
from lambdas.store.accounts.rows import AccountRows, Kept, hidden_name
from lambdas.store.models import Tables
from shared.errors import Conflict

_TRIES: Final = 5


class LoginStore:
    """Attempts to log in. Rows exist for names that do not, so that waiting tells nothing either."""

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._rows = AccountRows(tables.account, "LOGINS", Attempts)
        self._now = now

    def begin(self, username: str, *, address: str = "", device: str = "") -> None:
        """Count an attempt that is about to be made; raise `Throttled` if it may not be made yet.

        :param address: where it comes from.
        :param device: of the person's own, as the device token says; empty if there is none.
        """
        for _ in range(_TRIES):
            known = [(each, self._kept(each)) for each in _counts(username, address, device)]
            after = [
                (each, kept, next_attempt(kept.value if kept else None, self._now(), each.free))
                for each, kept in known
            ]
            try:
                for each, kept, attempts in after:
                    self._keep(each, kept, attempts)
            except Conflict:
                continue
            return
        raise Throttled(1)  # that many at once is no person typing

    def succeeded(self, username: str, *, address: str = "", device: str = "") -> None:
        """Forget the attempts: the last one was right."""
        for each in _counts(username, address, device):
            kept = self._kept(each)
            if kept is None:
                continue
            # A conflict: another attempt has begun meanwhile, and will answer for itself.
            with suppress(Conflict):
                if each.forgiven:
                    self._rows.remove(hidden_name(each.key), kept.version)
                else:
                    self._keep(each, kept, taken_back(kept.value))

    def _kept(self, count: Count) -> Kept[Attempts] | None:
        return self._rows.get(hidden_name(count.key))

    def _keep(self, count: Count, kept: Kept[Attempts] | None, attempts: Attempts) -> None:
        key, forgotten_at = hidden_name(count.key), attempts.last_at + FORGOTTEN_AFTER + LONGEST_WAIT
        if kept is None:
            self._rows.add(key, attempts, expires_at=forgotten_at)
        else:
            self._rows.replace(key, attempts, kept.version, expires_at=forgotten_at)


def _counts(username: str, address: str, device: str) -> tuple[Count, ...]:
    return counts(normal_name(username) or username, address, device)
