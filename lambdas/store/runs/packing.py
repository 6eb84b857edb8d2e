"""A source's state as its rows hold it: short in its own row, the longer part in another. Pure.

A sync that finds nothing new changes a few moments and its report; the rest of the state, which may be long,
stays as it is. So the row that every sync writes holds what changes every time, and all of the state as long
as it is short: DynamoDB charges each write by the kilobyte.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from lambdas.sources.state import SourceState

COLUMNS: Final = frozenset({"watermark", "last_run_at", "put_back"})
"""Parts of the state with a column of their own: people look at it in the table, or others write it."""

_SHORT: Final = frozenset(
    {
        "report",
        "sites",
        "rejected_count",
        "held_count",
        "definition",
        "reconciled_at",
        "ids_checked_at",
        "unchecked",
        "server_clock",
        "clock_asked_at",
        "unseen",
        "build",
        "failures",
        "paused_until",
        "banned_until",
        "feedback_at",
        "feedback_tries",
    }
)
"""What most syncs change, and what is never long."""

LONGEST_WITH_ALL: Final = 480
"""Bytes of a packed state that stays in one row, which has a kilobyte for all it holds."""


class Packed(NamedTuple):
    """A state, packed.

    :param short: what its own row holds.
    :param long: what another row holds; None: nothing.
    :param digest: of ``long``; empty if there is none.
    """

    short: bytes
    long: bytes | None
    digest: str


def packed(state: SourceState, *, apart: bool) -> Packed:
    """Return a state as its rows hold it.

    :param apart: it has another row already, and keeps it.
    """
    fields = state.model_dump(mode="json", exclude=set(COLUMNS), exclude_defaults=True)
    whole = _pack(fields)
    if not apart and len(whole) <= LONGEST_WITH_ALL:
        return Packed(whole, None, "")
    long = to_json({name: value for name, value in fields.items() if name not in _SHORT})
    short = _pack({name: value for name, value in fields.items() if name in _SHORT})
    return Packed(short, zlib.compress(long, 9), sha256(long).hexdigest()[:16])


def unpacked(
    short: bytes | None, long: bytes | None, watermark: str | None, last_run_at: str | None
) -> SourceState:
    """Return the state that rows hold.

    What another version wrote, and this one cannot read, is not known: a full read finds it all out again.
    """
    return state_of({**_unpack(long), **_unpack(short)}, watermark, last_run_at)


def state_of(fields: Mapping[str, Any], watermark: str | None, last_run_at: str | None) -> SourceState:
    """Return the state that some fields and columns make, as far as this version can read them."""
    try:
        return SourceState.model_validate({**fields, "watermark": watermark, "last_run_at": last_run_at})
    except ValidationError:
        return SourceState(last_run_at=datetime.fromisoformat(last_run_at) if last_run_at else None)


def _pack(fields: Mapping[str, Any]) -> bytes:
    return zlib.compress(to_json(fields), 9)


def _unpack(data: bytes | None) -> dict[str, Any]:
    found: dict[str, Any] = from_json(zlib.decompress(data)) if data else {}
    return found
