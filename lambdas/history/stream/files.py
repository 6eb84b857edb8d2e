"""Files of the history by name, in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Files(Protocol):
    """Where the history is kept; a name has ``/`` in it as a path has."""

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so, in order."""

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file in place of what was there."""

    def delete(self, name: str) -> None:
        """Delete a file; quiet if there is none."""


class Bucket:
    """The files of a bucket, below a prefix. Every method raises `Unavailable` if S3 does not do it.

    :param prefix: empty, or ending in ``/``.
    """

    def __init__(self, client: S3Client, name: str, prefix: str = "") -> None:
        self._client, self._name, self._prefix = client, name, prefix

    def names(self, prefix: str) -> list[str]:
        """See `Files`."""
        with _Translated(self._name):
            return list(self._names(prefix))

    def _names(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + prefix):
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(self._prefix)

    def read(self, name: str) -> bytes | None:
        """See `Files`."""
        with _Translated(self._name):
            try:
                return self._client.get_object(Bucket=self._name, Key=self._prefix + name)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None

    def write(self, name: str, content: bytes) -> None:
        """See `Files`."""
        with _Translated(self._name):
            self._client.put_object(Bucket=self._name, Key=self._prefix + name, Body=content)

    def delete(self, name: str) -> None:
        """See `Files`."""
        with _Translated(self._name):
            self._client.delete_object(Bucket=self._name, Key=self._prefix + name)


class _Translated:
    """Turns boto3's exceptions into ours."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "an error")
            raise Unavailable(f"S3 answered {code}", where=self._bucket) from error
        if isinstance(error, BotoCoreError):
            raise Unavailable(
                f"S3 could not be reached: {type(error).__name__}", where=self._bucket
            ) from error
