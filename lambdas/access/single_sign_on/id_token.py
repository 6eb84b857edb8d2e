"""Whether an ID token is the provider's, for us, for now (OpenID Connect Core 1.0, 3.1.3.7).

Only signatures with a private key of the provider count: ``none`` and shared secrets are refused whatever a
token's header says, for the header is the sender's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from lambdas.access.unauthenticated import Unauthenticated

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY: Final = 60
"""Seconds the provider's clock and ours may disagree."""


class UnknownKey(Unauthenticated):
    """No key of the provider fits: it may have new ones."""


def verified(
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    now: float,
    nonce: str = "",
    access_token: str = "",
) -> Mapping[str, Any]:
    """Return what an ID token says.

    :param client_id: whom the token must be for.
    :param nonce: that the sign-on began with; empty: it did not begin here.
    :param access_token: that came with it; its hash is compared if the token has one.
    :raises UnknownKey: none of the keys made the signature.
    :raises Unauthenticated: anything else is wrong with it.
    """
    try:
        decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, KeyError, TypeError):
        # Whatever a sender may write comes to one of these; which one helps only whoever forges tokens.
        raise UnknownKey("the ID token is not signed by the provider") from None
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
        },
        params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
    )
    try:
        claims.validate(now=int(now), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError):
        raise Unauthenticated("the ID token is not valid, or no longer", hint="sign in again") from None
    return dict(claims)
