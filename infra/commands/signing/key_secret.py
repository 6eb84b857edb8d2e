"""The secret that holds the signing keys: read, and replaced if nobody else has replaced it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.access.signing_keys import SigningKeys
from shared.errors import Conflict, Forbidden, NotFound, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_CURRENT = "AWSCURRENT"
_PENDING = "AWSPENDING"
"""Secrets Manager's own word for a version that is about to become the current one."""


class Kept(NamedTuple):
    """The keys, and the version of the secret that they are."""

    keys: SigningKeys
    version: str


class KeySecret:
    """The secret. Errors name what AWS answered, and never quote a key."""

    def __init__(self, client: SecretsManagerClient, secret_id: str) -> None:
        self._client, self._id = client, secret_id

    def read(self) -> Kept:
        """Return the keys.

        :raises NotFound: there is no such secret.
        :raises Forbidden: these AWS credentials may not read it.
        :raises Unavailable: Secrets Manager cannot be reached, or the secret is not what it should be.
        """
        with _translated(self._id, "secretsmanager:GetSecretValue"):
            found = self._client.get_secret_value(SecretId=self._id, VersionStage=_CURRENT)
        try:
            content = json.loads(found["SecretString"])
        except ValueError:
            content = {}
        return Kept(SigningKeys.parse(content if isinstance(content, dict) else {}), found["VersionId"])

    def replace(self, before: Kept, after: SigningKeys) -> None:
        """Put new keys in the place of those that were read; all at once, or not at all.

        :raises Conflict: somebody else has replaced them meanwhile.
        """
        text = json.dumps(after.content())
        with _translated(self._id, "secretsmanager:PutSecretValue"):
            made = self._client.put_secret_value(
                SecretId=self._id, SecretString=text, VersionStages=[_PENDING]
            )["VersionId"]
        with _translated(self._id, "secretsmanager:UpdateSecretVersionStage"):
            # Refused if the version that was read is not the current one any more.
            self._client.update_secret_version_stage(
                SecretId=self._id,
                VersionStage=_CURRENT,
                RemoveFromVersionId=before.version,
                MoveToVersionId=made,
            )


@contextmanager
def _translated(secret_id: str, action: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        if code == "ResourceNotFoundException":
            raise NotFound("there is no such secret", where=secret_id) from error
        if code == "AccessDeniedException":
            raise Forbidden(f"these AWS credentials may not do {action}", where=secret_id) from error
        if code == "InvalidParameterException" and action.endswith("VersionStage"):
            raise Conflict(
                "somebody else has changed the signing keys meanwhile", where=secret_id, hint="try again"
            ) from error
        raise Unavailable(f"Secrets Manager answered {code}", where=secret_id) from error
    except BotoCoreError as error:
        raise Unavailable(
            f"Secrets Manager could not be reached: {type(error).__name__}", where=secret_id
        ) from error
