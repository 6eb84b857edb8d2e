"""The kinds of values that the relay's settings have, and what makes one of them unusable. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from shared.errors import Rejected


def _cloud_url(value: str) -> str:
    parts = urlsplit(value)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Rejected("must look like https://host/path")
    if parts.scheme == "http" and not loopback:
        raise Rejected("must begin with https://; plain http is allowed for this machine only")
    return value.rstrip("/")


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise Rejected("must be an absolute path, because a service may start in any folder")
    return path


Seconds = Annotated[float, Field(gt=0, le=86_400)]
"""A time of at most a day."""
Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port to listen on; 0: a free one, or none."""
PemFile = Annotated[Path, AfterValidator(_absolute)]
"""Where a file is, wherever the relay was started."""
CloudUrl = Annotated[str, AfterValidator(_cloud_url)]
"""Where the cloud's API is; https, but for a cloud on this machine."""
