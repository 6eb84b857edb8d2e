"""How far the journal had come, kept beside it in journal.mark: tells what a damaged journal.db lacks.

Events are in journal.db-wal before they are in journal.db. A ``-wal`` that was cut off, deleted or left
behind by ``cp journal.db`` takes acknowledged events with it, and SQLite does not notice. So each event's
number and name is also written here, through to the disk, before the scanner is answered; and here the
numbers of the journal are held against it when it is opened.

    {"journal": "6f1c...", "seq": 41}                                 all up to this number are in journal.db
    {"seq": 42, "event_id": "...", "step": "...", "kind": "N-SET", ...}   one line an event since then

A line that was cut off by a crash belongs to an event that nobody was answered Success for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_relay.storage.state_files import write_private

MARK_FILE: Final = "journal.mark"


class Noted(BaseModel):
    """An event as it is noted; never anything of a participant."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seq: int
    event_id: str
    sop_instance_uid: str
    kind: str
    calling_aetitle: str
    received_at: str


class Mark(NamedTuple):
    """How far a journal had come.

    :param journal: which journal: its random id.
    :param seq: all events up to this number had reached journal.db itself.
    :param noted: those after it.
    """

    journal: str
    seq: int
    noted: tuple[Noted, ...] = ()

    @property
    def last(self) -> int:
        """The number of the last event."""
        return max([self.seq, *(each.seq for each in self.noted)])


class MarkFile:
    """The file; used by one thread at a time.

    :raises OSError: from writing.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path

    def read(self) -> Mark | None:
        """Return what it says; None if it is not there, or was never written whole."""
        try:
            lines = self._path.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return None
        first = _parsed(lines[0]) if lines else {}
        if not isinstance(first.get("journal"), str) or not isinstance(first.get("seq"), int):
            return None
        return Mark(first["journal"], first["seq"], tuple(_noted(lines[1:])))

    def begin(self, journal: str, seq: int) -> None:
        """Say that everything up to a number is in journal.db."""
        write_private(self._path, json.dumps({"journal": journal, "seq": seq}).encode() + b"\n")

    def add(self, events: Sequence[Noted]) -> None:
        """Add events; they are on the disk when this returns."""
        lines = "".join(event.model_dump_json() + "\n" for event in events)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, lines.encode())
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _noted(lines: Sequence[str]) -> list[Noted]:
    found = []
    for line in lines:
        try:
            found.append(Noted.model_validate(_parsed(line)))
        except ValidationError:
            continue
    return found


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
