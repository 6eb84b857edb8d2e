"""A source as it is stored: its definition and its state. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SourceState


@dataclass(frozen=True)
class StoredSource:
    """A source as the table holds it.

    :param definition: None if it cannot be read, because an older or newer version wrote it.
    :param problem: why it cannot be read.
    :param leased_until: seconds since 1970 until which a sync holds it; 0 if none does. One that was killed
        has not given it back.
    """

    source_id: str
    definition: SourceDefinition | None
    problem: str
    state: SourceState
    leased_until: float
