"""Sign-ons that have begun, and ID tokens that have been used (`SignOnStore`).

SIGN_ONS   <hash of the cookie's secret>   what must come back from the provider; taken once
ID_TOKENS  <hash of the token>             has been exchanged; kept until the token is too old anyway
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from lambdas.access.single_sign_on.attempt import MOST_SECONDS, Attempt
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.store.accounts.rows import AccountRows, hidden_name
from lambdas.store.models import Tables
from shared.errors import Conflict


class _Used(BaseModel):
    """An ID token that was exchanged. Moments are seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    until: float


class SignOnStore:
    """What is remembered between a browser's way to the provider and its way back."""

    def __init__(self, tables: Tables) -> None:
        self._attempts = AccountRows(tables.account, "SIGN_ONS", Attempt)
        self._used = AccountRows(tables.account, "ID_TOKENS", _Used)

    def begin(self, secret: str, attempt: Attempt) -> None:
        """Keep an attempt under the secret of the browser's cookie."""
        self._attempts.add(hidden_name(secret), attempt, expires_at=attempt.began_at + MOST_SECONDS)

    def take(self, secret: str, state: str, now: float) -> Attempt:
        """Return the attempt of a browser, which it then no longer has.

        :param state: that came back with it.
        :raises Unauthenticated: there is none, or it is over, or the answer is to another one.
        """
        name = hidden_name(secret)
        kept = self._attempts.get(name)
        if kept is None:
            raise Unauthenticated(
                "this sign-on is over, or was begun in another browser", hint="sign in again"
            )
        try:
            self._attempts.remove(name, kept.version)
        except Conflict:
            raise Unauthenticated("this sign-on has been used", hint="sign in again") from None
        kept.value.check(state, now)
        return kept.value

    def use_once(self, token: str, expires_at: float) -> None:
        """Note that an ID token was exchanged; raise `Unauthenticated` if it was already."""
        try:
            self._used.add(hidden_name(token), _Used(until=expires_at), expires_at=expires_at)
        except Conflict:
            raise Unauthenticated("the ID token has been exchanged already", hint="get another") from None
