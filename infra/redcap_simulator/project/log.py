"""The project's log: newest first, minute resolution, wording that nobody should depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal

Kind = Literal["export", "manage", "record_add", "record_edit", "record_delete"]


@dataclass(frozen=True)
class Entry:
    """One line of the log; `at` is exact, what the API shows of it is the minute."""

    at: datetime
    username: str
    kind: Kind
    action: str
    details: str
    record: str = ""

    def row(self, zone: tzinfo) -> dict[str, str]:
        """The entry as `content=log` shows it, in the server's zone."""
        return {
            "timestamp": self.at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            "username": self.username,
            "action": self.action,
            "details": self.details,
            "record": self.record,
        }


@dataclass
class Log:
    """What happened to a project, oldest first in memory."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Write one entry."""
        self.entries.append(entry)

    def newest_first(self) -> Iterator[Entry]:
        """The order in which REDCap shows it."""
        return reversed(self.entries)
