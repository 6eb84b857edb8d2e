"""Secrets Manager, read through a short cache: a secret changed there is in use within a minute."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS: Final = 60.0
REFRESH_SECONDS: Final = 5.0
"""Even who asks for a fresh value gets one this old: callers may not make us hammer Secrets Manager."""


class Secrets:
    """Reads secrets whose content is a JSON object.

    :param client: returns boto3's ``secretsmanager`` client; not asked before it is needed, for clients are
        slow to make and most cold starts need none.
    :param now: seconds since 1970.
    """

    def __init__(self, client: Callable[[], SecretsManagerClient], *, now: Callable[[], float]) -> None:
        self._client, self._now = client, now
        self._cache: dict[str, tuple[float, dict[str, Any]]] = {}

    def read(self, secret_id: str, *, fresh: bool = False) -> dict[str, Any]:
        """Return a secret's content.

        :param fresh: the caller has reason to believe that it has changed.
        :raises Unavailable: it cannot be read, or is not a JSON object. The message never quotes it.
        """
        read_at, content = self._cache.get(secret_id, (-CACHE_SECONDS, {}))
        if 0 <= self._now() - read_at < (REFRESH_SECONDS if fresh else CACHE_SECONDS):
            return content
        content = self._fetch(secret_id)
        self._cache[secret_id] = (self._now(), content)
        return content

    def _fetch(self, secret_id: str) -> dict[str, Any]:
        try:
            # The stage is the one that AWS takes by itself; moto takes another after a rotation.
            answer = self._client().get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")
            text = answer.get("SecretString", "")
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise Unavailable(f"Secrets Manager answered {code}", where=secret_id) from error
        except BotoCoreError as error:
            raise Unavailable(
                f"Secrets Manager could not be reached: {type(error).__name__}", where=secret_id
            ) from error
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Unavailable("the secret's content is not a JSON object", where=secret_id) from None
        return content
