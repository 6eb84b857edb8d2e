"""What a statement is about: the program as it is delivered, or one relay by its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_relay.config import RelaySettings, Settings, TlsSettings

PRODUCT: Final = "mwl-relay"


class Revision(NamedTuple):
    """One issue of the statements.

    :param version: of the program it describes.
    :param date: ``YYYY-MM-DD``.
    """

    version: str
    date: str
    change: str


REVISIONS: Final = (Revision("0.1.0", "2026-11-23", "First issue."),)
"""Oldest first. Whoever changes what a scanner can notice adds one."""


@dataclass(frozen=True)
class Subject:
    """What is described.

    :param version: of the program.
    :param settings: of one relay; None describes the program with its defaults.
    """

    version: str = REVISIONS[-1].version
    settings: Settings | None = None

    @property
    def relay(self) -> RelaySettings:
        """The ``[relay]`` table; the defaults if no relay's."""
        if self.settings is not None:
            return self.settings.relay
        return RelaySettings(cloud_url="https://worklist.example.org")  # the one without a default

    @property
    def tls(self) -> TlsSettings | None:
        """The ``[tls]`` table, if this relay has one."""
        return self.settings.tls if self.settings else None

    @property
    def of(self) -> str:
        """What the tables' values are those of."""
        return "this relay's settings" if self.settings else "the defaults"
