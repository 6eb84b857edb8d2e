"""The secret that holds the signing keys: read, and replaced if nobody else has replaced it meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.commands.stored_secrets.json_secret import JsonSecret
from lambdas.access.signing_keys import SigningKeys

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Kept(NamedTuple):
    """The keys, and the version of the secret that they are."""

    keys: SigningKeys
    version: str


class KeySecret:
    """The secret. Errors name what AWS answered, and never quote a key."""

    def __init__(self, client: SecretsManagerClient, secret_id: str) -> None:
        self._secret = JsonSecret(client, secret_id)

    def read(self) -> Kept:
        """Return the keys.

        :raises NotFound: there is no such secret.
        :raises Forbidden: these AWS credentials may not read it.
        :raises Unavailable: Secrets Manager cannot be reached, or the secret is not what it should be.
        """
        found = self._secret.read()
        return Kept(SigningKeys.parse(found.content), found.version)

    def replace(self, before: Kept, after: SigningKeys) -> None:
        """Put new keys in the place of those that were read; all at once, or not at all.

        :raises Conflict: somebody else has replaced them meanwhile.
        """
        self._secret.replace(before.version, after.content())
