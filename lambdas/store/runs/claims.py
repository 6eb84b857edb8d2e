"""Which sources the schedule has asked for, so that none has two messages waiting. Pure.

A claim is the moment of the request, and the message carries it. Whoever takes the message notes it with the
source: then the claim is settled. One whose message was lost lapses, and the source is asked for again: the
queue drops a message just when its claim lapses, so there is never more than one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final
from zlib import crc32

from pydantic_core import from_json, to_json

CLAIM_SECONDS: Final = 900.0
"""How long a message may wait; also how long DueQueue keeps it (template.yaml)."""

SHARDS: Final = 16
"""Partitions over which the sources are spread."""

Claims = Mapping[str, float]
"""Source id -> when it was asked for, in seconds since 1970."""


def shard_of(source_id: str) -> int:
    """Return which shard holds what is remembered of a source."""
    return crc32(source_id.encode()) % SHARDS


def is_waiting(asked_at: float | None, taken: float, now: float) -> bool:
    """Tell whether a request is on its way still.

    :param asked_at: the source's claim; None: it has none.
    :param taken: the last claim that was taken; 0: none was.
    """
    return asked_at is not None and taken < asked_at <= now < asked_at + CLAIM_SECONDS


def packed(claims: Claims) -> bytes:
    """Return claims as their row holds them."""
    return zlib.compress(to_json(dict(claims)))


def unpacked(data: bytes | None) -> dict[str, float]:
    """Return the claims that a row holds."""
    found: dict[str, float] = from_json(zlib.decompress(data)) if data else {}
    return found
