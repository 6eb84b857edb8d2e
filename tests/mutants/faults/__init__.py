"""The table of faults, by the promise they break."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Area
from tests.mutants.faults import cloud, histories, redcap_server, relay, sync

AREAS: Final[tuple[Area, ...]] = (
    *cloud.AREAS,
    *histories.AREAS,
    *redcap_server.AREAS,
    *relay.AREAS,
    *sync.AREAS,
)
