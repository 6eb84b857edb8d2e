"""A secret whose content is a JSON object: read, and replaced if nobody else has replaced it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Conflict, Forbidden, NotFound, Rejected, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MOST_BYTES: Final = 65_536
"""Of a secret: Secrets Manager's quota "Secret value"."""
_CURRENT = "AWSCURRENT"
_PENDING = "AWSPENDING"
"""Secrets Manager's own word for a version that is about to become the current one."""


class Kept(NamedTuple):
    """What the secret holds, and the version of it that this is."""

    content: dict[str, Any]
    version: str


class JsonSecret:
    """The secret. Errors name what AWS answered, and never quote a value."""

    def __init__(self, client: SecretsManagerClient, secret_id: str) -> None:
        self._client, self._id = client, secret_id

    def read(self) -> Kept:
        """Return what it holds.

        :raises NotFound: there is no such secret.
        :raises Forbidden: these AWS credentials may not read it.
        :raises Unavailable: Secrets Manager cannot be reached, or the secret is not a JSON object.
        """
        with _translated(self._id, "secretsmanager:GetSecretValue"):
            found = self._client.get_secret_value(SecretId=self._id, VersionStage=_CURRENT)
        try:
            content = json.loads(found.get("SecretString", ""))
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Unavailable("the secret's content is not a JSON object", where=self._id)
        return Kept(content, found["VersionId"])

    def create(self, content: Mapping[str, Any], *, kms_key: str = "") -> None:
        """Make the secret.

        :param kms_key: the KMS key that encrypts it; empty: AWS's own for Secrets Manager.
        :raises Conflict: somebody else has made it meanwhile.
        """
        key: Any = {"KmsKeyId": kms_key} if kms_key else {}
        with _translated(self._id, "secretsmanager:CreateSecret"):
            self._client.create_secret(Name=self._id, SecretString=self._text(content), **key)

    def replace(self, before: str, content: Mapping[str, Any]) -> None:
        """Put new content in the place of what was read; all at once, or not at all.

        :param before: the version that was read.
        :raises Conflict: somebody else has replaced it meanwhile.
        :raises Rejected: it is more than a secret holds.
        """
        with _translated(self._id, "secretsmanager:PutSecretValue"):
            made = self._client.put_secret_value(
                SecretId=self._id, SecretString=self._text(content), VersionStages=[_PENDING]
            )["VersionId"]
        with _translated(self._id, "secretsmanager:UpdateSecretVersionStage"):
            # Refused if the version that was read is not the current one any more.
            self._client.update_secret_version_stage(
                SecretId=self._id,
                VersionStage=_CURRENT,
                RemoveFromVersionId=before,
                MoveToVersionId=made,
            )

    def _text(self, content: Mapping[str, Any]) -> str:
        text = json.dumps(content)
        if len(text.encode()) > MOST_BYTES:
            raise Rejected("a secret holds 64 kilobytes, and this is more", where=self._id)
        return text


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
        moved = code == "InvalidParameterException" and action.endswith("VersionStage")
        if moved or code == "ResourceExistsException":
            raise Conflict(
                "somebody else has changed this secret meanwhile", where=secret_id, hint="try again"
            ) from error
        raise Unavailable(f"Secrets Manager answered {code}", where=secret_id) from error
    except BotoCoreError as error:
        raise Unavailable(
            f"Secrets Manager could not be reached: {type(error).__name__}", where=secret_id
        ) from error
