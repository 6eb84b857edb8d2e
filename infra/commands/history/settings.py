"""The key of the history, and the deployment whose history it is."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from pydantic import Field

from infra.commands.deployment import TableSettings
from infra.commands.environment import load
from lambdas.aws.secrets import Secrets
from lambdas.history.facts.pseudonyms import LEAST_BYTES, Pseudonyms
from shared.errors import AlreadyExists, NotFound, Rejected, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class HistorySettings(TableSettings):
    """What the commands of the history read from the environment."""

    history_key_secret_id: str = Field(
        default="mwl-relay/history-key",
        description='Secret with the history\'s key, {"key": "at least 32 random characters"}.',
    )


def make_key() -> str:
    """Make the secret with a new key, and return its name.

    :raises AlreadyExists: there is one: another key would give everybody other keys.
    """
    settings = load(HistorySettings)
    content = json.dumps({"key": secrets.token_urlsafe(48)})
    client = _client(settings)
    try:
        client.create_secret(
            Name=settings.history_key_secret_id,
            Description="Key of the history's pseudonyms",
            SecretString=content,
        )
    except client.exceptions.ResourceExistsException:
        raise AlreadyExists("the key is there already", where=settings.history_key_secret_id) from None
    except ClientError as error:
        raise Unavailable(
            f"Secrets Manager answered {error.response.get('Error', {}).get('Code', 'an error')}",
            where=settings.history_key_secret_id,
        ) from None
    return settings.history_key_secret_id


def pseudonyms() -> Pseudonyms:
    """Return what makes the keys of the deployment.

    :raises NotFound, Rejected, Unavailable: there is no key yet, it is none, or it cannot be read.
    """
    settings = load(HistorySettings)
    try:
        content = Secrets(lambda: _client(settings), now=time.time).read(settings.history_key_secret_id)
    except Unavailable as error:
        if "ResourceNotFound" in error.what:
            raise NotFound(
                "there is no key for the history yet",
                where=settings.history_key_secret_id,
                hint="make it once: mwl-cloud history make-key",
            ) from None
        raise
    key = content.get("key")
    if not isinstance(key, str):
        raise Rejected(
            f'is not {{"key": "at least {LEAST_BYTES} characters"}}', where=settings.history_key_secret_id
        )
    return Pseudonyms(key.encode())


def _client(settings: HistorySettings) -> SecretsManagerClient:
    return boto3.client("secretsmanager", region_name=settings.aws_region)
