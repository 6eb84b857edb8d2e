"""Who it is that the OpenID provider vouches for, and what that person may do here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from lambdas.access.single_sign_on.group_rights import Rights, rights_of
from lambdas.access.single_sign_on.settings import SignOnSettings
from lambdas.access.unauthenticated import Unauthenticated
from shared.errors import Forbidden

LONGEST_SUBJECT: Final = 255
"""Characters (OpenID Connect Core 1.0, 2)."""

_LONGEST_TEXT: Final = {"email": 254, "full_name": 128}


class Identity(NamedTuple):
    """Somebody the provider vouches for.

    :param subject: issuer and ``sub``: the same person for ever, whatever the name becomes.
    :param username: for an account that is new here.
    :param proved_at: when the person last proved to the provider who it is, seconds since 1970; 0: not told.
    """

    subject: str
    username: str
    rights: Rights
    email: str
    full_name: str
    proved_at: float


def identity_of(claims: Mapping[str, Any], settings: SignOnSettings) -> Identity:
    """Return whom the claims of a verified ID token are about.

    :raises Unauthenticated: they name nobody.
    :raises Forbidden: none of the person's groups may do anything here, or no account can have the name.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Unauthenticated("the ID token names nobody")
    rights = rights_of(_groups(claims.get(settings.oidc_groups_claim)), settings.oidc_groups)
    if rights is None:
        raise Forbidden("none of your groups may use this system", hint="ask an admin of this system")
    return Identity(
        subject=f"{settings.oidc_issuer} {subject}",
        username=_username(claims, settings.oidc_username_claim),
        rights=rights,
        email=_text(claims.get("email"), _LONGEST_TEXT["email"]),
        full_name=_text(claims.get("name"), _LONGEST_TEXT["full_name"]),
        proved_at=_moment(claims.get("auth_time")),
    )


def _groups(value: object) -> frozenset[str]:
    # One group alone comes as text from some providers.
    values = value if isinstance(value, list) else [value]
    return frozenset(each for each in values if isinstance(each, str))


def _username(claims: Mapping[str, Any], claim: str) -> str:
    name = claims.get(claim)
    if not isinstance(name, str) or (claim == "email" and claims.get("email_verified") is False):
        raise Forbidden(
            "the provider tells no username that can be used here",
            hint=f"ask an admin of this system to look at the claim {claim}",
        )
    return name


def _text(value: object, longest: int) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(letter for letter in text if letter.isprintable())[:longest]


def _moment(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
