"""Access tokens: people's, which we sign (HS256), and relays', which they sign themselves (EdDSA).

    people   kid in the header; iss, aud, sub (username), ver (the account's token version), iat, exp
    devices  the same with another aud: says that a person has logged in on this device (sub, jti)
    relays   iss (relay id), aud, iat, exp at most 60 s after iat; the key is the one the relay enrolled

Time is an argument everywhere, so PyJWT checks signatures and claims' types, and we check the times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import BaseModel, ConfigDict, ValidationError

from lambdas.access.signing_keys import SigningKeys
from lambdas.access.unauthenticated import Unauthenticated
from shared.errors import Rejected

PEOPLE_ISSUER: Final = "mwl-relay"
PEOPLE_AUDIENCE: Final = "mwl-relay-api"
DEVICE_AUDIENCE: Final = "mwl-relay-device"
DEVICE_SECONDS: Final = 180 * 24 * 3600
RELAY_AUDIENCE: Final = "mwl-relay"
RELAY_TOKEN_SECONDS: Final = 60
LEEWAY: Final = 10
"""Seconds two clocks may disagree; a relay corrects its own by our ``Date`` header."""

_REQUIRED = ("iss", "aud", "iat", "exp")


class PersonClaims(BaseModel):
    """What a person's token says that we use."""

    model_config = ConfigDict(frozen=True, strict=True)

    sub: str
    ver: int
    exp: int
    sid: str = ""


class PeopleTokens:
    """Issues and verifies people's tokens.

    :param keys: returns the signing keys; with True, as they are now and not as they were a moment ago.
    :param now: seconds since 1970.
    """

    def __init__(self, keys: Callable[[bool], Mapping[str, Any]], *, now: Callable[[], float]) -> None:
        self._keys, self._now = keys, now

    def issue(self, username: str, token_version: int, *, minutes: int, session: str = "") -> str:
        """Return a token that is good for ``minutes``.

        :param session: the id of the session it belongs to, whose end ends it; empty: it belongs to none.
        """
        of_session = {"sid": session} if session else {}
        return self._signed(PEOPLE_AUDIENCE, minutes * 60, sub=username, ver=token_version, **of_session)

    def issue_device(self, username: str, device: str) -> str:
        """Return a token that says that a person has logged in on the device called ``device``."""
        return self._signed(DEVICE_AUDIENCE, DEVICE_SECONDS, sub=username, jti=device)

    def device(self, token: str, username: str) -> str:
        """Return which device of a person a token is of; empty if it is none of ours, or too old.

        :raises Unavailable: the signing keys cannot be read.
        """
        try:
            payload = _decode(token, self._key_of(token), "HS256", DEVICE_AUDIENCE, PEOPLE_ISSUER)
            good = payload.get("sub") == username and _seconds(payload["exp"]) > self._now()
        except Unauthenticated:
            return ""
        return str(payload.get("jti", "")) if good else ""

    def verify(self, token: str) -> PersonClaims:
        """Return what a token says; raise `Unauthenticated` if it is not ours or no longer good."""
        payload = _decode(token, self._key_of(token), "HS256", PEOPLE_AUDIENCE, PEOPLE_ISSUER)
        try:
            claims = PersonClaims.model_validate(payload)
        except ValidationError:
            raise _refused() from None
        if claims.exp <= self._now():
            raise Unauthenticated("the access token has expired", hint="log in again")
        return claims

    def _signed(self, audience: str, seconds: int, **claims: Any) -> str:
        keys = SigningKeys.parse(self._keys(False))
        now = int(self._now())
        usual = {"iss": PEOPLE_ISSUER, "aud": audience, "iat": now, "exp": now + seconds}
        secret = keys.secret.get_secret_value()
        return jwt.encode({**usual, **claims}, secret, algorithm="HS256", headers={"kid": keys.kid})

    def _key_of(self, token: str) -> str:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            raise _refused() from None
        if not isinstance(kid, str):
            raise _refused()
        # Just after a rotation, another instance signs with a key that this one has not read yet.
        for fresh in (False, True):
            key = SigningKeys.parse(self._keys(fresh)).find(kid, self._now())
            if key:
                return key
        raise _refused()


def claimed_relay(token: str) -> str:
    """Return the relay id a token claims, before anything about it has been verified."""
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.PyJWTError:
        raise _refused() from None
    if not isinstance(issuer, str) or not issuer.isascii() or not issuer.isalnum() or len(issuer) > 64:
        raise _refused()
    return issuer


def verify_relay(token: str, *, relay_id: str, public_key: str, now: float) -> None:
    """Raise `Unauthenticated` unless this relay's key signed the token, for us, for now.

    :param public_key: the key the relay enrolled, PEM.
    """
    payload = _decode(token, public_key, "EdDSA", RELAY_AUDIENCE, relay_id)
    issued, expires = _seconds(payload["iat"]), _seconds(payload["exp"])
    if not 0 < expires - issued <= RELAY_TOKEN_SECONDS:
        raise Unauthenticated(f"a relay's token must not be good for more than {RELAY_TOKEN_SECONDS} s")
    if issued > now + LEEWAY or expires < now - LEEWAY:
        raise Unauthenticated(
            "the relay's token is not valid now",
            hint="check the relay's clock against the Date header",
        )


def parse_public_key(pem: str) -> str:
    """Return an Ed25519 public key in the PEM form we keep; raise `Rejected` for anything else."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Rejected("must be an Ed25519 public key in PEM form", where="public_key")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _decode(token: str, key: str, algorithm: str, audience: str, issuer: str) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            options={
                "require": list(_REQUIRED),
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError:
        raise _refused() from None


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused()
    return float(value)


def _refused() -> Unauthenticated:
    # One answer for every flaw: which one it is helps only whoever forges tokens.
    return Unauthenticated("the access token is not valid", hint="log in again")
