"""The project's log: newest first, minute resolution, wording that nobody should depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Literal

Kind = Literal["export", "manage", "record_add", "record_edit", "record_delete"]


@dataclass(frozen=True)
class Entry:
    """One line of the log; `at` is exact, what the API shows of it is the minute.

    `record_now` is what its record has been renamed to since; the texts still say the old name.
    """

    at: datetime
    username: str
    kind: Kind
    action: str
    details: str
    record: str = ""
    record_now: str = ""

    @property
    def current_record(self) -> str:
        """What its record is called now."""
        return self.record_now or self.record

    def row(self, zone: tzinfo, *, renamed: bool = False) -> dict[str, str]:
        """The entry as `content=log` shows it, in the server's zone; `renamed`: by its record's name now."""
        return {
            "timestamp": self.at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            "username": self.username,
            "action": self.action,
            "details": self.details,
            "record": self.current_record if renamed else self.record,
        }


@dataclass
class Log:
    """What happened to a project, oldest first in memory."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Write one entry."""
        self.entries.append(entry)

    def rename(self, old: str, new: str) -> None:
        """Note that a record has another name now."""
        self.entries = [
            replace(entry, record_now=new) if entry.current_record == old else entry for entry in self.entries
        ]

    def newest_first(self) -> Iterator[Entry]:
        """The order in which REDCap shows it."""
        return reversed(self.entries)
