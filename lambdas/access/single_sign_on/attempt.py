"""A sign-on that has begun: what must come back for it to be the same one."""

from __future__ import annotations

import hmac
from typing import Final

from pydantic import BaseModel, ConfigDict

from lambdas.access.unauthenticated import Unauthenticated

MOST_SECONDS: Final = 600
"""How long somebody may take at the provider."""


class Attempt(BaseModel):
    """What a browser was sent to the provider with. Moments are seconds since 1970.

    :param state: comes back in the address, so that nobody can be signed on with another's answer.
    :param nonce: comes back in the ID token, so that no older token passes (OpenID Connect
        Core 1.0, 3.1.2.1).
    :param verifier: only we know it, so that a code that was overheard is worth nothing (RFC 7636).
    :param ends: the session that this sign-on takes the place of; empty: none.
    """

    model_config = ConfigDict(frozen=True)

    state: str
    nonce: str
    verifier: str
    began_at: float
    ends: str = ""

    def check(self, state: str, now: float) -> None:
        """Raise `Unauthenticated` unless an answer belongs to this attempt, and comes in time."""
        same = hmac.compare_digest(self.state.encode(), state.encode("utf-8", "replace"))
        if not same or now - self.began_at > MOST_SECONDS:
            raise Unauthenticated(
                "this sign-on is over, or was begun in another browser", hint="sign in again"
            )
