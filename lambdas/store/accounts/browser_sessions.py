"""The sessions of people at the dashboard: a row a browser, named by the hash of its cookie's secret."""

from __future__ import annotations

from typing import Any, Final

from lambdas.access.browser_session import BrowserSession
from lambdas.store.accounts.rows import AccountRows, hidden_name
from lambdas.store.models import Tables
from shared.errors import Conflict

KEPT_SECONDS: Final = 2 * 86_400
"""Longer than a session may last; then DynamoDB forgets the row."""


class BrowserSessionStore:
    """Sessions, found by the secret in the browser's cookie. The secret itself is never stored."""

    def __init__(self, tables: Tables) -> None:
        self._rows = AccountRows(tables.account, "SESSIONS", BrowserSession)

    def begin(self, secret: str, session: BrowserSession) -> None:
        """Keep a new session under its secret, which nobody has had before."""
        self._rows.add(hidden_name(secret), session, expires_at=session.began_at + KEPT_SECONDS)

    def find(self, secret: str) -> BrowserSession | None:
        """Return the session of a secret, None if there is none."""
        kept = self._rows.get(hidden_name(secret))
        return kept.value if kept else None

    def change(self, secret: str, **changes: Any) -> None:
        """Change what is given of a session; quiet if it has ended, or if somebody else was at it."""
        name = hidden_name(secret)
        kept = self._rows.get(name)
        if kept is None:
            return
        after = kept.value.model_copy(update=changes)
        try:
            self._rows.replace(name, after, kept.version, expires_at=after.began_at + KEPT_SECONDS)
        except Conflict:
            return  # another page of the same browser has noted its use this moment

    def end(self, secret: str) -> None:
        """End a session; quiet if there is none."""
        name = hidden_name(secret)
        kept = self._rows.get(name)
        if kept is None:
            return
        try:
            self._rows.remove(name, kept.version)
        except Conflict:
            self.end(secret)  # used meanwhile: it ends all the same
