"""A REDCap API token under the name that a definition calls it by: stored, replaced, taken out.

Several tokens share a secret, each under a key; nobody else's is touched, also if two people change the same
secret at the same time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from infra.commands.stored_secrets.json_secret import JsonSecret, Kept
from lambdas.sources.definition import TOKEN_SECRET_PATTERN
from lambdas.sync.connect import ALONE
from shared.errors import NotFound, Rejected

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_TOKEN: Final = re.compile(r"[0-9A-Za-z]{16,128}")


class TokenPlace(NamedTuple):
    """Where a token is: the secret's whole name, and the key in it."""

    secret: str
    key: str


def place_of(reference: str, prefix: str) -> TokenPlace:
    """Return where a definition's ``token_secret`` is.

    :param prefix: what the names of all secrets with tokens begin with.
    :raises Rejected: no definition can say that.
    """
    if re.fullmatch(TOKEN_SECRET_PATTERN, reference) is None:
        raise Rejected(
            "is not a name of a token: letters, digits, _, . and -, as SECRET:KEY or SECRET",
            hint="for example redcap:my-study",
        )
    name, _, key = reference.partition(":")
    return TokenPlace(prefix + name, key or ALONE)


def store(client: SecretsManagerClient, place: TokenPlace, token: str, *, kms_key: str = "") -> bool:
    """Store a token; return whether there was one before, which it replaces.

    :param kms_key: the KMS key of a secret that has to be made; empty: AWS's own.
    :raises Rejected: it does not look like a token. It is not quoted.
    """
    if _TOKEN.fullmatch(token) is None:
        raise Rejected(
            f"does not look like an API token: it has {len(token)} characters, or others than letters and "
            "digits",
            where="the token",
            hint="copy it from the project's page API in REDCap",
        )
    secret = JsonSecret(client, place.secret)
    before = _read(secret)
    if before is None:
        secret.create({place.key: token}, kms_key=kms_key)
        return False
    secret.replace(before.version, before.content | {place.key: token})
    return place.key in before.content


def remove(client: SecretsManagerClient, place: TokenPlace) -> None:
    """Take a token out of its secret.

    :raises NotFound: there is none.
    """
    secret = JsonSecret(client, place.secret)
    before = secret.read()
    if place.key not in before.content:
        raise NotFound(f'the secret has no "{place.key}"', where=place.secret)
    secret.replace(before.version, {key: value for key, value in before.content.items() if key != place.key})


def _read(secret: JsonSecret) -> Kept | None:
    try:
        return secret.read()
    except NotFound:
        return None
